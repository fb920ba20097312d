"use strict";

const configuration = JSON.parse(document.getElementById("configuration").textContent);

const ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: configuration.openapiUrl,
  oauth2RedirectUrl: window.location.origin + configuration.redirectPath,
  deepLinking: true,
  displayRequestDuration: true,
});
ui.initOAuth({
  clientId: configuration.clientId,
  scopes: configuration.scopes,
  usePkceWithAuthorizationCodeGrant: true,
});

// The sign-in window cannot reach this one through window.opener, because Entra ID may send a
// Cross-Origin-Opener-Policy that separates the two. The redirect page has the same origin, so the answer
// comes through a channel. Only the answer to the current sign-in counts.
const channel = new BroadcastChannel("oauth2-redirect");
channel.onmessage = ({ data }) => {
  const question = window.swaggerUIRedirectOauth2;
  const answer = new URLSearchParams(data.answer);
  if (!question?.state || answer.get("state") !== question.state) {
    return;
  }
  delete question.state;
  if (answer.has("code")) {
    question.auth.code = answer.get("code");
    question.callback({ auth: question.auth, redirectUrl: question.redirectUrl });
  } else {
    const message = `${answer.get("error")}: ${answer.get("error_description") ?? ""}`;
    question.errCb({ authId: question.auth.name, source: "auth", level: "error", message });
  }
  channel.postMessage({ received: true });
};
