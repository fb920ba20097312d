"""Signing a request in with an access token of Microsoft Entra ID."""

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi.security import SecurityScopes
from fastapi_azure_auth.auth import AzureAuthorizationCodeBearerBase
from fastapi_azure_auth.exceptions import ForbiddenHttp, UnauthorizedHttp
from fastapi_azure_auth.openid_config import HttpClientConfig
from fastapi_azure_auth.utils import is_guest
from joserfc import jws
from joserfc.errors import BadSignatureError, JoseError
from starlette.requests import HTTPConnection

from app.identity.cache import VerifiedTokens
from app.identity.caller import Caller, SignIn, VerifiedToken
from app.identity.keys import KeySet, SigningKey, SigningKeys
from app.problems import UnavailableError
from app.settings import SCOPE, Settings

log = logging.getLogger(__name__)

LEEWAY = 60
"""The seconds by which the clocks of Entra ID and of this machine may differ."""
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
REQUIRED_CLAIMS = ("aud", "iss", "iat", "nbf", "exp", "sub", "tid", "oid", "ver")
# Entra ID may add parameters to the header; an unknown one is ignored (RFC 7515, section 4).
RS256 = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)


class InvalidTokenError(UnauthorizedHttp):
    """The token is not one that this service accepts (RFC 6750, `invalid_token`).

    `reason` says why in the log, at DEBUG; the caller is told the description alone.
    """

    def __init__(
        self, reason: str, description: str = "The access token is not valid for this service."
    ) -> None:
        super().__init__(description)
        # The library puts the sentence beside an error code.
        self.detail = description
        self.headers = {
            "WWW-Authenticate": f'Bearer error="invalid_token", error_description="{description}"'
        }
        log.debug("token refused", extra={"reason": reason})


class NotSignedInError(UnauthorizedHttp):
    """The request brings no bearer token."""

    def __init__(self) -> None:
        detail = "Sign in and send the access token as a bearer token."
        super().__init__(detail)
        self.detail = detail


class ForbiddenError(ForbiddenHttp):
    """The token is good and does not allow this (RFC 6750, `insufficient_scope`)."""

    def __init__(self, detail: str, scope: str, remedy: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        log.debug("caller refused", extra={"reason": detail, "remedy": remedy})


class EntraSignIn(AzureAuthorizationCodeBearerBase):
    """The scheme of fastapi-azure-auth, for any authority, with the checks that it leaves out.

    The signature comes first: nothing that a token claims has an effect before it is verified.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        http_client_config: HttpClientConfig | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        address = settings.sign_in_address
        super().__init__(
            app_client_id=str(settings.api_client_id),
            scopes={settings.scope: "Use the service as yourself"},
            leeway=LEEWAY,
            openapi_authorization_url=f"{address}/oauth2/v2.0/authorize",
            openapi_token_url=f"{address}/oauth2/v2.0/token",
            openapi_description="Sign in with Microsoft Entra ID. There is no client secret: leave it empty.",
        )
        self.scheme_name = SignIn.scheme_name
        self.settings = settings
        self.verified = VerifiedTokens(settings.token_cache_seconds, clock)
        self.keys = self.openid_config = SigningKeys(
            f"{address}/v2.0/.well-known/openid-configuration",
            http_client_config=http_client_config,
            on_change=self.verified.clear,
        )
        self._clock = clock

    async def __call__(  # type: ignore[override]  # A Caller, not the library's User
        self, request: HTTPConnection, security_scopes: SecurityScopes
    ) -> Caller:
        """Return who sent the request.

        Raises NotSignedInError without credentials, InvalidTokenError for a token that is not
        accepted, ForbiddenError for one that does not allow this, and UnavailableError while there
        are no signing keys.
        """
        access_token = _bearer_token(request)
        verified = self.verified.get(access_token)
        if verified is None:
            verified = await self._verify(access_token)
        self._check_lifetime(verified)
        self._check_caller(verified.caller, security_scopes)
        request.scope["caller"] = verified.caller
        return verified.caller

    def forbidden(self, detail: str, remedy: str | None = None) -> ForbiddenError:
        """Return the exception for a caller who may not do this.

        The caller is told the detail; the log says the remedy besides, at DEBUG.
        """
        return ForbiddenError(detail, self.settings.scope, remedy)

    async def _verify(self, access_token: bytes) -> VerifiedToken:
        generation = self.verified.generation
        try:
            token = jws.extract_compact(access_token, registry=RS256)
            keys, key = await self._signing_key(token.protected)
            if not jws.validate_compact(token, key.key, registry=RS256):
                raise BadSignatureError
            claims = dict(json.loads(token.payload))
        # joserfc takes a header for an object, whatever it is: hence the last two.
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise InvalidTokenError(f"it is no JWT with a good signature: {error}") from error
        verified = self._checked(claims, keys, key)
        self._check_lifetime(verified)
        self.verified.add(access_token, verified, generation)
        return verified

    async def _signing_key(self, header: dict[str, Any]) -> tuple[KeySet, SigningKey]:
        """Return the key that the token's header names, with the set that it belongs to."""
        await self.keys.load_config()
        if not self.keys.usable:
            raise UnavailableError("The signing keys of Entra ID are not loaded yet.")
        found = await self.keys.find(str(header.get("kid")))
        if found is None:
            raise InvalidTokenError(
                "no signing key of Entra ID has its key id: is ENTRA_AUTHORITY the host that issued it?"
            )
        return found

    def _checked(self, claims: dict[str, Any], keys: KeySet, key: SigningKey) -> VerifiedToken:
        """Check what a token with a good signature still has to fulfil, save its lifetime."""
        if missing := [claim for claim in REQUIRED_CLAIMS if claim not in claims]:
            raise InvalidTokenError(f"it lacks {', '.join(missing)}")
        if claims["aud"] != self.app_client_id:
            raise InvalidTokenError(
                "its audience is not API_CLIENT_ID: it is for another API, or it is a v1.0 token "
                "(set requestedAccessTokenVersion to 2 in the API's app registration)"
            )
        if claims["ver"] != "2.0":
            raise InvalidTokenError(
                "its version is not 2.0 "
                "(set requestedAccessTokenVersion to 2 in the API's app registration)"
            )
        if any(type(claims[time]) is not int for time in ("iat", "nbf", "exp")):
            raise InvalidTokenError("iat, nbf and exp are not all numbers of seconds")
        tenant, issuer = claims["tid"], claims["iss"]
        tenant_id, object_id = _guid(tenant), _guid(claims["oid"])
        if tenant_id is None or object_id is None:
            raise InvalidTokenError("tid and oid are not both GUIDs")
        if not self.settings.allows_tenant(tenant_id):
            raise InvalidTokenError(f"users of the tenant {tenant} may not sign in here")
        for template in filter(None, (keys.issuer, key.issuer)):
            if issuer != template.replace("{tenantid}", tenant):
                raise InvalidTokenError(f"it was issued by {issuer}, not by {template}")
        return _verified_token(claims, tenant_id, object_id)

    def _check_lifetime(self, token: VerifiedToken) -> None:
        now = self._clock()
        if now >= token.expires_at + LEEWAY:
            raise InvalidTokenError(
                "it has expired: sign in anew; if it has just been issued, set this machine's clock",
                "The token has expired.",
            )
        if now < token.not_before - LEEWAY:
            raise InvalidTokenError("it is not valid yet: is this machine's clock behind?")

    def _check_caller(self, caller: Caller, security_scopes: SecurityScopes) -> None:
        """Check what the caller may do, against the settings and the route."""
        needed = (SCOPE, *security_scopes.scopes)
        if not caller.scopes.issuperset(needed):
            raise self.forbidden(
                "This takes a token that a person signed in for, with the scope "
                f"{' '.join(sorted(set(needed)))}.",
                f"the token's scopes are {sorted(caller.scopes)}; an app-only token has none",
            )
        allowed = self.settings.allowed_client_ids
        if allowed and caller.client_id not in allowed:
            raise self.forbidden(
                "The application that you use may not call this service.",
                f"its client id, {caller.client_id}, is not among ALLOWED_CLIENT_IDS",
            )
        if caller.guest and not self.settings.allow_guests:
            raise self.forbidden("Guests may not sign in.", "set ALLOW_GUESTS to let them")


def _bearer_token(request: HTTPConnection) -> bytes:
    """Return the token of the one `Authorization` header (RFC 6750, section 2.1)."""
    given = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if len(given) > 1:
        raise InvalidTokenError("there is more than one Authorization header")
    scheme, _, token = given[0].partition(b" ") if given else (b"", b"", b"")
    if scheme.lower() != b"bearer":
        raise NotSignedInError
    return bytes(token.strip())


def _guid(claim: object) -> UUID | None:
    return UUID(claim) if isinstance(claim, str) and GUID.fullmatch(claim) else None


def _verified_token(claims: dict[str, Any], tenant_id: UUID, object_id: UUID) -> VerifiedToken:
    """Return what verified claims say. App-only tokens have no scopes, whatever they claim."""
    scopes = claims.get("scp")
    app_only = claims.get("idtyp") == "app"
{% if cookiecutter.app_roles %}
    roles = claims.get("roles")
{% endif %}
    caller = Caller(
        tenant_id=tenant_id,
        object_id=object_id,
        client_id=_guid(claims.get("azp")),
        name=_text(claims.get("name")),
        username=_text(claims.get("preferred_username")),
        scopes=frozenset(scopes.split() if isinstance(scopes, str) and not app_only else ()),
        guest=is_guest(claims),
{% if cookiecutter.app_roles %}
        roles=frozenset(map(str, roles) if isinstance(roles, list) else ()),
{% endif %}
    )
    # A token is not valid before it was issued.
    not_before = max(claims["nbf"], claims["iat"])
    return VerifiedToken(caller, not_before=not_before, expires_at=claims["exp"])


def _text(claim: object) -> str | None:
    return claim if isinstance(claim, str) else None
