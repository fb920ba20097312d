"""An Admin is one in their own tenant only."""

from fastapi.testclient import TestClient

from tests.access import Bearer
from tests.todos.requests import titles, todo_of


def test_an_admin_is_admin_of_their_own_tenant(client: TestClient, bearer: Bearer) -> None:
    todo_of(client, bearer, "bob")
    assert titles(client, bearer, "erin") == []
    assert client.delete("/api/todos", headers=bearer("erin")).status_code == 204
    assert titles(client, bearer, "bob") == ["bob's"]
