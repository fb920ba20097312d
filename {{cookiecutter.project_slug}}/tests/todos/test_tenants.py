"""No tenant sees another's todos."""

import pytest
from fastapi.testclient import TestClient

from tests.access import Bearer
from tests.todos.requests import titles, todo_of


def test_people_of_both_tenants_list_only_their_own_todos(
    client: TestClient, bearer: Bearer
) -> None:
    for name in ("bob", "frank"):
        todo_of(client, bearer, name)
    assert titles(client, bearer, "bob") == ["bob's"]
    assert titles(client, bearer, "frank") == ["frank's"]


@pytest.mark.parametrize("name", ["erin", "frank"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_todo_of_another_tenant_is_a_404(
    client: TestClient, bearer: Bearer, name: str, method: str
) -> None:
    path = todo_of(client, bearer, "bob")
    body = {"done": True} if method == "PATCH" else None
    assert client.request(method, path, headers=bearer(name), json=body).status_code == 404
    assert client.get(path, headers=bearer("bob")).json()["done"] is False
