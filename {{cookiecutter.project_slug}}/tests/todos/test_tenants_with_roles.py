"""An Admin has no access to other tenants."""

from fastapi.testclient import TestClient

from tests.access import Bearer
from tests.todos.requests import titles, todo_of


def test_admin_neither_lists_nor_deletes_todos_of_another_tenant(
    client: TestClient, bearer: Bearer
) -> None:
    todo_of(client, bearer, "bob")
    assert titles(client, bearer, "erin") == []
    assert client.delete("/api/todos", headers=bearer("erin")).status_code == 204
    assert titles(client, bearer, "bob") == ["bob's"]
