"""The errors of Entra ID: numbers, OAuth codes and texts."""

import time
from typing import Any
from uuid import uuid4

ERRORS: dict[int | str, tuple[str, str]] = {
    50011: (
        "invalid_request",
        "The redirect URI '{redirect_uri}' specified in the request does not match the redirect "
        "URIs configured for the application '{client}'.",
    ),
    50020: (
        "invalid_grant",
        "User account '{username}' does not exist in tenant '{tenant}' and cannot access the "
        "application in that tenant.",
    ),
    50027: ("invalid_request", "JWT token is invalid or malformed."),
    50034: (
        "invalid_grant",
        "The user account '{username}' does not exist in the {tenant} directory.",
    ),
    50194: (
        "invalid_request",
        "Application '{client}' is not configured as a multi-tenant application. Usage of the "
        "/common endpoint is not supported.",
    ),
    50058: (
        "login_required",
        "A silent sign-in request was sent but no user is signed in.",
    ),
    50059: (
        "invalid_request",
        "No tenant-identifying information found in either the request or implied by any provided "
        "credentials.",
    ),
    54005: (
        "invalid_grant",
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or "
        "use an existing refresh token.",
    ),
    65004: ("access_denied", "User declined to consent to access the app."),
    70000: ("invalid_grant", "The provided {credential} is not valid."),
    70003: ("unsupported_grant_type", "The grant type '{grant_type}' is not supported."),
    70007: (
        "invalid_request",
        "'{response_mode}' is not a supported value of 'response_mode' when requesting a code.",
    ),
    70008: ("invalid_grant", "The provided authorization code has expired."),
    70011: (
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The scope '{scope}' is not "
        "valid.",
    ),
    90002: ("invalid_request", "Tenant '{tenant}' not found."),
    500011: (
        "invalid_resource",
        "The resource principal named {resource} was not found in the tenant named {tenant}.",
    ),
    501481: (
        "invalid_grant",
        "The Code_Verifier does not match the code_challenge supplied in the authorization "
        "request.",
    ),
    501491: ("invalid_request", "Invalid size of Code_Challenge parameter."),
    700016: (
        "unauthorized_client",
        "Application with identifier '{client}' was not found in the directory.",
    ),
    700021: (
        "invalid_client",
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    ),
    700023: (
        "invalid_client",
        "Client assertion audience claim does not match Realm issuer.",
    ),
    700024: ("invalid_client", "Client assertion is not within its valid time range."),
    700025: (
        "invalid_client",
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    ),
    700027: (
        "invalid_client",
        "The certificate with identifier used to sign the client assertion is not registered on "
        "application '{client}'.",
    ),
    900144: (
        "invalid_request",
        "The request body must contain the following parameter: 'client_id'.",
    ),
    1002012: (
        "invalid_scope",
        "The provided value for scope {scope} is not valid. Client credential flows must have a "
        "scope value with /.default suffixed to the resource identifier (application ID URI).",
    ),
    7000215: (
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client "
        "secret value, not the client secret ID, for a secret added to app '{client}'.",
    ),
    7000218: (
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or "
        "'client_secret'.",
    ),
    9002325: (
        "invalid_request",
        "Proof Key for Code Exchange is required for cross-origin authorization code redemption.",
    ),
    9002326: (
        "invalid_request",
        "Cross-origin token redemption is permitted only for the 'Single-Page Application' "
        "client-type.",
    ),
    9002327: (
        "invalid_request",
        "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via "
        "cross-origin requests.",
    ),
    9010010: (
        "invalid_target",
        "The resource parameter provided in the request doesn't match with the requested scopes.",
    ),
    "replayed": ("invalid_client", "The client assertion was used before."),
    "prompt": ("invalid_request", "The value '{prompt}' of 'prompt' is not supported."),
    "response_type": ("unsupported_response_type", "The response type must be 'code'."),
    "code_challenge": (
        "invalid_request",
        "A code challenge with the method S256 is required.",
    ),
}
"""The OAuth code and text of each error, by AADSTS number, or by a name if none is known."""


class RefusedError(Exception):
    """A request that Entra ID refuses; `number` is the AADSTS number, if known."""

    def __init__(self, error: str, number: int | None, text: str) -> None:
        super().__init__(text)
        self.error = error
        self.number = number
        self.text = f"AADSTS{number}: {text}" if number else text

    def body(self) -> dict[str, Any]:
        """Return the response of the token endpoint."""
        now = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
        trace, correlation = str(uuid4()), str(uuid4())
        return {
            "error": self.error,
            "error_description": f"{self.text} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {now}",
            "error_codes": [self.number] if self.number else [],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
        }


def refused(key: int | str, **values: str | None) -> RefusedError:
    """Return the error with this key of ERRORS, for the caller to raise; `values` fill its text."""
    error, text = ERRORS[key]
    return RefusedError(error, key if isinstance(key, int) else None, text.format(**values))
