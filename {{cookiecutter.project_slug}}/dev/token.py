"""Gets a real token through the real flow, without a browser.

For a person, it uses an authorization code with PKCE; for a daemon, a signed assertion.
"""

import secrets
import sys
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import httpx2

from dev.assertions import ASSERTION_TYPE, signed_assertion
from dev.certificate import CERTIFICATE, trusting_context
from dev.directory import COMMAND, Daemon, Person, daemon_called, person_called
from dev.entra import API, API_SCOPES, code_challenge


def fetch_token(name: str, entra_port: int) -> str:
    """Return an access token for this person or daemon from the running stand-in.

    Ends the program with a message if no stand-in listens there.
    """
    schemes = ("http", "https") if CERTIFICATE.exists() else ("http",)
    for scheme in schemes:
        with suppress(httpx2.HTTPError, KeyError, ValueError):
            address = f"{scheme}://localhost:{entra_port}"
            # A proxy in the environment cannot reach this machine.
            verify = trusting_context() if scheme == "https" else True
            with httpx2.Client(trust_env=False, verify=verify) as http:
                daemon = daemon_called(name)
                if daemon:
                    return _token_of_daemon(http, daemon, address)
                return _token_of_person(http, person_called(name), address)
    sys.exit(
        f"No stand-in for Entra ID answers on port {entra_port}. Start it in another terminal "
        "with `uv run python -m dev`, or set its port with --entra-port."
    )


def _token_of_daemon(http: httpx2.Client, daemon: Daemon, address: str) -> str:
    token_endpoint = f"{address}/{daemon.tenant.id}/oauth2/v2.0/token"
    request = {
        "client_id": daemon.client_id,
        "grant_type": "client_credentials",
        "scope": f"{API}.default",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed_assertion(daemon, token_endpoint),
    }
    token: str = http.post(token_endpoint, data=request).json()["access_token"]
    return token


def _token_of_person(http: httpx2.Client, person: Person, address: str) -> str:
    oauth2 = f"{address}/{person.tenant.id}/oauth2/v2.0"
    verifier = secrets.token_urlsafe(48)
    (redirect_uri,) = COMMAND.redirect_uris
    question = {
        "client_id": COMMAND.id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": " ".join(sorted(API_SCOPES)),
        "code_challenge": code_challenge(verifier),
        "code_challenge_method": "S256",
        "login_hint": person.username,
    }
    response = http.get(f"{oauth2}/authorize", params=question)
    (code,) = parse_qs(urlsplit(response.headers["location"]).query)["code"]
    redemption = {
        "client_id": COMMAND.id,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    token: str = http.post(f"{oauth2}/token", data=redemption).json()["access_token"]
    return token
