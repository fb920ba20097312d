"""App roles in tokens."""

import jwt
from fastapi.testclient import TestClient

from dev.directory import person_called
from dev.entra import API_SCOPES, StandIn
from tests.access import Bearer
from tests.conftest import DOCS_PAGE


def test_me_lists_the_app_roles(client: TestClient, bearer: Bearer) -> None:
    me = {name: client.get("/api/me", headers=bearer(name)).json() for name in ("alice", "dave")}
    assert (me["alice"]["roles"], me["dave"]["roles"]) == (["Admin"], [])


def test_roles_that_are_not_text_are_ignored(client: TestClient, entra: StandIn) -> None:
    token = entra.access_token(person_called("bob"), DOCS_PAGE, API_SCOPES)
    claims = jwt.decode(token, options={"verify_signature": False})
    signed = entra.sign(claims | {"roles": ["User", 7, None, ["x"], {}]})
    response = client.get("/api/me", headers={"Authorization": f"Bearer {signed}"})
    assert response.json()["roles"] == ["User"]
