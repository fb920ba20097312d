"""Access to the todos, with app roles."""

import pytest
from fastapi.testclient import TestClient

from tests.access import Bearer, Case, cases, status_of
from tests.todos.requests import BODIES, titles, todo_of

# alice is an Admin, bob and carol are Users, dave has no app role; gita is a User and a guest.
# nightly and stranger are daemons, of which only nightly has a permission.
TABLE = """
METHOD  PATH                   nobody  alice  bob  carol  dave  gita  nightly  stranger
GET     /api/todos             401     200    200  200    403   403   200      403
GET     /api/todos?mine=true   401     200    200  200    403   403   200      403
POST    /api/todos             401     201    201  201    403   403   403      403
GET     /api/todos/{bob}       401     200    200  403    403   403   200      403
PATCH   /api/todos/{bob}       401     200    200  403    403   403   403      403
DELETE  /api/todos/{bob}       401     204    204  403    403   403   403      403
DELETE  /api/todos             401     204    403  403    403   403   403      403
"""


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_access(client: TestClient, bearer: Bearer, case: Case) -> None:
    assert status_of(client, bearer, case, BODIES) == case.status


def test_admin_lists_all_todos_or_only_their_own(client: TestClient, bearer: Bearer) -> None:
    for person in ("alice", "bob"):
        todo_of(client, bearer, person)
    assert titles(client, bearer, "alice") == ["bob's", "alice's"]
    assert titles(client, bearer, "alice", mine=True) == ["alice's"]


def test_user_lists_only_their_own_todos(client: TestClient, bearer: Bearer) -> None:
    for person in ("alice", "bob"):
        todo_of(client, bearer, person)
    assert titles(client, bearer, "bob") == ["bob's"]
    assert titles(client, bearer, "bob", mine=False) == ["bob's"]


def test_change_by_an_admin_keeps_the_owner(client: TestClient, bearer: Bearer) -> None:
    path = todo_of(client, bearer, "bob")
    before = client.get(path, headers=bearer("bob")).json()
    after = client.patch(path, json={"done": True}, headers=bearer("alice")).json()
    assert after == before | {"done": True, "updated_at": after["updated_at"]}


def test_admin_deletes_the_todos_of_everybody(client: TestClient, bearer: Bearer) -> None:
    todo_of(client, bearer, "bob")
    client.delete("/api/todos", headers=bearer("alice"))
    assert titles(client, bearer, "bob") == []


def test_response_to_a_missing_app_role_names_the_roles_and_the_scope(
    client: TestClient, bearer: Bearer
) -> None:
    response = client.get("/api/todos", headers=bearer("dave"))
    assert response.json()["detail"] == "This operation requires the Admin or User app role."
    assert response.headers["www-authenticate"].startswith(
        'Bearer error="insufficient_scope", scope="api://'
    )
