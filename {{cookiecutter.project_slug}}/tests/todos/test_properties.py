"""Property-based tests of the todo API: bodies, ids and cursors."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from tests.access import Bearer
from tests.fuzz.strategies import VALUES, each

BODIES = VALUES | st.fixed_dictionaries(
    {}, optional={"title": VALUES, "done": VALUES, "owner_id": VALUES}
)


@pytest.fixture
def bob(client: TestClient, bearer: Bearer) -> TestClient:
    """Return a client signed in as bob."""
    client.headers.update(bearer("bob"))
    return client


def is_new_todo(body: Any) -> bool:
    """Return whether a POST request with this body creates a todo."""
    if not isinstance(body, dict) or not {"title"} <= set(body) <= {"title", "done"}:
        return False
    title, done = body["title"], body.get("done", False)
    text = isinstance(title, str) and 1 <= len(title) <= 200 and "\0" not in title
    return text and isinstance(done, bool)


@each
@given(body=BODIES)
def test_valid_body_creates_a_todo_and_any_other_is_refused(bob: TestClient, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    response = bob.post("/api/todos", content=json.dumps(body), headers=headers)
    assert response.status_code == (201 if is_new_todo(body) else 422)
    if response.status_code == 422:
        assert {fault["location"] for fault in response.json()["errors"]} == {"body"}


@each
@given(body=st.binary(max_size=200))
def test_body_of_random_bytes_is_refused(bob: TestClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert bob.post("/api/todos", content=body, headers=headers).status_code == 422


@each
@given(
    title=st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=200)
)
def test_title_is_returned_unchanged(bob: TestClient, title: str) -> None:
    created = bob.post("/api/todos", json={"title": title})
    assert bob.get(created.headers["location"]).json()["title"] == title


@each
@given(todo=st.text(st.characters(codec="utf-8"), min_size=1))
def test_invalid_id_is_refused(bob: TestClient, todo: str) -> None:
    for method in ("GET", "DELETE"):
        response = bob.request(method, f"/api/todos/{quote(todo, safe='')}")
        assert response.status_code in {404, 422}
        assert response.headers["content-type"] == "application/problem+json"


@each
@given(after=st.text(st.characters(codec="utf-8"), max_size=120))
def test_invalid_cursor_is_refused(bob: TestClient, after: str) -> None:
    assert bob.get("/api/todos", params={"after": after}).status_code == 422
