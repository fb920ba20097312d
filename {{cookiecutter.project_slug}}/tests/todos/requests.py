"""Requests that several tests of the todos send."""

from typing import Any

from fastapi.testclient import TestClient

from tests.access import Bearer, created

BODIES = {"POST": {"title": "milk"}, "PATCH": {"done": True}}


def todo_of(client: TestClient, bearer: Bearer, person: str) -> str:
    """Create a todo for a person; return its path."""
    return created(client, bearer, "/api/todos", person, {"title": f"{person}'s"})


def titles(client: TestClient, bearer: Bearer, person: str, **query: Any) -> list[str]:
    """Return the titles of the todos that a person can list."""
    response = client.get("/api/todos", headers=bearer(person), params=query)
    return [todo["title"] for todo in response.json()["items"]]
