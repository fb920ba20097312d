"""A stand-in for Microsoft Entra ID, for one machine: it asks for no password.

It speaks the part of the v2.0 endpoints that a service and its clients use: discovery, signing
keys, authorization code with PKCE (RFC 7636, S256 only), refresh tokens and sign-out.
"""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app.permissions import ACCESS_AS_USER, SCOPES
from dev.directory import API_CLIENT_ID, PEOPLE, TENANTS, Client, Person, Tenant
from dev.sign_in import sign_in_page

API = f"api://{API_CLIENT_ID}/"
SCOPE = f"{API}{ACCESS_AS_USER.value}"
API_SCOPES = frozenset(f"{API}{scope.value}" for scope in SCOPES)
OIDC_SCOPES = {"openid", "profile", "email", "offline_access"}
TOKEN_SECONDS = 3600
CODE_SECONDS = 60
MULTI_TENANT = {{ cookiecutter.tenancy == "multi-tenant" }}
"""Whether users of every organisation may sign in to the API's app registration."""
ANY_TENANT = ("common", "organizations")


class RefusedError(Exception):
    """A request that Entra ID refuses; `number` is that of its AADSTS error, where one is known."""

    def __init__(self, error: str, number: int | None, text: str) -> None:
        super().__init__(text)
        self.error = error
        self.number = number
        self.text = f"AADSTS{number}: {text}" if number else text

    def body(self) -> dict[str, Any]:
        """Return the answer of the token endpoint."""
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


@dataclass
class Grant:
    """What a person allowed a client, for which a code or a refresh token stands."""

    client: Client
    person: Person
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str
    nonce: str | None
    expires_at: float
    used: bool = False


class SigningKey:
    """A key pair, published under its id. It is generated when it is first used."""

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(20)

    @cached_property
    def private(self) -> rsa.RSAPrivateKey:
        """The private key, of which the public key is a part."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public_jwk(self, issuer: str) -> dict[str, Any]:
        """Return the public key as Entra ID publishes it."""
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        numbers = {name: jwk[name] for name in ("kty", "n", "e")}
        return numbers | {"use": "sig", "kid": self.id, "x5t": self.id, "issuer": issuer}


class StandIn:
    """Entra ID at an address of this machine, with its registered clients. `app` serves it."""

    def __init__(
        self, address: str, clients: Sequence[Client], clock: Callable[[], float] = time.time
    ) -> None:
        self.address = address
        self.clients = {client.id: client for client in clients}
        self.keys = [SigningKey()]
        self.clock = clock
        self._codes: dict[str, Grant] = {}
        self._refresh_tokens: dict[str, Grant] = {}
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

    def rotate_keys(self) -> None:
        """Sign with a new key from now on, and withdraw the old ones."""
        self.keys = [SigningKey()]

    def access_token(self, person: Person, client: Client, scopes: frozenset[str]) -> str:
        """Return an access token (v2.0) of the API for this person, who uses this client."""
        claims = self._claims(person, client)
        claims |= {
            "aud": API_CLIENT_ID,
            "azp": client.id,
            "azpacr": "0",
            "scp": " ".join(sorted(scope.removeprefix(API) for scope in scopes)),
        }
        return self.sign(claims)

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Return a JWT with these claims, signed with the newest key."""
        key = self.keys[-1]
        return jwt.encode(claims, key.private, "RS256", {"kid": key.id, **header})

    def issuer(self, tenant_id: str) -> str:
        """Return the issuer of the tokens of a tenant."""
        return f"{self.address}/{tenant_id}/v2.0"

    def _claims(self, person: Person, client: Client) -> dict[str, Any]:
        """Return the claims that access tokens and ID tokens share."""
        now = int(self.clock())
        claims: dict[str, Any] = {
            "iss": self.issuer(person.tenant.id),
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "tid": person.tenant.id,
            "oid": person.object_id,
            "sub": hashlib.sha256(f"{person.object_id}{client.id}".encode()).hexdigest()[:43],
            "name": person.name.capitalize(),
            "preferred_username": person.username,
            "sid": str(uuid4()),
            "uti": secrets.token_urlsafe(16),
            "rh": "0.",
            "aio": secrets.token_urlsafe(40),
            "ver": "2.0",
            "acct": 0,
        }
        if person.guest_from:
            home = f"https://sts.windows.net/{person.guest_from.id}/"
            claims |= {"acct": 1, "idp": home}
        if person.roles:
            claims["roles"] = list(person.roles)
        return claims

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
            raise RefusedError(
                "invalid_request",
                50011,
                f"The redirect URI '{redirect_uri}' specified in the request does not match the "
                f"redirect URIs configured for the application '{client.id}'.",
            )
        try:
            answer = self._authorized(request, tenant, client)
        except RefusedError as refused:
            answer = {
                "error": refused.error,
                "error_description": refused.body()["error_description"],
            }
        if isinstance(answer, Response):
            return answer
        answer |= {"state": query["state"]} if "state" in query else {}
        return RedirectResponse(f"{redirect_uri}?{urlencode(answer)}", 302)

    def _authorized(
        self, request: Request, tenant: Tenant | None, client: Client
    ) -> Response | dict[str, str]:
        """Return the parameters for the client, or the page on which a person is picked."""
        query = request.query_params
        if tenant is None and not MULTI_TENANT:
            raise RefusedError(
                "invalid_request",
                50194,
                f"Application '{API_CLIENT_ID}' is not configured as a multi-tenant application. "
                "Usage of the /common endpoint is not supported.",
            )
        if query.get("response_type") != "code":
            raise RefusedError(
                "unsupported_response_type", None, "The response type must be 'code'."
            )
        scopes = _scopes(query.get("scope", ""))
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            raise RefusedError(
                "invalid_request", None, "A code challenge with the method S256 is required."
            )
        if query.get("error"):
            raise RefusedError(
                "access_denied", 65004, "User declined to consent to access the app."
            )
        people = {p.username: p for p in PEOPLE if tenant in (None, p.tenant)}
        username = query.get("login_hint", "")
        person = people.get(username)
        if person is None:
            error = _unknown(username, tenant) if username else ""
            return sign_in_page(query, list(people.values()), client, error)
        code = secrets.token_urlsafe(32)
        self._codes[code] = Grant(
            client,
            person,
            scopes,
            redirect_uri=query["redirect_uri"],
            challenge=query["code_challenge"],
            nonce=query.get("nonce"),
            expires_at=self.clock() + CODE_SECONDS,
        )
        return {"code": code}

    async def _token(self, request: Request) -> JSONResponse:
        _tenant(request)
        form = {name: str(value) for name, value in (await request.form()).items()}
        client = self._client(form.get("client_id"))
        match form.get("grant_type"):
            case "authorization_code":
                grant = self._redeemed_code(form, client, request.headers.get("origin"))
            case "refresh_token":
                grant = self._redeemed_refresh_token(form, client)
            case "client_credentials":
                raise RefusedError(
                    "invalid_client",
                    7000218,
                    "The request body must contain the following parameter: "
                    "'client_assertion' or 'client_secret'.",
                )
            case other:
                raise RefusedError(
                    "unsupported_grant_type", 70003, f"The grant type '{other}' is not supported."
                )
        return JSONResponse(self._tokens(grant), headers={"Cache-Control": "no-store"})

    def _redeemed_code(self, form: dict[str, str], client: Client, origin: str | None) -> Grant:
        grant = self._codes.get(form.get("code", ""))
        if (
            grant is None
            or grant.client != client
            or grant.redirect_uri != form.get("redirect_uri")
        ):
            raise RefusedError(
                "invalid_grant", 70000, "The provided authorization code is not valid."
            )
        if client.single_page and origin is None:
            raise RefusedError(
                "invalid_request",
                9002327,
                "Tokens issued for the 'Single-Page Application' client-type may only be redeemed "
                "via cross-origin requests.",
            )
        if not client.single_page and origin is not None:
            raise RefusedError(
                "invalid_request",
                9002326,
                "Cross-origin token redemption is permitted only for the 'Single-Page Application' "
                "client-type.",
            )
        if grant.used:
            raise RefusedError(
                "invalid_grant",
                54005,
                "OAuth2 Authorization code was already redeemed, please retry with a new valid code "
                "or use an existing refresh token.",
            )
        if self.clock() >= grant.expires_at:
            raise RefusedError(
                "invalid_grant", 70008, "The provided authorization code has expired."
            )
        if "code_verifier" not in form:
            raise RefusedError(
                "invalid_request",
                9002325,
                "Proof Key for Code Exchange is required for cross-origin authorization code redemption.",
            )
        if code_challenge(form["code_verifier"]) != grant.challenge:
            raise RefusedError(
                "invalid_grant",
                501481,
                "The Code_Verifier does not match the code_challenge supplied in the authorization "
                "request.",
            )
        grant.used = True
        return grant

    def _redeemed_refresh_token(self, form: dict[str, str], client: Client) -> Grant:
        grant = self._refresh_tokens.pop(form.get("refresh_token", ""), None)
        if grant is None or grant.client != client:
            raise RefusedError("invalid_grant", 70000, "The provided refresh token is not valid.")
        return grant

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
            tokens["refresh_token"] = secrets.token_urlsafe(64)
            self._refresh_tokens[tokens["refresh_token"]] = replace(grant)
        if "openid" in grant.scopes:
            nonce = {"nonce": grant.nonce} if grant.nonce else {}
            claims = self._claims(grant.person, grant.client)
            tokens["id_token"] = self.sign(claims | {"aud": grant.client.id} | nonce)
        return tokens

    async def _logout(self, request: Request) -> Response:
        _tenant(request)
        target = request.query_params.get("post_logout_redirect_uri", "")
        if any(_registered(client, target) for client in self.clients.values()):
            return RedirectResponse(target, 302)
        return HTMLResponse("<!doctype html><title>Signed out</title><p>You are signed out.")

    def _client(self, client_id: str | None) -> Client:
        if client_id is None:
            raise RefusedError(
                "invalid_request",
                900144,
                "The request body must contain the following parameter: 'client_id'.",
            )
        if client_id not in self.clients:
            raise RefusedError(
                "unauthorized_client",
                700016,
                f"Application with identifier '{client_id}' was not found in the directory.",
            )
        return self.clients[client_id]


def _tenant(request: Request) -> Tenant | None:
    """Return the tenant that the path names, or None where it leaves that to the person."""
    segment = request.path_params["tenant"]
    if segment in ANY_TENANT:
        return None
    for tenant in TENANTS:
        if segment in (tenant.id, tenant.domain):
            return tenant
    raise RefusedError("invalid_request", 90002, f"Tenant '{segment}' not found.")


def _unknown(username: str, tenant: Tenant | None) -> str:
    """Return what Entra ID says of a person who cannot sign in here."""
    directory = tenant.name if tenant else "any"
    if tenant and any(person.username == username for person in PEOPLE):
        return (
            f"AADSTS50020: User account '{username}' does not exist in tenant '{directory}' and "
            "cannot access the application in that tenant."
        )
    return (
        f"AADSTS50034: The user account '{username}' does not exist in the {directory} directory."
    )


def _scopes(text: str) -> frozenset[str]:
    scopes = frozenset(text.split())
    if not scopes <= OIDC_SCOPES | API_SCOPES or not scopes & API_SCOPES:
        raise RefusedError(
            "invalid_scope",
            70011,
            f"The provided request must include a 'scope' input parameter. The scope '{text}' is not "
            "valid.",
        )
    return scopes


def _registered(client: Client, redirect_uri: str) -> bool:
    """Whether the client may be answered there; an app on the user's machine chooses its port."""
    if client.single_page:
        return redirect_uri in client.redirect_uris
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.hostname}{parts.path}".rstrip("/") in client.redirect_uris


def code_challenge(verifier: str) -> str:
    """Return the S256 code challenge of a code verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101  registered for this class alone
    if request.method == "POST":
        return JSONResponse(error.body(), 401 if error.error == "invalid_client" else 400)
    text = escape(error.body()["error_description"])
    return HTMLResponse(f"<!doctype html><title>Sign-in refused</title><p>{text}", 400)
