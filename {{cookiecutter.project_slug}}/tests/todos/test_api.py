"""The todo API, used by the owner of the todos."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from app.todos.{{ cookiecutter.storage }} import todo_store
from tests.access import Bearer
from tests.conftest import Build


@pytest.fixture
def bob(client: TestClient, bearer: Bearer) -> TestClient:
    """Return a client signed in as bob."""
    client.headers.update(bearer("bob"))
    return client


def test_dependency_override_replaces_the_store(build: Build, bearer: Bearer) -> None:
    class Empty:
        async def list_for_owner(self, *_: Any, **__: Any) -> list[Any]:
            return []

    app = build()
    app.dependency_overrides[todo_store] = Empty
    with TestClient(app) as client:
        assert client.get("/api/todos", headers=bearer("bob")).json()["items"] == []


def test_todo_is_created_read_changed_and_deleted(bob: TestClient) -> None:
    created = bob.post("/api/todos", json={"title": "Buy milk"})
    todo = created.json()
    assert created.headers["location"] == f"/api/todos/{todo['id']}"
    assert UUID(todo["id"]).version == 7
    assert set(todo) == {"id", "title", "done", "owner_id", "created_at", "updated_at"}
    assert todo["created_at"].endswith("Z")
    assert (todo["title"], todo["done"]) == ("Buy milk", False)
    assert todo["owner_id"] == bob.get("/api/me").json()["object_id"]

    path = created.headers["location"]
    assert bob.get(path).json() == todo
    changed = bob.patch(path, json={"title": "Buy oat milk", "done": True}).json()
    assert (changed["title"], changed["done"]) == ("Buy oat milk", True)
    assert changed["created_at"] == todo["created_at"] < changed["updated_at"]
    assert bob.delete(path).content == b""
    assert bob.get(path).status_code == 404


def test_pages_list_every_todo_once_newest_first(bob: TestClient) -> None:
    for n in range(5):
        bob.post("/api/todos", json={"title": str(n)})
    seen: list[str] = []
    query: dict[str, str | int] = {"limit": 2}
    while True:
        page = bob.get("/api/todos", params=query).json()
        seen += [todo["title"] for todo in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert seen == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize("after", ["", "x", "!", "AAAA", "é", "a" * 100, "A" * 32])
def test_invalid_cursor_is_refused(bob: TestClient, after: str) -> None:
    response = bob.get("/api/todos", params={"after": after})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "after"


def test_cursor_of_another_list_is_refused(bob: TestClient, bearer: Bearer) -> None:
    for n in range(2):
        bob.post("/api/todos", json={"title": str(n)})
    cursor = bob.get("/api/todos", params={"limit": 1}).json()["next"]
    response = bob.get("/api/todos", params={"after": cursor}, headers=bearer("carol"))
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": None}, "title"),
        ({"title": 1}, "title"),
        ({"title": "x", "done": "perhaps"}, "done"),
        ({"title": "x", "done": 1}, "done"),
        ({"title": "x", "owner_id": str(uuid4())}, "owner_id"),
        ([], ""),
    ],
    ids=[
        "no title",
        "empty title",
        "long title",
        "NUL in the title",
        "null as title",
        "number as title",
        "text as done",
        "number as done",
        "unknown field",
        "list",
    ],
)
def test_invalid_body_is_refused_with_the_name_of_the_field(
    bob: TestClient, body: object, field: str
) -> None:
    response = bob.post("/api/todos", json=body)
    assert response.status_code == 422
    assert [(fault["location"], fault["field"]) for fault in response.json()["errors"]] == [
        ("body", field)
    ]


UNREADABLE: dict[str, str | bytes] = {
    "lone surrogate": r'{"title": "\ud800"}',
    "truncated": '{"title": "x"',
    "empty": "",
    "form": "title=x",
    "not UTF-8": b"\xff",
    "5,000 levels deep": "[" * 5000 + "]" * 5000,
    "number of 5,000 digits": '{"title": ' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_body_is_refused(bob: TestClient, body: str | bytes) -> None:
    response = bob.post("/api/todos", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["location"] == "body"
    assert "parsing the body" not in response.text


def test_title_with_a_nul_is_refused_with_an_explanation(bob: TestClient) -> None:
    response = bob.post("/api/todos", json={"title": "a\x00b"})
    assert response.json()["detail"] == "title: It has characters that are not allowed here"


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_body_without_a_json_content_type_is_refused(bob: TestClient, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    response = bob.post("/api/todos", content='{"title": "milk"}', headers=headers)
    assert response.status_code == 415
    assert "application/json" in response.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [{}, {"title": None}, {"done": None}, {"id": str(uuid4())}],
    ids=["empty", "null as title", "null as done", "unknown field"],
)
def test_invalid_change_changes_nothing(bob: TestClient, body: object) -> None:
    created = bob.post("/api/todos", json={"title": "milk"})
    path = created.headers["location"]
    assert bob.patch(path, json=body).status_code == 422
    assert bob.get(path).json() == created.json()


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", f"after={'a' * 101}"])
def test_query_out_of_range_is_refused(bob: TestClient, query: str) -> None:
    response = bob.get(f"/api/todos?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["location"] == "query"


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_invalid_id_is_a_422_and_an_unknown_one_a_404(bob: TestClient, method: str) -> None:
    body = {"done": True} if method == "PATCH" else None
    assert bob.request(method, "/api/todos/1", json=body).status_code == 422
    assert bob.request(method, f"/api/todos/{uuid4()}", json=body).status_code == 404
