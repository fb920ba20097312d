"""What `doctor` checks in an access token."""

import json
import re
import time
from base64 import urlsafe_b64decode

from registration.aliases import Findings, Json
from registration.clouds import CUSTOMERS
from registration.env import listed
from registration.tenancy import tenancy
from registration.wanted import PERMISSION_VALUES, ROLE_VALUES, SCOPE_VALUES

LEEWAY = 60
ASSIGNED = "roles"
YES = {"true", "1", "yes", "on", "t", "y"}


def check_token(token: str, env: dict[str, str], issuer: str) -> Findings:
    """Compare the claims of an access token with the settings and the issuer of the tenant.

    Its signature is not verified. Without an issuer, `iss` is not checked.
    """
    try:
        claims: Json = json.loads(
            urlsafe_b64decode(token.removeprefix("Bearer ").split(".")[1] + "==")
        )
        expires = float(claims["exp"])
    except (LookupError, OverflowError, RecursionError, TypeError, ValueError):
        yield "the input is not an access token", "pipe in the output of `token`"
        return
    yield from check_audience(claims, env)
    yield from check_issuer(claims, env, issuer)
    yield from check_client_id(claims, env)
    yield from check_daemon(claims) if is_app_only(claims) else check_user(claims, env)
    if expires < time.time() - LEEWAY:
        yield f"exp: the token expired {time.time() - expires:.0f} seconds ago", "get a new token"


def check_audience(claims: Json, env: dict[str, str]) -> Findings:
    """Check that the token is a v2.0 token for this API."""
    api = env["API_CLIENT_ID"].lower()
    aud = str(claims.get("aud"))
    if claims.get("ver") != "2.0" or aud == f"api://{api}":
        yield (
            f"ver is {claims.get('ver')}, but the service accepts only v2.0 tokens",
            "run `apply`, then sign in again",
        )
    elif aud != api:
        scope = ".default" if is_app_only(claims) else SCOPE_VALUES[0]
        yield f"aud is {aud}, but API_CLIENT_ID is {api}", f"request the scope api://{api}/{scope}"


def check_issuer(claims: Json, env: dict[str, str], issuer: str) -> Findings:
    """Check that an allowed tenant issued the token."""
    tid, iss = (str(claims.get(name)) for name in ("tid", "iss"))
    tenants = listed(env[tenancy.SETTING])
    if tid not in tenants and "*" not in tenants:
        yield (
            f"tid is {tid}, but {tenancy.SETTING} is {env[tenancy.SETTING]}",
            "sign in with another account",
        )
    wanted = issuer.replace("{tenantid}", tid)
    if issuer and iss != wanted:
        yield f"iss is {iss}, but should be {wanted}", "check ENTRA_AUTHORITY, and that ver is 2.0"


def is_app_only(claims: Json) -> bool:
    """Return whether the service treats the caller as a daemon: see `app/identity/claims.py`."""
    return claims.get("idtyp") == "app" and "scp" not in claims


def is_guest(claims: Json) -> bool:
    """Return whether the service treats the caller as a guest: see `app/identity/claims.py`."""
    if "acct" in claims:
        return str(claims["acct"]) != "0"
    if re.match(rf"https://[^/]+{re.escape(CUSTOMERS)}/", str(claims.get("iss"))):
        return False
    return bool(claims.get("idp", claims.get("iss")) != claims.get("iss"))


def check_client_id(claims: Json, env: dict[str, str]) -> Findings:
    """Check that the service accepts this client."""
    clients = listed(env.get("ALLOWED_CLIENT_IDS", ""))
    if clients and str(claims.get("azp")) not in clients:
        yield (
            f"azp is {claims.get('azp')}, which is not in ALLOWED_CLIENT_IDS",
            "add it to ALLOWED_CLIENT_IDS",
        )


def check_daemon(claims: Json) -> Findings:
    """Check that the service accepts this daemon."""
    if not any(value in assigned(claims) for value in PERMISSION_VALUES):
        yield (
            f"{ASSIGNED} is {claims.get(ASSIGNED)}, but should include {' or '.join(PERMISSION_VALUES)}",
            "run `client --daemon` or `client --managed-identity`, then get a new token",
        )


def check_user(claims: Json, env: dict[str, str]) -> Findings:
    """Check that the service accepts this user."""
    if not set(SCOPE_VALUES) & set(str(claims.get("scp", "")).split()):
        yield (
            f"scp is {claims.get('scp')}, but should include {' or '.join(SCOPE_VALUES)}",
            f"request the scope api://{env['API_CLIENT_ID'].lower()}/{SCOPE_VALUES[0]}, signed in "
            "as a user",
        )
    if is_guest(claims) and env.get("ALLOW_GUESTS", "").lower() not in YES:
        yield (
            "acct or idp shows that this is a guest",
            "set ALLOW_GUESTS=true if guests may sign in",
        )
    if ROLE_VALUES and not any(role in assigned(claims) for role in ROLE_VALUES):
        yield (
            f"{ASSIGNED} is {claims.get(ASSIGNED)}: the API returns 403",
            "run `assign`, then sign in again",
        )


def assigned(claims: Json) -> list[object]:
    """Return what is assigned to the caller."""
    found = claims.get(ASSIGNED)
    return found if isinstance(found, list) else []
