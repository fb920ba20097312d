"""What people grant to clients, and the codes and refresh tokens for them."""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

from dev.directory import Client, Person
from dev.errors import refused

CODE_SECONDS = 60
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""A code verifier, or a code challenge (RFC 7636, sections 4.1 and 4.2)."""


@dataclass(frozen=True)
class Grant:
    """What a person granted to a client, with the parameters of the client's request."""

    client: Client
    person: Person
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str
    nonce: str | None


@dataclass
class Code:
    """An issued authorization code."""

    grant: Grant
    expires_at: float
    used: bool = False


class Grants:
    """Issued codes and refresh tokens. Each can be redeemed once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._codes: dict[str, Code] = {}
        self._refresh_tokens: dict[str, Grant] = {}

    def new_code(self, grant: Grant) -> str:
        """Issue a code for this grant."""
        code = secrets.token_urlsafe(32)
        self._codes[code] = Code(grant, self._clock() + CODE_SECONDS)
        return code

    def new_refresh_token(self, grant: Grant) -> str:
        """Issue a refresh token for this grant."""
        token = secrets.token_urlsafe(64)
        self._refresh_tokens[token] = grant
        return token

    def redeem_code(self, form: dict[str, str], client: Client, origin: str | None) -> Grant:
        """Return the grant of the code in the form; `origin` is the origin of the request, if any.

        Raises RefusedError if Entra ID would not redeem it.
        """
        code = self._codes.get(form.get("code", ""))
        if (
            code is None
            or code.grant.client != client
            or code.grant.redirect_uri != form.get("redirect_uri")
        ):
            raise refused(70000, credential="authorization code")
        _check_origin(client, origin)
        if code.used:
            raise refused(54005)
        if self._clock() >= code.expires_at:
            raise refused(70008)
        if "code_verifier" not in form:
            raise refused(9002325)
        verifier = form["code_verifier"]
        if not VERIFIER.fullmatch(verifier) or code_challenge(verifier) != code.grant.challenge:
            raise refused(501481)
        code.used = True
        return code.grant

    def redeem_refresh_token(
        self, form: dict[str, str], client: Client, origin: str | None
    ) -> Grant:
        """Return the grant of the refresh token in the form; raise RefusedError as for a code."""
        _check_origin(client, origin)
        grant = self._refresh_tokens.pop(form.get("refresh_token", ""), None)
        if grant is None or grant.client != client:
            raise refused(70000, credential="refresh token")
        return grant


def _check_origin(client: Client, origin: str | None) -> None:
    """Refuse a page without an origin, and a program that has one."""
    if client.single_page and origin is None:
        raise refused(9002327)
    if not client.single_page and origin is not None:
        raise refused(9002326)


def code_challenge(verifier: str) -> str:
    """Return the S256 code challenge of a code verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
