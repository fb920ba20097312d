"""The tokens of Entra ID: claims and signing keys."""

import hashlib
import secrets
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from app.permissions import ACCESS_AS_USER, SCOPES
from dev.directory import API_CLIENT_ID, Client, Daemon, Person, Tenant

API = f"api://{API_CLIENT_ID}/"
SCOPE = f"{API}{ACCESS_AS_USER.value}"
API_SCOPES = frozenset(f"{API}{scope.value}" for scope in SCOPES)
TOKEN_SECONDS = 3600
GRAPH = "00000003-0000-0000-c000-000000000000"
"""Microsoft Graph, the audience of tokens that a client requests without a scope of the API."""


def is_of_api(scope: str) -> bool:
    """Return whether a full scope belongs to the API, by whichever of its identifier URIs."""
    return scope.rpartition("/")[2] in {one.value for one in SCOPES}


class SigningKey:
    """A key pair and its key id. The keys are generated when they are first used."""

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(20)

    @cached_property
    def private(self) -> rsa.RSAPrivateKey:
        """The private key, which contains the public key."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public_jwk(self, issuer: str) -> dict[str, Any]:
        """Return the public key as Entra ID publishes it."""
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        numbers = {name: jwk[name] for name in ("kty", "n", "e")}
        return numbers | {"use": "sig", "kid": self.id, "x5t": self.id, "issuer": issuer}


class TokenIssuer:
    """Issues the tokens of Entra ID at an address. The last of `keys` signs them."""

    def __init__(self, address: str, clock: Callable[[], float] = time.time) -> None:
        self.address = address
        self.clock = clock
        self.keys = [SigningKey()]

    def rotate_keys(self) -> None:
        """Sign with a new key from now on, and withdraw the others."""
        self.keys = [SigningKey()]

    def issuer(self, tenant_id: str) -> str:
        """Return the issuer of the tokens of a tenant."""
        return f"{self.address}/{tenant_id}/v2.0"

    def access_token(self, person: Person, client: Client, scopes: frozenset[str]) -> str:
        """Return an access token (v2.0) for a person who uses this client.

        It is for the API, or for Microsoft Graph if none of the scopes belongs to the API.
        """
        of_api = any(is_of_api(scope) for scope in scopes)
        claims = self._claims_of(person, client)
        claims["acct"] = 1 if person.guest_from else 0
        if person.roles and of_api:
            claims["roles"] = list(person.roles)
        claims |= {
            "aud": API_CLIENT_ID if of_api else GRAPH,
            "azp": client.id,
            "azpacr": "0",
            "scp": " ".join(sorted(scope.rpartition("/")[2] for scope in scopes)),
        }
        return self.sign(claims)

    def app_only_token(self, daemon: Daemon) -> str:
        """Return an access token (v2.0) for a daemon, for the API."""
        claims = self._claims(daemon.tenant, daemon.object_id, daemon.object_id)
        claims |= {
            "aud": API_CLIENT_ID,
            "azp": daemon.client_id,
            "azpacr": "2",
            "idtyp": "app",
        }
        if daemon.permissions:
            claims["roles"] = list(daemon.permissions)
        return self.sign(claims)

    def id_token(self, person: Person, client: Client, nonce: str | None) -> str:
        """Return an ID token, which identifies the person to the client.

        It has none of the claims that are for the API.
        """
        claims = self._claims_of(person, client) | {"aud": client.id}
        return self.sign(claims | ({"nonce": nonce} if nonce else {}))

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Return a JWT with these claims, signed with the newest key."""
        key = self.keys[-1]
        return jwt.encode(claims, key.private, "RS256", {"kid": key.id, **header})

    def _claims(self, tenant: Tenant, object_id: str, subject: str) -> dict[str, Any]:
        """Return the claims that all tokens share."""
        now = int(self.clock())
        return {
            "iss": self.issuer(tenant.id),
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "tid": tenant.id,
            "oid": object_id,
            "sub": subject,
            "uti": secrets.token_urlsafe(16),
            "rh": "0.",
            "aio": secrets.token_urlsafe(40),
            "ver": "2.0",
        }

    def _claims_of(self, person: Person, client: Client) -> dict[str, Any]:
        """Return the claims that the access tokens and ID tokens of people share."""
        subject = hashlib.sha256(f"{person.object_id}{client.id}".encode()).hexdigest()[:43]
        claims = self._claims(person.tenant, person.object_id, subject) | {
            "name": person.name.capitalize(),
            "preferred_username": person.username,
            "sid": str(uuid4()),
        }
        if person.guest_from:
            home = f"https://sts.windows.net/{person.guest_from.id}/"
            claims["idp"] = home
        return claims
