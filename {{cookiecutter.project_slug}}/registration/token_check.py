"""What the doctor checks in an access token that is piped in."""

import json
import time
from base64 import urlsafe_b64decode

from registration.aliases import Findings, Json
from registration.env import listed
from registration.tenancy import tenancy
from registration.wanted import ROLE_VALUES, SCOPE_VALUES

LEEWAY = 60
ASSIGNED = "roles"
YES = {"true", "1", "yes", "on", "t", "y"}


def check_token(token: str, env: dict[str, str], login: str) -> Findings:
    """Compare the claims of an access token with the settings. Its signature is not verified."""
    try:
        claims: Json = json.loads(
            urlsafe_b64decode(token.removeprefix("Bearer ").split(".")[1] + "==")
        )
        expires = float(claims["exp"])
    except (LookupError, TypeError, ValueError):
        yield "what was piped in is not an access token", "pipe in the output of the token command"
        return
    yield from check_audience(claims, env)
    yield from check_issuer(claims, env, login)
    yield from check_caller(claims, env)
    if expires < time.time() - LEEWAY:
        yield f"exp: it expired {time.time() - expires:.0f} seconds ago", "get a new one"


def check_audience(claims: Json, env: dict[str, str]) -> Findings:
    """Check that the token is for this API, and may call it."""
    api = env["API_CLIENT_ID"].lower()
    ask = f"ask for the scope api://{api}/{SCOPE_VALUES[0]}"
    aud = str(claims.get("aud"))
    if claims.get("ver") != "2.0" or aud == f"api://{api}":
        yield (
            f"ver is {claims.get('ver')}, and only v2.0 tokens pass",
            "run apply, then sign in again",
        )
    elif aud != api:
        yield f"aud is {aud}, another API than API_CLIENT_ID {api}", ask
    if not set(SCOPE_VALUES) & set(str(claims.get("scp", "")).split()):
        yield (
            f"scp is {claims.get('scp')}, without {' or '.join(SCOPE_VALUES)}",
            f"{ask}, as a person",
        )


def check_issuer(claims: Json, env: dict[str, str], login: str) -> Findings:
    """Check that a tenant issued the token whose users may sign in."""
    tid, iss = (str(claims.get(name)) for name in ("tid", "iss"))
    tenants = listed(env[tenancy.SETTING])
    if tid not in tenants and "*" not in tenants:
        yield f"tid is {tid}, and {tenancy.SETTING} has {tenants}", "sign in with another account"
    if iss != f"{login}/{tid}/v2.0":
        yield f"iss is {iss}, not {login}/{tid}/v2.0", "check ENTRA_AUTHORITY, and ver above"


def is_guest(claims: Json) -> bool:
    """Return what the service makes of these claims: see `app/identity/claims.py`."""
    if "acct" in claims:
        return str(claims["acct"]) != "0"
    return bool(claims.get("idp", claims.get("iss")) != claims.get("iss"))


def check_caller(claims: Json, env: dict[str, str]) -> Findings:
    """Check that the service serves this application and this person."""
    clients = listed(env.get("ALLOWED_CLIENT_IDS", ""))
    if clients and str(claims.get("azp")) not in clients:
        yield f"azp is {claims.get('azp')}, which may not call", "add it to ALLOWED_CLIENT_IDS"
    if is_guest(claims) and env.get("ALLOW_GUESTS", "").lower() not in YES:
        yield "acct or idp say that this is a guest", "set ALLOW_GUESTS=true if guests may sign in"
    assigned = claims.get(ASSIGNED)
    if ROLE_VALUES and not set(ROLE_VALUES) & set(assigned or ()):
        yield f"{ASSIGNED} is {assigned}: the API answers 403", "run assign, then sign in again"
