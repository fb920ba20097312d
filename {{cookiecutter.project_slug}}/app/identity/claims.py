"""The claims of an access token, once its signature is verified."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.identity.caller import Caller, Daemon
from app.identity.errors import InvalidTokenError
from app.identity.keys import KeySet, SigningKey
from app.settings import Settings

LEEWAY = 60
"""By how many seconds the clocks of Entra ID and of this machine may differ."""
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
AGENT = "11"
"""The value of `xms_act_fct` that stands for an agent of Entra Agent ID."""
REQUIRED_CLAIMS = ("aud", "iss", "iat", "nbf", "exp", "sub", "tid", "oid", "ver")
VERSION_REMEDY = "(set requestedAccessTokenVersion to 2 in the API's app registration)"


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """The content of an access token whose signature and claims are valid."""

    caller: Caller | Daemon
    not_before: float
    expires_at: float
    """Both in seconds since 1970, from `nbf`, `iat` and `exp`."""


def verified_token(
    claims: dict[str, Any], settings: Settings, keys: KeySet, key: SigningKey
) -> VerifiedToken:
    """Return the content of the claims after every check except that of the lifetime.

    `key` signed the token and belongs to `keys`. Raises InvalidTokenError.
    """
    if missing := [claim for claim in REQUIRED_CLAIMS if claim not in claims]:
        raise InvalidTokenError("claims", f"it lacks {', '.join(missing)}")
    if _guid(claims["aud"]) != settings.api_client_id:
        raise InvalidTokenError(
            "audience",
            "its audience is not API_CLIENT_ID: it is for another API, or it is a v1.0 token "
            + VERSION_REMEDY,
        )
    if claims["ver"] != "2.0":
        raise InvalidTokenError("version", f"its version is not 2.0 {VERSION_REMEDY}")
    if any(type(claims[time]) is not int for time in ("iat", "nbf", "exp")):
        raise InvalidTokenError("claims", "iat, nbf and exp are not all numbers of seconds")
    tenant, issuer = claims["tid"], claims["iss"]
    tenant_id, object_id = _guid(tenant), _guid(claims["oid"])
    if tenant_id is None or object_id is None:
        raise InvalidTokenError("claims", "tid and oid are not both GUIDs")
    if not settings.allows_tenant(tenant_id):
        raise InvalidTokenError("tenant", f"users of the tenant {tenant} may not sign in here")
    for template in filter(None, (keys.issuer, key.issuer)):
        if issuer != template.replace("{tenantid}", tenant):
            raise InvalidTokenError("issuer", f"it was issued by {issuer}, not by {template}")
    return VerifiedToken(
        _caller(claims, tenant_id, object_id),
        # A token is not valid before it was issued.
        not_before=max(claims["nbf"], claims["iat"]),
        expires_at=claims["exp"],
    )


def check_lifetime(token: VerifiedToken, now: float) -> None:
    """Raise InvalidTokenError if the token has expired, or is not valid yet, at `now`."""
    if now >= token.expires_at + LEEWAY:
        raise InvalidTokenError(
            "expired",
            "it has expired: sign in again; if it was issued just now, set this machine's clock",
            "The token has expired.",
        )
    if now < token.not_before - LEEWAY:
        raise InvalidTokenError(
            "not_yet_valid", "it is not valid yet: is this machine's clock behind?"
        )


def _caller(claims: dict[str, Any], tenant_id: UUID, object_id: UUID) -> Caller | Daemon:
    """Return the caller. A token that claims to be both app-only and a person's has no rights."""
    app_only, scopes, roles = claims.get("idtyp") == "app", claims.get("scp"), claims.get("roles")
    facets = _text(claims.get("xms_act_fct")) or ""
    client_id = _guid(claims.get("azp"))
    values = frozenset(filter(None, map(_text, roles)) if isinstance(roles, list) else ())
    agent = AGENT in facets.split()
    blueprint_id = _guid(claims.get("xms_par_app_azp"))
    if app_only and "scp" not in claims:
        return Daemon(
            tenant_id=tenant_id,
            object_id=object_id,
            client_id=client_id,
            permissions=values,
            agent=agent,
            blueprint_id=blueprint_id,
        )
    return Caller(
        tenant_id=tenant_id,
        object_id=object_id,
        client_id=client_id,
        name=_text(claims.get("name")),
        username=_text(claims.get("preferred_username")),
        scopes=frozenset(scopes.split() if isinstance(scopes, str) and not app_only else ()),
        guest=_is_guest(claims),
        roles=values,
        agent=agent,
        blueprint_id=blueprint_id,
    )


def _is_guest(claims: dict[str, Any]) -> bool:
    """Return whether the caller is a guest: `acct` is not 0 or, without `acct`, `idp` is not the issuer.

    Members from partner organisations also have another `idp`.
    """
    if "acct" in claims:
        return str(claims["acct"]) != "0"
    # Customers of an external tenant have the `idp` with which they signed up, and are members.
    if re.match(r"https://[^/]+\.ciamlogin\.com/", claims["iss"]):
        return False
    return bool(claims.get("idp", claims["iss"]) != claims["iss"])


def _guid(claim: object) -> UUID | None:
    return UUID(claim) if isinstance(claim, str) and GUID.fullmatch(claim) else None


def _text(claim: object) -> str | None:
    """Return a string without the lone surrogates that UTF-8 cannot encode; None for anything else."""
    if not isinstance(claim, str):
        return None
    return claim.encode("utf-8", "replace").decode("utf-8")
