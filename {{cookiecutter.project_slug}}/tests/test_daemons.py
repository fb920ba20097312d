"""App-only tokens: which of them count as a daemon's, and what a daemon may do."""

from collections.abc import Callable
from typing import Annotated, Any

import jwt
import pytest
from fastapi import APIRouter, Security
from fastapi.testclient import TestClient

from app.identity.access import RequireCallerOrDaemon, RequireDaemon
from app.identity.caller import Caller, Daemon
from app.permissions import ApplicationPermission
from dev.directory import DAEMONS, DOCS_CLIENT_ID, person_called
from dev.entra import SCOPE, SigningKey, StandIn
from tests.conftest import DOCS_PAGE, Serve

ABSENT = object()
READ_ALL = ApplicationPermission("Samples.Read.All", "Reads the samples of everyone.")
NIGHTLY = DAEMONS[0]

router = APIRouter(prefix="/api/samples")


@router.get("/daemons")
async def for_daemons(caller: Annotated[Daemon, Security(RequireDaemon(READ_ALL))]) -> str:
    """Return the daemon's permissions."""
    return " ".join(sorted(caller.permissions))


@router.get("/both")
async def for_both(
    caller: Annotated[Caller | Daemon, Security(RequireCallerOrDaemon(READ_ALL))],
) -> str:
    """Return who calls."""
    return type(caller).__name__


Changes = dict[str, Any]


def token_of(entra: StandIn, token: str, changes: Changes) -> str:
    """Return a token with the claims of another and these changes; `ABSENT` removes a claim."""
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    return entra.sign({name: value for name, value in claims.items() if value is not ABSENT})


def daemons(entra: StandIn, **changes: Any) -> str:
    """Return an app-only token with the permission and these changes."""
    return token_of(entra, entra.app_only_token(NIGHTLY), {"roles": [READ_ALL.value]} | changes)


def persons(entra: StandIn, **changes: Any) -> str:
    """Return bob's token with these changes."""
    token = entra.access_token(person_called("bob"), DOCS_PAGE, frozenset({SCOPE}))
    return token_of(entra, token, changes)


def status_of(client: TestClient, path: str, token: str) -> int:
    """Call a path with this token; return the status."""
    return client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.fixture(params=[300, 0], ids=["cache on", "cache off"])
def client(serve: Serve, request: pytest.FixtureRequest) -> TestClient:
    """Return a client of the service, with and without the cache of verified tokens."""
    return serve(routers=[router], token_cache_seconds=request.param)


REFUSED: dict[str, Callable[[StandIn], str]] = {
    "without a permission": lambda entra: daemons(entra, roles=ABSENT),
    "with another permission": lambda entra: daemons(entra, roles=["Samples.Write.All"]),
    "with a longer permission": lambda entra: daemons(entra, roles=["Samples.Read.All.Too"]),
    "with the permission in upper case": lambda entra: daemons(entra, roles=["SAMPLES.READ.ALL"]),
    "with the permission as text": lambda entra: daemons(entra, roles=READ_ALL.value),
    "without idtyp": lambda entra: daemons(entra, idtyp=ABSENT),
    "whose idtyp is user": lambda entra: daemons(entra, idtyp="user"),
    "whose idtyp is in upper case": lambda entra: daemons(entra, idtyp="App"),
    "whose idtyp is a list": lambda entra: daemons(entra, idtyp=["app"]),
    "with an empty scope": lambda entra: daemons(entra, scp=""),
    "whose scope is null": lambda entra: daemons(entra, scp=None),
    "with a person's scope": lambda entra: daemons(entra, scp="access_as_user"),
    "of a person that names the permission": lambda entra: persons(entra, roles=[READ_ALL.value]),
    "of a person without a scope": lambda entra: persons(entra, roles=[READ_ALL.value], scp=ABSENT),
    "of a person that claims to be app-only": lambda entra: persons(
        entra, roles=[READ_ALL.value], idtyp="app"
    ),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_token_that_is_not_a_permitted_daemons_is_a_403(
    client: TestClient, entra: StandIn, make: Callable[[StandIn], str]
) -> None:
    token = make(entra)
    for _ in range(2):
        assert status_of(client, "/api/samples/daemons", token) == 403


def test_daemon_with_the_permission_is_accepted_but_not_as_a_person(
    client: TestClient, entra: StandIn
) -> None:
    token = daemons(entra)
    for _ in range(2):
        assert status_of(client, "/api/samples/daemons", token) == 200
        assert status_of(client, "/api/me", token) == 403


def test_detail_names_the_permission(client: TestClient, entra: StandIn) -> None:
    headers = {"Authorization": f"Bearer {daemons(entra, roles=ABSENT)}"}
    detail = client.get("/api/samples/daemons", headers=headers).json()["detail"]
    assert "the application permission Samples.Read.All." in detail


def test_route_for_both_accepts_both_by_their_own_rules(client: TestClient, entra: StandIn) -> None:
    def call(token: str) -> Any:
        return client.get("/api/samples/both", headers={"Authorization": f"Bearer {token}"})

    assert call(daemons(entra)).json() == "Daemon"
    assert call(persons(entra)).json() == "Caller"
    assert call(daemons(entra, roles=ABSENT)).status_code == 403
    assert call(persons(entra, scp=ABSENT, roles=[READ_ALL.value])).status_code == 403
    assert call(persons(entra, acct=1)).status_code == 403


def test_forged_or_expired_token_of_a_daemon_is_a_401(client: TestClient, entra: StandIn) -> None:
    claims = jwt.decode(daemons(entra), options={"verify_signature": False})
    forged = jwt.encode(claims, SigningKey().private, "RS256", {"kid": entra.keys[-1].id})
    for token in (forged, daemons(entra, exp=1), daemons(entra, aud=DOCS_CLIENT_ID)):
        assert status_of(client, "/api/samples/daemons", token) == 401


def test_only_allowed_clients_are_accepted(serve: Serve, entra: StandIn) -> None:
    other = serve(routers=[router], allowed_client_ids=DOCS_CLIENT_ID)
    assert status_of(other, "/api/samples/daemons", daemons(entra)) == 403
    assert status_of(other, "/api/samples/daemons", daemons(entra, azp=DOCS_CLIENT_ID)) == 200
