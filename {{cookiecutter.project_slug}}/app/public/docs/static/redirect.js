"use strict";

const channel = new BroadcastChannel("oauth2-redirect");
const waiting = setTimeout(() => {
  document.getElementById("message").textContent =
    "No docs page is waiting for this sign-in. Close this window, open the docs page and sign in there.";
}, 3000);

channel.onmessage = ({ data }) => {
  if (data.received) {
    clearTimeout(waiting);
    document.getElementById("message").textContent = "Done. You can close this window.";
    window.close();
  }
};
channel.postMessage({ answer: window.location.search });

// The code does not belong in the history.
window.history.replaceState(null, "", window.location.pathname);
