"""The cache of verified tokens: what it keeps, for how long, and which checks remain."""

import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from app.identity.cache import MOST_TOKENS, VerifiedTokens
from app.identity.caller import Caller
from app.identity.claims import VerifiedToken
from app.identity.keys import WITHDRAWAL_GRACE
from dev.directory import person_called
from dev.entra import SCOPE, StandIn
from tests.conftest import DOCS_PAGE, Serve


class Clock:
    """A clock that a test controls."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the current time."""
        return self.now


def verified(expires_at: float = 5000.0) -> VerifiedToken:
    """Return a verified token of a new caller."""
    caller = Caller(
        tenant_id=uuid4(),
        object_id=uuid4(),
        client_id=None,
        name=None,
        username=None,
        scopes=frozenset(),
        guest=False,
        roles=frozenset(),
    )
    return VerifiedToken(caller, not_before=0.0, expires_at=expires_at)


def test_token_is_kept_for_the_configured_time() -> None:
    clock = Clock()
    cache, token = VerifiedTokens(300, clock), verified()
    cache.add(b"token", token, cache.generation)
    clock.now += 299
    assert cache.get(b"token") is token
    clock.now += 1
    assert cache.get(b"token") is None


def test_token_is_not_kept_past_its_expiry() -> None:
    clock = Clock()
    cache = VerifiedTokens(300, clock)
    cache.add(b"token", verified(expires_at=1010.0), cache.generation)
    clock.now = 1009.0
    assert cache.get(b"token") is not None
    clock.now = 1010.0
    assert cache.get(b"token") is None


def test_nothing_is_kept_if_the_cache_is_off() -> None:
    cache = VerifiedTokens(0, Clock())
    cache.add(b"token", verified(), cache.generation)
    assert cache.get(b"token") is None


def test_different_token_is_not_found() -> None:
    cache = VerifiedTokens(300, Clock())
    cache.add(b"token", verified(), cache.generation)
    assert cache.get(b"token ") is None


def test_change_of_keys_removes_every_token() -> None:
    cache = VerifiedTokens(300, Clock())
    cache.add(b"token", verified(), cache.generation)
    cache.clear()
    assert cache.get(b"token") is None


def test_token_verified_with_old_keys_is_not_kept() -> None:
    cache = VerifiedTokens(300, Clock())
    generation = cache.generation
    cache.clear()
    cache.add(b"token", verified(), generation)
    assert cache.get(b"token") is None


def test_cache_is_bounded_and_contains_no_token_in_plain_text() -> None:
    cache = VerifiedTokens(300, Clock())
    for n in range(MOST_TOKENS + 10):
        cache.add(b"a-token-%d" % n, verified(), cache.generation)
    kept = sum(cache.get(b"a-token-%d" % n) is not None for n in range(MOST_TOKENS + 10))
    assert kept == MOST_TOKENS
    assert "a-token" not in repr(vars(cache))


def token_of(entra: StandIn, name: str) -> str:
    """Return an access token for a person."""
    return entra.access_token(person_called(name), DOCS_PAGE, frozenset({SCOPE}))


def me(client: TestClient, token: str) -> Any:
    """Call `/api/me` with this token."""
    return client.get("/api/me", headers={"Authorization": f"Bearer {token}"})


def scheme_of(client: TestClient) -> Any:
    """Return the Entra ID scheme of the service that a client calls."""
    return client.app_state["entra"]


def test_cached_token_of_a_withdrawn_key_is_verified_again_and_then_refused(serve: Serve) -> None:
    entra = StandIn("http://localhost:8400", [DOCS_PAGE])
    client = serve(entra)
    token = token_of(entra, "bob")
    assert me(client, token).status_code == 200
    entra.rotate_keys()
    assert me(client, token).status_code == 200
    assert client.portal is not None
    scheme = scheme_of(client)
    assert client.portal.call(scheme.keys.refresh)
    # During the grace period of its key, the token is verified on each request.
    assert me(client, token).status_code == 200
    assert scheme.verified.get(token.encode()) is None
    real_clock = scheme.keys._clock
    scheme.keys._clock = lambda: real_clock() + WITHDRAWAL_GRACE
    assert me(client, token).status_code == 401


def test_lifetime_of_a_cached_token_is_checked_on_every_use(serve: Serve, entra: StandIn) -> None:
    client = serve()
    token = token_of(entra, "bob")
    response = me(client, token)
    assert UUID(response.json()["object_id"]) == UUID(person_called("bob").object_id)
    scheme = scheme_of(client)
    real_clock = scheme._clock
    try:
        scheme._clock = lambda: real_clock() + 3600 + 61
        assert me(client, token).status_code == 401
        scheme._clock = lambda: real_clock() - 120
        assert me(client, token).status_code == 401
    finally:
        scheme._clock = real_clock
    assert me(client, token).status_code == 200


def test_expired_token_is_not_cached(serve: Serve) -> None:
    entra = StandIn("http://localhost:8400", [DOCS_PAGE], clock=lambda: time.time() - 2 * 3600)
    client = serve(entra)
    assert me(client, token_of(entra, "bob")).status_code == 401
    assert not scheme_of(client).verified._tokens


@pytest.mark.parametrize("seconds", [0, 300])
def test_tokens_of_different_people_are_not_mixed_up(
    serve: Serve, entra: StandIn, seconds: int
) -> None:
    client = serve(token_cache_seconds=seconds)
    tokens = {name: token_of(entra, name) for name in ("alice", "bob")}
    for name in ("alice", "bob", "alice", "bob"):
        assert me(client, tokens[name]).json()["object_id"] == person_called(name).object_id
