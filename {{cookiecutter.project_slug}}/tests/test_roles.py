"""What the service says about app roles, whatever the resources are."""

from fastapi.testclient import TestClient

from tests.access import Bearer


def test_me_names_the_roles(client: TestClient, bearer: Bearer) -> None:
    me = {name: client.get("/api/me", headers=bearer(name)).json() for name in ("alice", "dave")}
    assert (me["alice"]["roles"], me["dave"]["roles"]) == (["Admin"], [])
