"""A stand-in for Microsoft Entra ID on the developer's machine, without passwords.

It implements the v2.0 endpoints that a service and its clients use: discovery, signing keys,
authorization code with PKCE (RFC 7636, S256 only), refresh tokens and sign-out.
"""

import time
from collections.abc import Callable, Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from dev.directory import API_CLIENT_ID, PEOPLE, TENANTS, Client, Tenant
from dev.errors import RefusedError, refused
from dev.grants import Grant, Grants, code_challenge
from dev.issuer import API_SCOPES, SCOPE, TOKEN_SECONDS, SigningKey, TokenIssuer
from dev.sign_in import sign_in_page
from dev.tenancy_{{ cookiecutter.tenancy | replace("-tenant", "") }} import MULTI_TENANT

__all__ = ["API_SCOPES", "MULTI_TENANT", "SCOPE", "SigningKey", "StandIn", "code_challenge"]

OIDC_SCOPES = {"openid", "profile", "email", "offline_access"}
ANY_TENANT = ("common", "organizations")


class StandIn(TokenIssuer):
    """Entra ID at an address of this machine, with registered clients; `app` is its ASGI application."""

    def __init__(
        self, address: str, clients: Sequence[Client], clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(address, clock)
        self.clients = {client.id: client for client in clients}
        self._grants = Grants(clock)
        pages = [uri for client in clients if client.single_page for uri in client.redirect_uris]
        self.app = Starlette(
            routes=[
                Route("/{tenant}/v2.0/.well-known/openid-configuration", self._discovery),
                Route("/{tenant}/discovery/v2.0/keys", self._keys),
                Route("/{tenant}/oauth2/v2.0/authorize", self._authorize),
                Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
                Route("/{tenant}/oauth2/v2.0/logout", self._logout),
            ],
            middleware=[
                Middleware(
                    CORSMiddleware,
                    allow_origins=[_origin(uri) for uri in pages],
                    allow_methods=["GET", "POST"],
                    allow_headers=["*"],
                )
            ],
            exception_handlers={RefusedError: _refusal},
        )

    async def _discovery(self, request: Request) -> JSONResponse:
        tenant = _tenant(request)
        segment = tenant.id if tenant else request.path_params["tenant"]
        oauth2 = f"{self.address}/{segment}/oauth2/v2.0"
        return JSONResponse(
            {
                "issuer": self.issuer(tenant.id if tenant else "{tenantid}"),
                "authorization_endpoint": f"{oauth2}/authorize",
                "token_endpoint": f"{oauth2}/token",
                "end_session_endpoint": f"{oauth2}/logout",
                "jwks_uri": f"{self.address}/{segment}/discovery/v2.0/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "scopes_supported": sorted(OIDC_SCOPES),
            }
        )

    async def _keys(self, request: Request) -> JSONResponse:
        tenant = _tenant(request)
        issuer = self.issuer(tenant.id if tenant else "{tenantid}")
        return JSONResponse({"keys": [key.public_jwk(issuer) for key in self.keys]})

    async def _authorize(self, request: Request) -> Response:
        query = request.query_params
        tenant = _tenant(request)
        client = self._client(query.get("client_id"))
        redirect_uri = query.get("redirect_uri", "")
        if not _registered(client, redirect_uri):
            raise refused(50011, redirect_uri=redirect_uri, client=client.id)
        try:
            answer = self._authorized(request, tenant, client)
        except RefusedError as error:
            answer = {
                "error": error.error,
                "error_description": error.body()["error_description"],
            }
        if isinstance(answer, Response):
            return answer
        answer |= {"state": query["state"]} if "state" in query else {}
        return RedirectResponse(f"{redirect_uri}?{urlencode(answer)}", 302)

    def _authorized(
        self, request: Request, tenant: Tenant | None, client: Client
    ) -> Response | dict[str, str]:
        """Return the parameters for the client, or the account picker."""
        query = request.query_params
        if tenant is None and not MULTI_TENANT:
            raise refused(50194, client=API_CLIENT_ID)
        if query.get("response_type") != "code":
            raise refused("response_type")
        scopes = _scopes(query.get("scope", ""))
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            raise refused("code_challenge")
        if query.get("error"):
            raise refused(65004)
        people = {p.username: p for p in PEOPLE if tenant in (None, p.tenant)}
        username = query.get("login_hint", "")
        person = people.get(username)
        if person is None:
            error = _unknown(username, tenant) if username else ""
            return sign_in_page(query, list(people.values()), client, error)
        grant = Grant(
            client,
            person,
            scopes,
            redirect_uri=query["redirect_uri"],
            challenge=query["code_challenge"],
            nonce=query.get("nonce"),
        )
        return {"code": self._grants.new_code(grant)}

    async def _token(self, request: Request) -> JSONResponse:
        _tenant(request)
        form = {name: str(value) for name, value in (await request.form()).items()}
        client = self._client(form.get("client_id"))
        match form.get("grant_type"):
            case "authorization_code":
                grant = self._grants.redeem_code(form, client, request.headers.get("origin"))
            case "refresh_token":
                grant = self._grants.redeem_refresh_token(form, client)
            case "client_credentials":
                raise refused(7000218)
            case other:
                raise refused(70003, grant_type=other)
        return JSONResponse(self._tokens(grant), headers={"Cache-Control": "no-store"})

    def _tokens(self, grant: Grant) -> dict[str, Any]:
        api_scopes = grant.scopes - OIDC_SCOPES
        tokens: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": " ".join(sorted(api_scopes)),
            "expires_in": TOKEN_SECONDS - 1,
            "ext_expires_in": TOKEN_SECONDS - 1,
            "access_token": self.access_token(grant.person, grant.client, api_scopes),
        }
        if "offline_access" in grant.scopes:
            tokens["refresh_token"] = self._grants.new_refresh_token(grant)
        if "openid" in grant.scopes:
            tokens["id_token"] = self.id_token(grant.person, grant.client, grant.nonce)
        return tokens

    async def _logout(self, request: Request) -> Response:
        _tenant(request)
        target = request.query_params.get("post_logout_redirect_uri", "")
        if any(_registered(client, target) for client in self.clients.values()):
            return RedirectResponse(target, 302)
        return HTMLResponse("<!doctype html><title>Signed out</title><p>You are signed out.")

    def _client(self, client_id: str | None) -> Client:
        if client_id is None:
            raise refused(900144)
        if client_id not in self.clients:
            raise refused(700016, client=client_id)
        return self.clients[client_id]


def _tenant(request: Request) -> Tenant | None:
    """Return the tenant in the path, or None if it depends on the person."""
    segment = request.path_params["tenant"]
    if segment in ANY_TENANT:
        return None
    for tenant in TENANTS:
        if segment in (tenant.id, tenant.domain):
            return tenant
    raise refused(90002, tenant=segment)


def _unknown(username: str, tenant: Tenant | None) -> str:
    """Return Entra ID's message about a person who cannot sign in here."""
    directory = tenant.name if tenant else "any"
    elsewhere = tenant and any(person.username == username for person in PEOPLE)
    return refused(50020 if elsewhere else 50034, username=username, tenant=directory).text


def _scopes(text: str) -> frozenset[str]:
    scopes = frozenset(text.split())
    if not scopes <= OIDC_SCOPES | API_SCOPES or not scopes & API_SCOPES:
        raise refused(70011, scope=text)
    return scopes


def _registered(client: Client, redirect_uri: str) -> bool:
    """Return whether a redirect URI is registered. A program on the user's machine chooses its port."""
    if client.single_page:
        return redirect_uri in client.redirect_uris
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.hostname}{parts.path}".rstrip("/") in client.redirect_uris


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101  registered for this class only
    if request.method == "POST":
        return JSONResponse(error.body(), 401 if error.error == "invalid_client" else 400)
    text = escape(error.body()["error_description"])
    return HTMLResponse(f"<!doctype html><title>Sign-in refused</title><p>{text}", 400)
