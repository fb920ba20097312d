"""Access to the routes outside the example."""

import pytest
from fastapi.testclient import TestClient

from tests.access import Bearer, Case, cases, status_of

# gita is a guest; nightly and stranger are daemons.
TABLE = """
METHOD  PATH              nobody  alice  bob  carol  dave  gita  nightly  stranger
GET     /                 200     200    200  200    200   200   200      200
GET     /health           200     200    200  200    200   200   200      200
GET     /health/live      200     200    200  200    200   200   200      200
GET     /health/ready     200     200    200  200    200   200   200      200
GET     /docs             200     200    200  200    200   200   200      200
GET     /openapi.json     200     200    200  200    200   200   200      200
GET     /oauth2-redirect  200     200    200  200    200   200   200      200
GET     /api/me           401     200    200  200    200   403   403      403
"""


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_access(client: TestClient, bearer: Bearer, case: Case) -> None:
    assert status_of(client, bearer, case, {}) == case.status
