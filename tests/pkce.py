"""A client that signs in with PKCE, as the docs page does, and calls the service."""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from html import unescape
from typing import Self
from urllib.parse import parse_qs, urlsplit

import httpx2


class Visitor:
    """A person who signs in on the docs page of a service."""

    def __init__(self, service: str) -> None:
        self.http = httpx2.Client(base_url=service, trust_env=False, timeout=20)
        self.service = service
        document = self.http.get("/openapi.json").json()
        (scheme,) = document["components"]["securitySchemes"].values()
        self.flow = scheme["flows"]["authorizationCode"]
        (self.client_id,) = re.findall(r'"clientId": "([^"]+)"', self.http.get("/docs").text)
        self.transcript: list[str] = []

    def __enter__(self) -> Self:
        """Return the visitor."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.http.close()

    def sign_in(self, person: str) -> dict[str, str]:
        """Sign in as this person; return the headers of a request signed in as them.

        Raises AssertionError if the account picker does not show the person.
        """
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        digest = hashlib.sha256(verifier.encode()).digest()
        (scope,) = self.flow["scopes"]
        question = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": f"{self.service}/oauth2-redirect",
            "scope": scope,
            "state": state,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        picker = self.http.get(self.flow["authorizationUrl"], params=question)
        self._note(picker)
        assert picker.status_code == 200, picker.text
        hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', picker.text)
        accounts = re.findall(r'name="login_hint" value="([^"]+)"', picker.text)
        (account,) = [name for name in accounts if name.startswith(f"{person}@")] or [None]
        assert account, f"The account picker shows {accounts}, not {person}."
        answers = {name: unescape(value) for name, value in hidden} | {"login_hint": account}
        back = self.http.get(self.flow["authorizationUrl"], params=answers)
        self._note(back)
        parameters = parse_qs(urlsplit(back.headers["location"]).query)
        assert parameters["state"] == [state]
        redemption = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": parameters["code"][0],
            "redirect_uri": question["redirect_uri"],
            "code_verifier": verifier,
        }
        response = self.http.post(
            self.flow["tokenUrl"], data=redemption, headers={"Origin": self.service}
        )
        self._note(response)
        assert response.status_code == 200, response.text
        assert response.headers["access-control-allow-origin"] == self.service
        return {"Authorization": f"Bearer {response.json()['access_token']}"}

    def call(
        self, method: str, path: str, headers: dict[str, str], body: object = None
    ) -> httpx2.Response:
        """Call the service."""
        response = self.http.request(method, path, headers=headers, json=body)
        self._note(response)
        return response

    def _note(self, response: httpx2.Response) -> None:
        url = urlsplit(str(response.request.url))
        self.transcript.append(f"{response.request.method} {url.path} -> {response.status_code}")
