"use strict";

const response = window.location.hash.slice(1) || window.location.search.slice(1);
// The code does not belong in the address, nor in the history.
window.history.replaceState(null, "", window.location.pathname);

const message = document.getElementById("message");
message.textContent = "Passing the sign-in to the docs page.";
const waiting = setTimeout(() => {
  const { error, error_description: description } = Object.fromEntries(new URLSearchParams(response));
  // Anyone can write a link to this page, so what it says is shown as text.
  message.textContent = error
    ? `The sign-in failed with ${error}: ${description ?? ""}\nClose this window, open the docs page and ` +
      "sign in there. If it fails again, show this message to the operators of the service."
    : "No docs page is waiting for this sign-in. Close this window, open the docs page and sign in there.";
}, 3000);

const channel = new BroadcastChannel("oauth2-redirect");
channel.onmessage = ({ data }) => {
  if (data.received === response) {
    clearTimeout(waiting);
    message.textContent = "Done. You can close this window.";
    window.close();
  }
};
channel.postMessage({ response });
