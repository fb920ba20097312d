"""Signing keys during rollover and outages, on a clock that the tests control."""

import asyncio
from typing import cast

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi_azure_auth.openid_config import HttpClientConfig
from jwt.algorithms import RSAAlgorithm
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app.identity import keys
from app.identity.keys import SigningKeys
from dev.directory import CONTOSO
from dev.entra import SigningKey, StandIn
from tests.conftest import DOCS_PAGE, ENTRA

pytestmark = pytest.mark.anyio

ADDRESS = f"{ENTRA}/{CONTOSO.id}"
MINUTE, HOUR = 60, 3600


class World:
    """A stand-in that can fail, the keys fetched from it, and the time."""

    def __init__(self) -> None:
        self.entra = StandIn(ENTRA, [DOCS_PAGE])
        self.now = 0.0
        self.fetches = 0
        self.down = False
        self.jwks: object = None
        self.discovery: object = None
        self.changes = 0
        over_asgi = {"transport": httpx2.ASGITransport(app=self.serve)}
        self.keys = SigningKeys(
            f"{ADDRESS}/v2.0/.well-known/openid-configuration",
            http_client_config=cast(HttpClientConfig, over_asgi),
            on_change=self.count_change,
            clock=lambda: self.now,
        )

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as Entra ID does, or fail as a test demands."""
        asks_for_keys = scope["path"].endswith("/keys")
        self.fetches += not asks_for_keys
        await asyncio.sleep(0)
        if self.down:
            raise httpx2.ConnectError("Entra ID is down")
        other = self.jwks if asks_for_keys else self.discovery
        await (JSONResponse(other) if other else self.entra.app)(scope, receive, send)

    def count_change(self) -> None:
        """Count a change of the keys."""
        self.changes += 1

    async def knows(self, key: SigningKey) -> bool:
        """Return whether a token with this key id finds its key."""
        return await self.keys.find(key.id) is not None


@pytest.fixture
def world() -> World:
    """Return a world before the first fetch of keys."""
    return World()


async def test_no_key_is_known_before_the_first_fetch(world: World) -> None:
    assert not world.keys.usable
    assert not await world.knows(world.entra.keys[0])
    assert await world.keys.refresh()
    assert world.keys.usable
    assert await world.knows(world.entra.keys[0])


async def test_unknown_keys_cause_one_fetch_in_five_minutes(world: World) -> None:
    await world.keys.refresh()
    assert not await world.keys.find("unknown")
    assert world.fetches == 2
    world.entra.rotate_keys()
    world.now += 5 * MINUTE - 1
    assert not await world.knows(world.entra.keys[0])
    assert world.fetches == 2
    world.now += 1
    assert await world.knows(world.entra.keys[0])
    assert world.fetches == 3


async def test_new_key_is_accepted_right_after_the_first_fetch(world: World) -> None:
    await world.keys.refresh()
    world.entra.rotate_keys()
    assert await world.knows(world.entra.keys[0])


async def test_new_key_is_accepted_right_after_a_scheduled_fetch(world: World) -> None:
    await world.keys.refresh()
    world.now += 12 * HOUR
    await world.keys.refresh()
    world.entra.rotate_keys()
    assert await world.knows(world.entra.keys[0])


async def test_new_key_is_accepted_right_after_an_outage(world: World) -> None:
    await world.keys.refresh()
    world.entra.rotate_keys()
    world.down = True
    assert not await world.knows(world.entra.keys[0])
    world.down = False
    world.now += 1
    assert await world.knows(world.entra.keys[0])


async def test_flood_during_an_outage_causes_one_fetch_a_second(world: World) -> None:
    await world.keys.refresh()
    world.down = True
    for _ in range(50):
        assert not await world.keys.find("unknown")
    assert world.fetches == 2


async def test_flood_of_unknown_keys_causes_one_fetch(world: World) -> None:
    await world.keys.refresh()
    world.now += HOUR
    found = await asyncio.gather(*(world.keys.find(f"unknown {n}") for n in range(100)))
    assert found == [None] * 100
    assert world.fetches == 2


async def test_concurrent_requests_for_a_new_key_share_one_fetch(world: World) -> None:
    await world.keys.refresh()
    world.entra.rotate_keys()
    world.now += HOUR
    assert all(await asyncio.gather(*(world.knows(world.entra.keys[0]) for _ in range(50))))
    assert world.fetches == 2


async def test_cancelled_request_leaves_the_shared_fetch_running(world: World) -> None:
    await world.keys.refresh()
    world.entra.rotate_keys()
    world.now += HOUR
    first = asyncio.create_task(world.knows(world.entra.keys[0]))
    second = asyncio.create_task(world.knows(world.entra.keys[0]))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert first.cancelled()


async def test_withdrawn_key_is_refused_after_its_grace_period(world: World) -> None:
    await world.keys.refresh()
    old = world.entra.keys[0]
    world.entra.rotate_keys()
    await world.keys.refresh()
    world.now += 5 * MINUTE - 1
    assert await world.knows(old)
    # Another fetch that lacks the key does not prolong the grace period.
    await world.keys.refresh()
    world.now += 1
    assert not await world.knows(old)
    await world.keys.refresh()
    assert world.keys.current is not None
    assert old.id not in world.keys.current.keys


async def test_withdrawn_key_stays_refused_after_an_outage_longer_than_its_trust(
    world: World,
) -> None:
    await world.keys.refresh()
    old = world.entra.keys[0]
    world.entra.rotate_keys()
    world.now += 48 * HOUR
    await world.keys.refresh()
    assert not await world.knows(old)


async def test_new_key_survives_a_response_that_lacks_it(world: World) -> None:
    await world.keys.refresh()
    old = world.entra.keys[0]
    before = [key.public_jwk(f"{ADDRESS}/v2.0") for key in world.entra.keys]
    world.entra.rotate_keys()
    await world.keys.refresh()
    new = world.entra.keys[0]
    world.jwks = {"keys": before}
    await world.keys.refresh()
    assert await world.knows(new)
    assert await world.knows(old)
    world.jwks = None
    await world.keys.refresh()
    world.now += HOUR
    assert await world.knows(new)


async def test_only_a_change_of_keys_is_reported(world: World) -> None:
    await world.keys.refresh()
    await world.keys.refresh()
    assert world.changes == 1
    world.entra.rotate_keys()
    await world.keys.refresh()
    assert world.changes == 2


async def test_keys_are_usable_for_two_days_without_a_fetch(world: World) -> None:
    await world.keys.refresh()
    world.down = True
    world.now = 48 * HOUR - 1
    assert not await world.keys.refresh()
    assert world.keys.usable
    assert await world.knows(world.entra.keys[0])
    world.now = 48 * HOUR
    assert not world.keys.usable


def short_key() -> dict[str, object]:
    """Return a key that is too short for RS256 (RFC 7518, section 3.3)."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    return RSAAlgorithm.to_jwk(private.public_key(), as_dict=True) | {"use": "sig", "kid": "short"}


BROKEN_KEY = {"kty": "RSA", "use": "sig", "kid": "broken", "n": "!", "e": "AQAB"}


@pytest.mark.parametrize(
    "jwks",
    [
        {"keys": []},
        {"keys": [BROKEN_KEY]},
        {"keys": [{}]},
        {"keys": ["x"]},
        {"keys": None},
        {"keys": [{"kty": "oct", "use": "sig", "kid": "secret", "k": "AAAA"}]},
        {"error": "server_error"},
        ["x"],
        "x",
    ],
    ids=[
        "no keys",
        "broken key",
        "empty key",
        "text as key",
        "null as keys",
        "symmetric key",
        "error",
        "list",
        "text",
    ],
)
async def test_invalid_key_set_does_not_replace_a_valid_one(world: World, jwks: object) -> None:
    await world.keys.refresh()
    before = world.keys.current
    world.jwks = jwks
    assert not await world.keys.refresh()
    assert world.keys.current is before


@pytest.mark.parametrize(
    "discovery",
    [{"issuer": "https://evil.example"}, ["x"], {"jwks_uri": 1}],
    ids=["another issuer", "list", "number as jwks_uri"],
)
async def test_invalid_discovery_document_does_not_replace_valid_keys(
    world: World, discovery: object
) -> None:
    await world.keys.refresh()
    before = world.keys.current
    world.discovery = discovery
    assert not await world.keys.refresh()
    assert world.keys.current is before
    assert before is not None
    assert before.issuer == f"{ADDRESS}/v2.0"


@pytest.mark.filterwarnings("ignore:Key size")
async def test_invalid_key_leaves_the_valid_ones_usable(world: World) -> None:
    good = world.entra.keys[0]
    encryption = SigningKey().public_jwk("") | {"use": "enc", "kid": "encryption"}
    bad = [BROKEN_KEY, {}, encryption, short_key()]
    world.jwks = {"keys": [*bad, good.public_jwk(f"{ADDRESS}/v2.0")]}
    assert await world.keys.refresh()
    assert world.keys.current is not None
    assert list(world.keys.current.keys) == [good.id]


async def test_keys_are_refreshed_on_schedule_and_soon_after_a_failure(world: World) -> None:
    pauses: list[float] = []
    world.down = True

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        world.down = len(pauses) < 8
        if len(pauses) == 10:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await world.keys.keep_fresh(pause)
    assert pauses == [1, 2, 5, 15, 60, 300, 300, 300, keys.REFRESH_AFTER, keys.REFRESH_AFTER]


async def test_request_waits_for_the_first_keys(world: World) -> None:
    first_fetch = asyncio.create_task(world.keys.refresh())
    await asyncio.sleep(0)
    assert not world.keys.usable
    await world.keys.load_config()
    assert world.keys.usable
    assert await first_fetch
