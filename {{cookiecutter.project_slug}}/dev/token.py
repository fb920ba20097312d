"""Gets a real token through the real flow, authorization code with PKCE, without a browser."""

import secrets
import sys
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import httpx2

from dev.certificate import CERTIFICATE, trusting_context
from dev.directory import COMMAND, Person, person_called
from dev.entra import API_SCOPES, code_challenge


def fetch_token(name: str, entra_port: int) -> str:
    """Return an access token for this person from the running stand-in.

    Ends the program with a sentence if no stand-in listens there.
    """
    schemes = ("http", "https") if CERTIFICATE.exists() else ("http",)
    for scheme in schemes:
        with suppress(httpx2.HTTPError, KeyError, ValueError):
            return _fetch_token(person_called(name), f"{scheme}://localhost:{entra_port}")
    sys.exit(
        f"No stand-in for Entra ID answers on port {entra_port}. Start it in another terminal "
        "with `uv run python -m dev`, or set its port with --entra-port."
    )


def _fetch_token(person: Person, address: str) -> str:
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
    verify = trusting_context() if address.startswith("https:") else True
    # A proxy in the environment cannot reach this machine.
    with httpx2.Client(trust_env=False, verify=verify) as client:
        response = client.get(f"{oauth2}/authorize", params=question)
        (code,) = parse_qs(urlsplit(response.headers["location"]).query)["code"]
        redemption = {
            "client_id": COMMAND.id,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        response = client.post(f"{oauth2}/token", data=redemption)
        token: str = response.json()["access_token"]
        return token
