"""Access tokens, valid and invalid, and how the service answers each."""

import hmac
import json
import logging
import string
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient
from jwt.api_jws import PyJWS

from dev.directory import API_CLIENT_ID, CONTOSO, DOCS_CLIENT_ID, FABRIKAM, person_called
from dev.entra import SCOPE, SigningKey, StandIn
from tests.conftest import DOCS_PAGE, ENTRA, Serve

Maker = Callable[[StandIn], str]

ABSENT = object()
OTHER_KEY = SigningKey()
"""A key that the stand-in does not publish."""


def claims_of(entra: StandIn, changes: dict[str, Any]) -> dict[str, Any]:
    """Return bob's claims with these changes.

    `ABSENT` removes a claim; a timedelta is relative to now.
    """
    token = entra.access_token(person_called("bob"), DOCS_PAGE, frozenset({SCOPE}))
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    for name, value in changes.items():
        if isinstance(value, timedelta):
            claims[name] = int(time.time() + value.total_seconds())
    return {name: value for name, value in claims.items() if value is not ABSENT}


def claims(**changes: Any) -> Maker:
    """Return a function that makes a validly signed token with these claims."""
    return lambda entra: entra.sign(claims_of(entra, changes))


def header(**parameters: Any) -> Maker:
    """Return a function that makes a validly signed token with these header parameters."""
    return lambda entra: entra.sign(claims_of(entra, {}), **parameters)


def forged(**changes: Any) -> Maker:
    """Return a function that makes a token with these claims, signed with another key."""
    return lambda entra: jwt.encode(
        claims_of(entra, changes), OTHER_KEY.private, "RS256", {"kid": entra.keys[-1].id}
    )


def encoded(content: bytes) -> str:
    """Return the content, encoded as a part of a JWT."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def raw(head: object, body: object | None = None, signature: str = "AAAA") -> Maker:
    """Return a function that makes a token with exactly this header and body."""

    def make(entra: StandIn) -> str:
        content = claims_of(entra, {}) if body is None else body
        parts = [encoded(json.dumps(part).encode()) for part in (head, content)]
        return ".".join([*parts, signature])

    return make


def content(payload: object) -> Maker:
    """Return a function that makes a validly signed token with exactly this payload."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return lambda entra: PyJWS().encode(
        body, entra.keys[-1].private, "RS256", {"kid": entra.keys[-1].id}
    )


def not_canonical(entra: StandIn) -> str:
    """Return a token whose signature is not canonical base64 (RFC 4648, section 3.5)."""
    token = claims()(entra)
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    # The last four bits of the last character do not belong to the signature.
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def signed_with_the_public_key(entra: StandIn) -> str:
    """Return a token whose HMAC secret is the public key (RFC 8725, section 2.1)."""
    public = entra.keys[-1].private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = raw({"alg": "HS256", "kid": entra.keys[-1].id}, signature="")(entra).rstrip(".")
    return f"{unsigned}.{encoded(hmac.digest(pem, unsigned.encode(), 'sha256'))}"


def tampered(entra: StandIn) -> str:
    """Return a token whose claims were changed after it was signed."""
    head, _, signature = claims()(entra).split(".")
    body = encoded(json.dumps(claims_of(entra, {"oid": DOCS_CLIENT_ID})).encode())
    return f"{head}.{body}.{signature}"


ISSUER = f"{ENTRA}/{CONTOSO.id}/v2.0"
OTHER_ISSUER = f"{ENTRA}/{FABRIKAM.id}/v2.0"

ACCEPTED: dict[str, Maker] = {
    "as Entra ID issues it": claims(),
    "with several scopes": claims(scp="Files.Read access_as_user"),
    "without a name": claims(name=ABSENT, preferred_username=ABSENT),
    "whose name is not text": claims(name=7, preferred_username=["x"]),
    "with a member's home tenant": claims(acct=ABSENT, idp=ISSUER),
    "of a member from a partner organisation": claims(acct=0, idp=OTHER_ISSUER),
    "of a member, with acct as text": claims(acct="0"),
    "with ids in upper case": claims(
        aud=API_CLIENT_ID.upper(), oid=person_called("bob").object_id.upper()
    ),
    "with a lone surrogate in the name": claims(name="\ud800", preferred_username="b\udfff"),
    "that expires after the year 9999": claims(exp=10**30),
    "with deeply nested claims": claims(x=json.loads("[" * 200 + "]" * 200)),
    "with a client id that is not a GUID": claims(azp="x"),
    "that expired within the leeway": claims(exp=timedelta(seconds=-30)),
    "that becomes valid within the leeway": claims(nbf=timedelta(seconds=30)),
    "with an unknown claim": claims(colour="red"),
    "with 200 groups, as many as Entra ID includes": claims(
        groups=[str(UUID(int=n)) for n in range(200)]
    ),
    "with an unknown header parameter": header(nonce="red"),
    "whose header refers to other keys": header(
        jku="http://localhost:1/keys", x5u="http://localhost:1"
    ),
}

UNAUTHORIZED: dict[str, Maker] = {
    "signed with another key": forged(),
    "signed with another key, of a guest": forged(acct=1),
    "signed with another key, without a scope": forged(scp=ABSENT),
    "with an unknown key id": header(kid="unknown"),
    "without a key id": raw({"alg": "RS256"}),
    "whose key id is a number": raw({"alg": "RS256", "kid": 1}),
    "with its own key in the header": raw({"alg": "RS256", "jwk": OTHER_KEY.public_jwk(ISSUER)}),
    "without a signature": raw({"alg": "none"}, signature=""),
    "signed with the public key as HMAC secret": signed_with_the_public_key,
    "whose claims were changed": tampered,
    "with a critical extension": header(crit=["colour"], colour="red"),
    "with a critical extension that is absent": header(crit=["exp"]),
    "whose critical extensions are a number": header(crit=7),
    "with an unencoded payload": raw({"alg": "RS256", "b64": False, "crit": ["b64"]}),
    "signed with PS256": lambda entra: jwt.encode(
        claims_of(entra, {}), entra.keys[-1].private, "PS256", {"kid": entra.keys[-1].id}
    ),
    "signed with RS512": lambda entra: jwt.encode(
        claims_of(entra, {}), entra.keys[-1].private, "RS512", {"kid": entra.keys[-1].id}
    ),
    "that is empty": lambda _: "",
    "that is one word": lambda _: "token",
    "with empty parts": lambda _: "..",
    "with two parts": lambda entra: claims()(entra).rpartition(".")[0],
    "with four parts": lambda entra: claims()(entra) + ".AAAA",
    "that is not base64": lambda _: "é.!.?",
    "whose header is a list": raw(["alg", "kid"]),
    "whose header is text": raw("alg, kid"),
    "whose header is a number": raw(7),
    "whose header is empty": raw({}),
    "whose algorithm is a list": raw({"alg": ["RS256"]}),
    "whose header is deeply nested": lambda _: f"{encoded(b'[' * 9000)}.e30.AAAA",
    "whose claims are a list": content(["exp"]),
    "whose claims are a number": content(7),
    "whose claims are not JSON": content(b"{"),
    "whose claims are nested too deeply, and truncated": content(b'{"a":' + b"[" * 20_000),
    "whose claims are nested too deeply": content(b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
    "whose claims have a number of 5,000 digits": content(b'{"exp": ' + b"9" * 5000 + b"}"),
    "without claims": content(b""),
    "with base64 padding": lambda entra: claims()(entra) + "==",
    "with base64 that is not canonical": not_canonical,
    "for another audience": claims(aud=DOCS_CLIENT_ID),
    "for the URI of the audience": claims(aud=f"api://{API_CLIENT_ID}"),
    "for several audiences": claims(aud=[API_CLIENT_ID, DOCS_CLIENT_ID]),
    "without an audience": claims(aud=ABSENT),
    "that has expired": claims(exp=timedelta(hours=-1)),
    "without an expiry": claims(exp=ABSENT),
    "whose expiry is text": claims(exp="never"),
    "whose expiry is a number as text": claims(exp=str(int(time.time()) + 3600)),
    "whose expiry is true": claims(exp=True),
    "whose expiry is infinite": claims(exp=float("inf")),
    "that is not valid yet": claims(nbf=timedelta(hours=1)),
    "without a not-before time": claims(nbf=ABSENT),
    "whose not-before time is true": claims(nbf=True),
    "issued in the future": claims(iat=timedelta(hours=1)),
    "without a time of issue": claims(iat=ABSENT),
    "whose time of issue is a fraction": claims(iat=time.time() - 0.5),
    "without a subject": claims(sub=ABSENT),
    "of another issuer": claims(iss="https://login.example/v2.0"),
    "of another tenant's issuer": claims(iss=OTHER_ISSUER),
    "of the issuer with a trailing slash": claims(iss=f"{ISSUER}/"),
    "of the v1.0 issuer": claims(iss=f"https://sts.windows.net/{CONTOSO.id}/"),
    "without an issuer": claims(iss=ABSENT),
    "of version 1.0": claims(ver="1.0"),
    "without a version": claims(ver=ABSENT),
    "whose tenant is not that of its issuer": claims(tid=FABRIKAM.id),
    "without a tenant": claims(tid=ABSENT),
    "whose tenant is not a GUID": claims(tid="contoso"),
    "whose tenant is a list": claims(tid=[CONTOSO.id]),
    "of a tenant that is not allowed": claims(
        tid=DOCS_CLIENT_ID, iss=f"{ENTRA}/{DOCS_CLIENT_ID}/v2.0"
    ),
    "without an object id": claims(oid=ABSENT),
    "whose object id is not a GUID": claims(oid="bob"),
    "whose object id is empty": claims(oid=""),
}

FORBIDDEN: dict[str, Maker] = {
    "without a scope": claims(scp=ABSENT),
    "with another scope": claims(scp="Files.Read"),
    "with the scope in upper case": claims(scp="ACCESS_AS_USER"),
    "with a longer scope": claims(scp="access_as_user_too"),
    "with scopes in a list": claims(scp=["access_as_user"]),
    "with an empty scope": claims(scp=""),
    "that is app-only": claims(scp=ABSENT, idtyp="app"),
    "that is app-only, with a scope": claims(idtyp="app"),
    "of a guest": claims(acct=1),
    "of a guest, with acct as text": claims(acct="1"),
    "of a guest, with acct as a list": claims(acct=[1]),
    "whose acct is null": claims(acct=None),
    "of a guest from another tenant": claims(
        acct=ABSENT, idp=f"https://sts.windows.net/{FABRIKAM.id}/"
    ),
}


@pytest.fixture(params=[300, 0], ids=["cache on", "cache off"])
def client(serve: Serve, request: pytest.FixtureRequest) -> TestClient:
    """Return a client of the service, with and without the cache of verified tokens."""
    return serve(token_cache_seconds=request.param)


def ask(client: TestClient, token: str) -> Any:
    """Call `/api/me` with this token."""
    return client.get("/api/me", headers=[(b"authorization", f"Bearer {token}".encode())])


@pytest.mark.parametrize("make", ACCEPTED.values(), ids=ACCEPTED)
def test_valid_token_is_accepted(client: TestClient, entra: StandIn, make: Maker) -> None:
    token = make(entra)
    for _ in range(2):
        response = ask(client, token)
        assert response.status_code == 200
        assert response.json()["object_id"] == person_called("bob").object_id


@pytest.mark.parametrize("make", UNAUTHORIZED.values(), ids=UNAUTHORIZED)
def test_invalid_token_is_a_401(client: TestClient, entra: StandIn, make: Maker) -> None:
    response = ask(client, make(entra))
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("make", FORBIDDEN.values(), ids=FORBIDDEN)
def test_token_without_permission_is_a_403(client: TestClient, entra: StandIn, make: Maker) -> None:
    token = make(entra)
    for _ in range(2):
        response = ask(client, token)
        assert response.status_code == 403
        challenge = f'Bearer error="insufficient_scope", scope="{SCOPE}"'
        assert response.headers["www-authenticate"] == challenge


def test_each_request_is_judged_by_its_own_token(client: TestClient, entra: StandIn) -> None:
    guest, member = claims(acct=1)(entra), claims()(entra)
    statuses = [ask(client, token).status_code for token in (guest, member, guest, member)]
    assert statuses == [403, 200, 403, 200]


@pytest.mark.parametrize("scheme", ["Basic YTpi", "Negotiate x", "", "Bear er"])
def test_other_credentials_are_a_401(client: TestClient, scheme: str) -> None:
    response = client.get("/api/me", headers={"Authorization": scheme})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


def test_scheme_is_case_insensitive(client: TestClient, entra: StandIn) -> None:
    response = client.get("/api/me", headers={"Authorization": f"bEARER {claims()(entra)}"})
    assert response.status_code == 200


def test_two_authorization_headers_are_refused(client: TestClient, entra: StandIn) -> None:
    credentials = ("Authorization", f"Bearer {claims()(entra)}")
    response = client.get("/api/me", headers=[credentials, credentials])
    assert response.status_code == 401


def test_token_outside_the_header_is_ignored(client: TestClient, entra: StandIn) -> None:
    token = claims()(entra)
    client.cookies["access_token"] = token
    response = client.get("/api/me", params={"access_token": token})
    assert response.status_code == 401


class KeyOfAnotherTenant(SigningKey):
    """A key that is published with another tenant's issuer."""

    def public_jwk(self, issuer: str) -> dict[str, Any]:
        """Return the public key, with the other tenant's issuer."""
        return super().public_jwk(OTHER_ISSUER)


def test_key_of_another_issuer_is_refused(serve: Serve) -> None:
    stand_in = StandIn(ENTRA, [DOCS_PAGE])
    stand_in.keys = [KeyOfAnotherTenant()]
    assert ask(serve(stand_in), claims()(stand_in)).status_code == 401


def test_guest_is_accepted_if_guests_are_allowed(serve: Serve, entra: StandIn) -> None:
    client = serve(allow_guests=True)
    assert ask(client, claims(acct=1)(entra)).status_code == 200


def test_only_allowed_clients_are_accepted(serve: Serve, entra: StandIn) -> None:
    client = serve(allowed_client_ids=DOCS_CLIENT_ID)
    assert ask(client, claims()(entra)).status_code == 200
    assert ask(client, claims(azp=API_CLIENT_ID)(entra)).status_code == 403
    assert ask(client, claims(azp=ABSENT)(entra)).status_code == 403


REMEDIES: dict[str, Maker] = {
    "requestedAccessTokenVersion": claims(ver="1.0", aud=f"api://{API_CLIENT_ID}"),
    "it is for another API": claims(aud=DOCS_CLIENT_ID),
    "clock": claims(exp=timedelta(hours=-1)),
    "clock behind": claims(nbf=timedelta(hours=1)),
    "ENTRA_AUTHORITY": header(kid="unknown"),
    "may not sign in here": claims(tid=DOCS_CLIENT_ID, iss=f"{ENTRA}/{DOCS_CLIENT_ID}/v2.0"),
    "ALLOW_GUESTS": claims(acct=1),
    "app-only": claims(scp=ABSENT, idtyp="app"),
}


@pytest.mark.parametrize(("remedy", "make"), REMEDIES.items(), ids=REMEDIES)
def test_log_gives_the_reason_for_a_refusal_but_not_the_token(
    client: TestClient,
    entra: StandIn,
    caplog: pytest.LogCaptureFixture,
    remedy: str,
    make: Maker,
) -> None:
    caplog.set_level(logging.DEBUG, "app")
    token = make(entra)
    assert ask(client, token).status_code in {401, 403}
    (said,) = (record.__dict__ for record in caplog.records if "refused" in record.message)
    assert remedy in f"{said['reason']} {said.get('remedy')}"
    assert not any(part in caplog.text for part in token.split("."))
