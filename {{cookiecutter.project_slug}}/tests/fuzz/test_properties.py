"""What holds for every cursor and credential, whatever Hypothesis thinks of."""

from uuid import UUID

import pytest
from fastapi.exceptions import RequestValidationError
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from app.http.paging import decode_cursor, encode_cursor
from tests.fuzz.strategies import each


@each
@given(last=st.uuids(), tenant=st.uuids(), owner=st.uuids(), other=st.uuids())
def test_a_cursor_is_of_one_list(last: UUID, tenant: UUID, owner: UUID, other: UUID) -> None:
    cursor = encode_cursor(last, tenant, owner)
    assert decode_cursor(cursor, tenant, owner) == last
    for of_list in ((tenant, other), (other, owner), (tenant,)):
        if of_list != (tenant, owner):
            with pytest.raises(RequestValidationError):
                decode_cursor(cursor, *of_list)


@each
@given(
    scheme=st.sampled_from(["Bearer ", "bearer  ", "Basic ", ""]),
    token=st.binary().map(lambda content: bytes(byte for byte in content if byte >= 32)),
)
def test_no_credential_that_is_made_up_signs_anybody_in(
    client: TestClient, scheme: str, token: bytes
) -> None:
    answer = client.get("/api/me", headers=[(b"authorization", scheme.encode() + token)])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
