"""The caller's profile, read from Microsoft Graph by a token exchange over TLS.

The template's test passes the port of the server as `PORT`, because the managed identity's address is
read when the code is imported.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
import trustme
import uvicorn
from cryptography import x509
from dev.directory import API_CLIENT_ID, docs_page, person_called
from dev.entra import API_SCOPES, StandIn
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

PORT = int(os.environ["PORT"])
ADDRESS = f"https://localhost:{PORT}"
IDENTITY_TOKEN = "a token of the managed identity"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BY_CERTIFICATE = os.environ["WAY"] == "certificate"


class Microsoft:
    """A token endpoint for exchanges, a managed identity, and Microsoft Graph."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self.certificate = certificate
        self.stand_in = StandIn(ADDRESS, [docs_page(8000)])
        self.exchanged: dict[str, str] = {}
        self.app = Starlette(
            routes=[
                Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
                Route("/identity", self._identity),
                Route("/v1.0/me", self._me),
                Mount("/", self.stand_in.app),
            ]
        )

    def token_of(self, name: str) -> str:
        """Return an access token of a person for the service."""
        token = self.stand_in.access_token(person_called(name), docs_page(8000), API_SCOPES)
        return str(token)

    async def _token(self, request: Request) -> JSONResponse:
        form = {name: str(value) for name, value in (await request.form()).items()}
        assert "client_secret" not in form
        assert form["grant_type"] == JWT_BEARER
        assert form["requested_token_use"] == "on_behalf_of"
        assert form["client_id"] == API_CLIENT_ID
        assert f"{ADDRESS}/.default" in form["scope"].split()
        assert form["client_assertion_type"] == ASSERTION
        if BY_CERTIFICATE:
            key: Any = self.certificate.public_key()
            said = jwt.decode(
                form["client_assertion"], key, ["RS256", "PS256"], audience=str(request.url)
            )
            assert said["iss"] == said["sub"] == API_CLIENT_ID
        else:
            assert form["client_assertion"] == IDENTITY_TOKEN
        person = jwt.decode(form["assertion"], options={"verify_signature": False})
        assert request.path_params["tenant"] == person["tid"]
        assert form["assertion"] == self.given
        if person["name"] == "Carol":
            text = "AADSTS65001: The user or administrator has not consented."
            return JSONResponse({"error": "invalid_grant", "error_description": text}, 400)
        token = f"a token of Microsoft Graph for {person['name']}"
        self.exchanged[f"Bearer {token}"] = person["name"]
        return JSONResponse({"token_type": "Bearer", "access_token": token, "expires_in": 3600})

    async def _identity(self, request: Request) -> JSONResponse:
        assert request.headers["X-IDENTITY-HEADER"] == os.environ["IDENTITY_HEADER"]
        assert request.query_params["resource"] == "api://AzureADTokenExchange"
        expires = str(int(time.time()) + 3600)
        return JSONResponse({"access_token": IDENTITY_TOKEN, "expires_on": expires})

    async def _me(self, request: Request) -> JSONResponse:
        name = self.exchanged[request.headers["Authorization"]]
        return JSONResponse({"displayName": name, "department": "Sales", "other": "x"})

    given = ""
    """The token with which the service was called."""


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """Return an authority that every HTTP client of this process trusts."""
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(file))
    return authority


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return the file with the certificate and the private key of the API."""
    issued = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert(
        "api.example", key_type=trustme.KeyType.RSA
    )
    file = tmp_path / "api.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(file))
    return file


@pytest.fixture
def microsoft(authority: trustme.CA, certificate: Path, tmp_path: Path) -> Iterator[Microsoft]:
    """Return Microsoft, served over TLS."""
    microsoft = Microsoft(x509.load_pem_x509_certificate(certificate.read_bytes()))
    pem = tmp_path / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    server = uvicorn.Server(
        uvicorn.Config(
            microsoft.app, host="localhost", port=PORT, log_config=None, ssl_certfile=str(pem)
        )
    )
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield microsoft
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def client(
    microsoft: Microsoft, certificate: Path, build: Callable[..., Any]
) -> Iterator[TestClient]:
    """Return a client of the service, which exchanges tokens there."""
    settings = {"entra_authority": ADDRESS, "graph_address": ADDRESS}
    if BY_CERTIFICATE:
        settings["api_certificate"] = str(certificate)
    app = build(microsoft.stand_in, **settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def ask(client: TestClient, microsoft: Microsoft, name: str) -> Any:
    """Ask the service for the profile of a person."""
    microsoft.given = microsoft.token_of(name)
    return client.get("/api/profile", headers={"Authorization": f"Bearer {microsoft.given}"})


def test_profile_is_read_with_the_exchanged_token(client: TestClient, microsoft: Microsoft) -> None:
    for name in ("bob", "alice"):
        response = ask(client, microsoft, name)
        assert response.status_code == 200, response.text
        assert response.json() == {"displayName": name.capitalize(), "department": "Sales"}


def test_missing_consent_is_a_403(client: TestClient, microsoft: Microsoft) -> None:
    response = ask(client, microsoft, "carol")
    assert (response.status_code, response.json()["detail"]) == (
        403,
        "Entra ID issues no token for Microsoft Graph.",
    )


def test_guest_is_refused_before_the_exchange(client: TestClient, microsoft: Microsoft) -> None:
    assert ask(client, microsoft, "gita").status_code == 403
    assert not microsoft.exchanged


def test_unreachable_token_endpoint_is_a_503(
    microsoft: Microsoft, certificate: Path, build: Callable[..., Any]
) -> None:
    nowhere = "https://localhost:1"
    stand_in = StandIn(nowhere, [docs_page(8000)])
    settings = {"entra_authority": nowhere, "api_certificate": str(certificate)}
    token = stand_in.access_token(person_called("bob"), docs_page(8000), API_SCOPES)
    with TestClient(build(stand_in, **settings), raise_server_exceptions=False) as client:
        response = client.get("/api/profile", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 503
