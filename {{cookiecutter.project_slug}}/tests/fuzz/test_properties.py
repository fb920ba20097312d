"""Property-based tests of cursors and credentials."""

import json
from typing import Any
from uuid import UUID

import jwt
import pytest
from fastapi.exceptions import RequestValidationError
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from jwt.api_jws import PyJWS

from app.http.paging import decode_cursor, encode_cursor
from dev.directory import person_called
from dev.entra import API_SCOPES, StandIn
from tests.conftest import DOCS_PAGE
from tests.fuzz.strategies import VALUES, each

CLAIMS = (
    *("aud", "iss", "iat", "nbf", "exp", "sub", "tid", "oid", "ver", "azp", "scp", "roles"),
    *("acct", "idp", "idtyp", "name", "preferred_username"),
)
TEXTS = st.text(st.characters(codec=None)) | st.sampled_from(["0", "1", "app", "\ud800"])
"""Texts, including lone surrogates."""


@each
@given(last=st.uuids(), tenant=st.uuids(), owner=st.uuids(), other=st.uuids())
def test_cursor_is_valid_only_for_its_own_list(
    last: UUID, tenant: UUID, owner: UUID, other: UUID
) -> None:
    cursor = encode_cursor(last, tenant, owner)
    assert decode_cursor(cursor, tenant, owner) == last
    for of_list in ((tenant, other), (other, owner), (tenant,)):
        if of_list != (tenant, owner):
            with pytest.raises(RequestValidationError):
                decode_cursor(cursor, *of_list)


@each
@given(changes=st.dictionaries(st.sampled_from(CLAIMS), TEXTS | VALUES, max_size=4))
def test_no_claim_causes_a_server_error(
    client: TestClient, entra: StandIn, changes: dict[str, Any]
) -> None:
    token = entra.access_token(person_called("bob"), DOCS_PAGE, API_SCOPES)
    claims = jwt.decode(token, options={"verify_signature": False})
    # Not with `jwt.encode`, which refuses to sign some invalid claims.
    content = json.dumps(claims | changes).encode()
    key = entra.keys[-1]
    token = PyJWS().encode(content, key.private, "RS256", {"kid": key.id})
    response = client.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code in {200, 401, 403}


@each
@given(content=st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_payload_causes_a_server_error(
    client: TestClient, entra: StandIn, content: bytes
) -> None:
    key = entra.keys[-1]
    token = PyJWS().encode(content, key.private, "RS256", {"kid": key.id})
    response = client.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401


@each
@given(
    scheme=st.sampled_from(["Bearer ", "bearer  ", "Basic ", ""]),
    token=st.binary().map(lambda content: bytes(byte for byte in content if byte >= 32)),
)
def test_random_credentials_are_refused(client: TestClient, scheme: str, token: bytes) -> None:
    response = client.get("/api/me", headers=[(b"authorization", scheme.encode() + token)])
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
