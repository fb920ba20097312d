"""Authenticates requests by access tokens of Microsoft Entra ID."""

import json
import time
from collections.abc import Callable
from typing import Any

from fastapi.security import SecurityScopes
from fastapi_azure_auth.auth import AzureAuthorizationCodeBearerBase
from fastapi_azure_auth.openid_config import HttpClientConfig
from joserfc import jws
from joserfc.errors import BadSignatureError, JoseError
from starlette.requests import HTTPConnection

from app.http.problems import UnavailableError
from app.identity.cache import VerifiedTokens
from app.identity.caller import Caller, Daemon
from app.identity.claims import LEEWAY, VerifiedToken, check_lifetime, verified_token
from app.identity.errors import ForbiddenError, InvalidTokenError, NotSignedInError
from app.identity.keys import KeySet, SigningKey, SigningKeys
from app.permissions import ACCESS_AS_USER, ApplicationPermission
from app.settings import Settings

SCHEME_NAME = "EntraID"
# Entra ID may add parameters to the header; an unknown one is ignored (RFC 7515, section 4).
RS256 = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)


class EntraScheme(AzureAuthorizationCodeBearerBase):
    """The scheme of fastapi-azure-auth, for any authority, with additional checks.

    The signature is verified first: no claim has an effect before that.
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
            scopes=settings.scopes,
            leeway=LEEWAY,
            openapi_authorization_url=f"{address}/oauth2/v2.0/authorize",
            openapi_token_url=f"{address}/oauth2/v2.0/token",
            openapi_description="Sign in with Microsoft Entra ID.",
        )
        self.scheme_name = SCHEME_NAME
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
        """Return the person who calls, with these scopes.

        Raises what `authenticate` and `check_person` raise.
        """
        return self.check_person(await self.authenticate(request), security_scopes)

    async def authenticate(self, request: HTTPConnection) -> Caller | Daemon:
        """Return who calls, whatever they may do.

        Raises NotSignedInError without credentials, InvalidTokenError for a token that is not
        accepted, and UnavailableError while there are no signing keys.
        """
        access_token = _bearer_token(request)
        verified = self.verified.get(access_token)
        if verified is None:
            verified = await self._verify(access_token)
        check_lifetime(verified, self._clock())
        request.scope["caller"] = verified.caller
        return verified.caller

    def check_person(self, caller: Caller | Daemon, security_scopes: SecurityScopes) -> Caller:
        """Return the caller as a person with these scopes.

        Raises ForbiddenError for any other caller, for a client that is not allowed, and for a guest
        unless `ALLOW_GUESTS` is true.
        """
        needed = frozenset((ACCESS_AS_USER.value, *security_scopes.scopes))
        scopes = caller.scopes if isinstance(caller, Caller) else frozenset()
        if not isinstance(caller, Caller) or not scopes >= needed:
            raise self.forbidden(
                "scope",
                "This operation requires a token for a signed-in user with the scope "
                f"{' '.join(sorted(needed))}.",
                f"request the scope for a person; the token has {sorted(scopes)}, an app-only token none",
                needed,
            )
        self._check_client(caller)
        if caller.guest and not self.settings.allow_guests:
            raise self.forbidden(
                "guest", "Guests may not sign in.", "set ALLOW_GUESTS=true to allow them"
            )
        return caller

    def check_daemon(self, caller: Caller | Daemon, permission: ApplicationPermission) -> Daemon:
        """Return the caller as a daemon with this permission.

        Raises ForbiddenError for any other caller, and for a client that is not allowed.
        """
        permissions = caller.permissions if isinstance(caller, Daemon) else frozenset()
        if not isinstance(caller, Daemon) or permission.value not in permissions:
            raise self.forbidden(
                "permission",
                "This operation requires an app-only token with the application permission "
                f"{permission.value}.",
                f"grant the permission to the daemon; the token has {sorted(permissions)}, and a "
                "person's token none",
            )
        self._check_client(caller)
        return caller

    def forbidden(
        self, code: str, detail: str, remedy: str, scopes: frozenset[str] = frozenset()
    ) -> ForbiddenError:
        """Return the exception for a caller who is not allowed to do this.

        `code` is for the request's log line. The challenge names the scope that every
        route for people requires, and `scopes`.
        """
        needed = sorted({ACCESS_AS_USER.value, *scopes})
        full = " ".join(map(self.settings.scope, needed))
        return ForbiddenError(code, detail, scope=full, remedy=remedy)

    async def _verify(self, access_token: bytes) -> VerifiedToken:
        generation = self.verified.generation
        try:
            token = jws.extract_compact(access_token, registry=RS256)
            keys, key = await self._signing_key(token.protected)
            if not jws.validate_compact(token, key.key, registry=RS256):
                raise BadSignatureError
            claims = dict(json.loads(token.payload))
        # joserfc does not check that the header is an object, and JSON may be nested too deeply.
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidTokenError("signature", f"not a validly signed JWT: {error}") from error
        verified = verified_token(claims, self.settings, keys, key)
        check_lifetime(verified, self._clock())
        if key.is_published:
            self.verified.add(access_token, verified, generation)
        return verified

    async def _signing_key(self, header: dict[str, Any]) -> tuple[KeySet, SigningKey]:
        """Return the key that the token's header names, and the set that contains it."""
        await self.keys.load_config()
        if not self.keys.usable:
            raise UnavailableError("The service has no current signing keys from Entra ID.")
        found = await self.keys.find(str(header.get("kid")))
        if found is None:
            raise InvalidTokenError(
                "key",
                "no signing key of Entra ID has its key id: is ENTRA_AUTHORITY the host that issued it?",
            )
        return found

    def _check_client(self, caller: Caller | Daemon) -> None:
        """Check that the application of the caller may call this service."""
        allowed = self.settings.allowed_client_ids
        if allowed and caller.client_id not in allowed:
            raise self.forbidden(
                "client",
                "The application that you use may not call this service.",
                f"add its client id, {caller.client_id}, to ALLOWED_CLIENT_IDS to allow it",
            )


def _bearer_token(request: HTTPConnection) -> bytes:
    """Return the token of the one `Authorization` header (RFC 6750, section 2.1)."""
    given = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if len(given) > 1:
        raise InvalidTokenError("header", "there is more than one Authorization header")
    scheme, _, token = given[0].partition(b" ") if given else (b"", b"", b"")
    if scheme.lower() != b"bearer":
        raise NotSignedInError
    return bytes(token.strip())
