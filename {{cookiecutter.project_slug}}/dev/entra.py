"""A stand-in for Microsoft Entra ID on the developer's machine, without passwords.

It implements the v2.0 endpoints that a service and its clients use: discovery, signing keys,
authorization code with PKCE (RFC 7636, S256 only), refresh tokens, client credentials with a signed
assertion (RFC 7523) and sign-out.
"""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app.permissions import SCOPES
from dev.assertions import FOLDER, Assertions
from dev.directory import API_CLIENT_ID, DAEMONS, PEOPLE, TENANTS, Client, Daemon, Person, Tenant
from dev.errors import RefusedError, refused
from dev.grants import VERIFIER, Grant, Grants, code_challenge
from dev.issuer import API, API_SCOPES, SCOPE, TOKEN_SECONDS, SigningKey, TokenIssuer
from dev.sign_in import form_post, sign_in_page
from dev.tenancy_{{ cookiecutter.tenancy | replace("-tenant", "") }} import MULTI_TENANT

__all__ = ["API", "API_SCOPES", "MULTI_TENANT", "SCOPE", "SigningKey", "StandIn", "code_challenge"]

OIDC_SCOPES = {"openid", "profile", "email", "offline_access"}
ANY_TENANT = ("common", "organizations")
RESPONSE_MODES = ("query", "fragment", "form_post")
PROMPTS = ("none", "login", "consent", "select_account")


class StandIn(TokenIssuer):
    """Entra ID at an address of this machine, with registered clients; `app` is its ASGI application.

    `credentials` is the folder with the certificates of the daemons, and `identifier_uris` are
    those of the API, in addition to `api://CLIENT_ID`.
    """

    def __init__(
        self,
        address: str,
        clients: Sequence[Client],
        clock: Callable[[], float] = time.time,
        credentials: Path = FOLDER,
        identifier_uris: Sequence[str] = (),
    ) -> None:
        super().__init__(address, clock)
        self.identifier_uris = (API.rstrip("/"), *identifier_uris)
        self.clients = {client.id: client for client in clients}
        self._grants = Grants(clock)
        self._assertions = Assertions(clock, credentials)
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
                    allow_origins=sorted(origin for client in clients for origin in client.origins),
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
                "response_modes_supported": list(RESPONSE_MODES),
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
        mode = query.get("response_mode", "query")
        if not _registered(client, redirect_uri):
            raise refused(50011, redirect_uri=redirect_uri, client=client.id)
        try:
            response = self._authorized(request, tenant, client)
        except RefusedError as error:
            response = {
                "error": error.error,
                "error_description": error.body()["error_description"],
            }
        if isinstance(response, Response):
            return response
        response |= {"state": query["state"]} if "state" in query else {}
        if mode == "form_post":
            return form_post(redirect_uri, response)
        mark = "#" if mode == "fragment" else "?"
        return RedirectResponse(f"{redirect_uri}{mark}{urlencode(response)}", 302)

    def _authorized(
        self, request: Request, tenant: Tenant | None, client: Client
    ) -> Response | dict[str, str]:
        """Return the parameters for the client, or the account picker."""
        query = request.query_params
        if tenant is None and not MULTI_TENANT:
            raise refused(50194, client=API_CLIENT_ID)
        if query.get("response_type") != "code":
            raise refused("response_type")
        mode, prompt = query.get("response_mode", "query"), query.get("prompt", "login")
        if mode not in RESPONSE_MODES:
            raise refused(70007, response_mode=mode)
        if prompt not in PROMPTS:
            raise refused("prompt", prompt=prompt)
        scopes = self._scopes(query)
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            raise refused("code_challenge")
        if not VERIFIER.fullmatch(query["code_challenge"]):
            raise refused(501491)
        if prompt == "none":
            raise refused(50058)
        if query.get("error"):
            raise refused(65004)
        people = {p.username: p for p in PEOPLE if tenant in (None, p.tenant)}
        username = query.get("login_hint", "")
        person = people.get(username)
        if person is None or prompt == "select_account":
            error = _unknown(username, tenant) if username and person is None else ""
            return sign_in_page(query, list(people.values()), client, error)
        grant = Grant(
            client,
            person,
            scopes,
            redirect_uri=query["redirect_uri"],
            challenge=query["code_challenge"],
            nonce=query.get("nonce"),
        )
        return {"code": self._grants.new_code(grant)} | _client_info(person, query)

    async def _token(self, request: Request) -> JSONResponse:
        tenant = _tenant(request)
        form = {name: str(value) for name, value in (await request.form()).items()}
        if form.get("grant_type") == "client_credentials":
            return self._app_only(request, tenant, form)
        client = self._client(form.get("client_id"))
        match form.get("grant_type"):
            case "authorization_code":
                grant = self._grants.redeem_code(form, client, request.headers.get("origin"))
            case "refresh_token":
                origin = request.headers.get("origin")
                grant = self._grants.redeem_refresh_token(form, client, origin)
            case other:
                raise refused(70003, grant_type=other)
        tokens = self._tokens(grant) | _client_info(grant.person, form)
        return JSONResponse(tokens, headers={"Cache-Control": "no-store"})

    def _app_only(
        self, request: Request, tenant: Tenant | None, form: dict[str, str]
    ) -> JSONResponse:
        """Return the response to a daemon (RFC 6749, section 4.4)."""
        presented = "client_assertion" in form or "client_secret" in form
        daemon = self._daemon(form.get("client_id"), tenant, presented=presented)
        oauth2 = f"{self.address}/{request.path_params['tenant']}"
        audiences = {f"{oauth2}/oauth2/v2.0/token", f"{oauth2}/v2.0"}
        self._assertions.check(form, daemon, audiences)
        scope = form.get("scope", "")
        resource, _, suffix = scope.rpartition("/")
        if suffix != ".default" or " " in scope:
            raise refused(1002012, scope=scope)
        if resource not in self.identifier_uris:
            raise refused(500011, resource=resource, tenant=daemon.tenant.name)
        tokens = {
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS - 1,
            "ext_expires_in": TOKEN_SECONDS - 1,
            "access_token": self.app_only_token(daemon),
        }
        return JSONResponse(tokens, headers={"Cache-Control": "no-store"})

    def _daemon(self, client_id: str | None, tenant: Tenant | None, *, presented: bool) -> Daemon:
        """Return the daemon with this client id, which is registered in its own tenant only.

        `presented` says whether the client presents a credential.
        """
        if client_id is None:
            raise refused(900144)
        if tenant is None:
            raise refused(50059)
        for daemon in DAEMONS:
            if daemon.client_id == client_id.lower() and daemon.tenant == tenant:
                return daemon
        self._client(client_id)
        raise refused(700025 if presented else 7000218)

    def _tokens(self, grant: Grant) -> dict[str, Any]:
        # Without a scope of the API, the access token is for Microsoft Graph.
        api_scopes = grant.scopes - OIDC_SCOPES or grant.scopes - {"offline_access"}
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

    def _scopes(self, form: Mapping[str, str]) -> frozenset[str]:
        """Return the scopes of a request; `.default` stands for every scope of the API.

        They must belong to the `resource` (RFC 8707) that the request names, if any.
        """
        asked = frozenset(form.get("scope", "").split())
        of_api = asked - OIDC_SCOPES
        default = frozenset(scope for scope in of_api if scope.endswith("/.default"))
        values = (".default", *(scope.value for scope in SCOPES))
        known = {f"{uri}/{value}" for uri in self.identifier_uris for value in values}
        if not asked or not of_api <= known or default not in (of_api, frozenset()):
            raise refused(70011, scope=form.get("scope", ""))
        if resource := form.get("resource"):
            named = {scope.rpartition("/")[0] for scope in of_api}
            if resource not in self.identifier_uris or named - {resource}:
                raise refused(9010010)
        return asked - default | (API_SCOPES if default else frozenset())

    def _client(self, client_id: str | None) -> Client:
        if client_id is None:
            raise refused(900144)
        if client_id.lower() not in self.clients:
            raise refused(700016, client=client_id)
        return self.clients[client_id.lower()]


def _tenant(request: Request) -> Tenant | None:
    """Return the tenant in the path, or None if it depends on the person."""
    segment = request.path_params["tenant"].lower()
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


def _client_info(person: Person, asked: Mapping[str, str]) -> dict[str, str]:
    """Return the ids of the person as MSAL requests them, with `client_info=1`."""
    if asked.get("client_info") != "1":
        return {}
    info = json.dumps({"uid": person.object_id, "utid": person.tenant.id}).encode()
    return {"client_info": urlsafe_b64encode(info).rstrip(b"=").decode()}


def _registered(client: Client, redirect_uri: str) -> bool:
    """Return whether a redirect URI is registered. A program on the user's machine chooses its port."""
    if client.single_page:
        return redirect_uri in client.redirect_uris
    try:
        parts = urlsplit(redirect_uri)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.hostname}{parts.path}".rstrip("/") in client.redirect_uris


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101  registered for this class only
    if request.method == "POST":
        return JSONResponse(error.body(), 401 if error.error == "invalid_client" else 400)
    text = escape(error.body()["error_description"])
    return HTMLResponse(f"<!doctype html><title>Sign-in refused</title><p>{text}", 400)
