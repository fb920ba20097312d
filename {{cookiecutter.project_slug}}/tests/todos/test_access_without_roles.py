"""Access to the todos: any signed-in user can use their own."""

import pytest
from fastapi.testclient import TestClient

from tests.access import Bearer, Case, cases, status_of
from tests.todos.requests import BODIES, titles, todo_of

# gita is a guest; nightly and stranger are daemons, of which only nightly has a permission.
TABLE = """
METHOD  PATH               nobody  alice  bob  carol  dave  gita  nightly  stranger
GET     /api/todos         401     200    200  200    200   403   200      403
POST    /api/todos         401     201    201  201    201   403   403      403
GET     /api/todos/{bob}   401     403    200  403    403   403   200      403
PATCH   /api/todos/{bob}   401     403    200  403    403   403   403      403
DELETE  /api/todos/{bob}   401     403    204  403    403   403   403      403
DELETE  /api/todos         405     405    405  405    405   405   405      405
"""


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_access(client: TestClient, bearer: Bearer, case: Case) -> None:
    assert status_of(client, bearer, case, BODIES) == case.status


def test_everybody_lists_only_their_own_todos(client: TestClient, bearer: Bearer) -> None:
    for person in ("alice", "bob"):
        todo_of(client, bearer, person)
    assert titles(client, bearer, "alice") == ["alice's"]
    assert titles(client, bearer, "bob") == ["bob's"]
