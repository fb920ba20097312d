"""Access to the route of the tools; each tool has its own rule."""

import pytest
from fastapi.testclient import TestClient

from tests.access import Bearer, Case, cases, status_of

# gita is a guest; nightly and stranger are daemons, of which only nightly has a permission.
TABLE = """
METHOD  PATH                                       nobody  bob  gita  nightly  stranger
POST    /mcp                                       401     200  403   200      403
GET     /.well-known/oauth-protected-resource/mcp  200     200  200   200      200
"""
BODIES = {"POST": {"jsonrpc": "2.0", "id": 1, "method": "ping"}}


@pytest.mark.parametrize("case", cases(TABLE), ids=str)
def test_access(client: TestClient, bearer: Bearer, case: Case) -> None:
    assert status_of(client, bearer, case, BODIES) == case.status
