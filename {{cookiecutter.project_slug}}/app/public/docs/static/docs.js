"use strict";

const configuration = JSON.parse(document.getElementById("configuration").textContent);

// Swagger UI has a dark style, but leaves it to the page to choose it.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const followSystem = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followSystem);
followSystem();

// What to do if the service refuses the caller, by status.
const REMEDIES = {
  401: "Log out, and sign in again.",
  403: "Log out and sign in with another account, or ask the operators of this service for access.",
  other: "Log out, and sign in again later.",
};

// The sign-in that waits for its response.
let question = null;

// A plug-in, as documented by Swagger UI.
const signIn = ({ React }) => ({
  statePlugins: {
    auth: {
      wrapActions: {
        authPopup: (original, { errActions }) => (address, info) => {
          errActions.clear({ authId: info.auth.name, type: "auth", source: "auth" });
          // Swagger UI's own state is the current second, which two tabs may share.
          question = { ...info, state: randomState() };
          const state = `state=${encodeURIComponent(info.state)}`;
          // In a fragment, the code is sent to no server, and is in no log.
          const asked = `state=${question.state}&response_mode=fragment`;
          if (!window.open(address.replace(state, asked))) {
            refuse(
              "The browser blocked the sign-in window. Allow pop-up windows for this page, " +
                "then select Authorize again.",
            );
          }
        },
      },
    },
  },
  wrapComponents: {
    oauth2: (Original) =>
      class extends Original {
        // A single-page application has no client secret.
        render() {
          const form = super.render();
          const rows = React.Children.toArray(form.props.children);
          return React.cloneElement(form, {}, ...rows.filter((row) => !asksForSecret(row)));
        }
      },
    // What follows tells screen readers what the page shows to the eye.
    authorizationPopup: (Original) =>
      class extends Original {
        componentDidMount() {
          super.componentDidMount();
          document.querySelector(".modal-ux").focus();
        }

        render() {
          const popup = super.render();
          const [backdrop, dialog] = popup.props.children;
          const described = { role: "dialog", "aria-modal": true, "aria-label": "Sign in", tabIndex: -1 };
          return React.cloneElement(popup, {}, backdrop, React.cloneElement(dialog, described));
        }
      },
    CloseIcon: (Original) => () =>
      React.createElement("span", { role: "img", "aria-label": "Close" }, React.createElement(Original)),
    InfoContainer: (Original) => (props) =>
      React.createElement("div", { role: "banner" }, React.createElement(Original, props)),
    // The button around it does what the link would do.
    DeepLink: () => ({ text }) => React.createElement("span", null, text),
    AuthorizeBtnContainer: (Original) => (props) => {
      const SignedIn = props.getComponent("SignedIn", true);
      return React.createElement(
        React.Fragment,
        null,
        React.createElement(SignedIn),
        React.createElement(Original, props),
      );
    },
  },
  components: {
    SignedIn: ({ authSelectors }) => {
      const token = authSelectors.authorized().first()?.getIn(["token", "access_token"]);
      const [text, setText] = React.useState("");
      React.useEffect(() => {
        let current = true;
        setText("");
        if (token) {
          describeCaller(token).then((description) => current && setText(description));
        }
        return () => {
          current = false;
        };
      }, [token]);
      return React.createElement("p", { className: "signed-in", role: "status" }, text);
    },
  },
});

const ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: configuration.openapiUrl,
  oauth2RedirectUrl: window.location.origin + configuration.redirectPath,
  deepLinking: true,
  displayRequestDuration: true,
  plugins: [signIn],
});
ui.initOAuth({
  clientId: configuration.clientId,
  scopes: configuration.scopes,
  usePkceWithAuthorizationCodeGrant: true,
});

// The sign-in window cannot reach this one through window.opener, because Entra ID may send a
// Cross-Origin-Opener-Policy that separates the two. The redirect page has the same origin, so the response
// comes through a channel. Only the response to the current sign-in counts.
const channel = new BroadcastChannel("oauth2-redirect");
channel.onmessage = ({ data }) => {
  const response = new URLSearchParams(data.response);
  if (!question || response.get("state") !== question.state) {
    return;
  }
  if (response.has("code")) {
    question.auth.code = response.get("code");
    question.callback({ auth: question.auth, redirectUrl: question.redirectUrl });
    question = null;
  } else {
    refuse(`${response.get("error")}: ${response.get("error_description") ?? ""}`);
  }
  channel.postMessage({ received: data.response });
};

function refuse(message) {
  question.errCb({ authId: question.auth.name, source: "auth", level: "error", message });
  question = null;
}

function randomState() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function asksForSecret(row) {
  const first = row.props?.children?.[0];
  return first?.props?.htmlFor?.startsWith("client_secret") ?? false;
}

async function describeCaller(token) {
  const headers = { Authorization: `Bearer ${token}` };
  let response, body;
  try {
    response = await fetch(configuration.callerPath, { headers });
    body = await response.json();
  } catch (error) {
    return `Signed in, but the service does not say as whom: ${error.message}. Reload this page and sign in again.`;
  }
  if (!response.ok) {
    return `Signed in, but refused: ${body.detail} ${REMEDIES[response.status] ?? REMEDIES.other}`;
  }
  const name = body.name ?? body.username ?? body.object_id;
  const username = body.username && body.username !== name ? ` (${body.username})` : "";
{% if cookiecutter.app_roles %}
  const roles = body.roles.length ? ` Roles: ${body.roles.join(", ")}.` : "";
  return `Signed in as ${name}${username}.${roles}`;
{% elif not cookiecutter.app_roles %}
  return `Signed in as ${name}${username}.`;
{% endif %}
}
