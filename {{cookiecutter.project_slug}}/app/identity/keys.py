"""The signing keys of Entra ID: loaded in the background, kept through rollover and outage."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from fastapi_azure_auth.openid_config import HttpClientConfig, OpenIdConfig
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

log = logging.getLogger(__name__)

HOUR = 3600.0
REFRESH_AFTER = 12 * HOUR
"""The age at which keys are fetched again, ahead of the 24 hours that Entra ID advises."""
TRUST_FOR = 48 * HOUR
"""How long keys are trusted after they were last fetched, while Entra ID does not answer."""
UNKNOWN_KEY_PAUSE = 300.0
"""The time between two fetches that tokens with an unknown key may cause."""
FAILED_FETCH_PAUSE = 1.0
"""The same after a failed fetch, so that a flood during an outage does not reach Entra ID."""
WITHDRAWAL_GRACE = 300.0
"""How long a key is still accepted after a fetch lacked it: replicas of Entra ID may disagree."""
FIRST_LOAD_WAIT = 5.0
"""How long a request waits for keys if none are usable."""
RETRY_AFTER = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
"""The pauses after a failed fetch; the last one is repeated."""
SHORTEST_KEY = 2048
"""In bits, for RS256 (RFC 7518, section 3.3)."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and the issuer whose tokens it may sign, if Entra ID names one."""

    key: RSAKey
    issuer: str | None
    gone_at: float = math.inf
    """When to stop accepting it, by the clock of `SigningKeys`; infinite while it is published."""

    @property
    def is_published(self) -> bool:
        """Whether the last fetch contained the key."""
        return self.gone_at == math.inf


@dataclass(frozen=True, slots=True)
class KeySet:
    """The result of a fetch: the issuer of tokens, and the keys by key id."""

    issuer: str
    keys: dict[str, SigningKey]


class SigningKeys(OpenIdConfig):
    """The key store of fastapi-azure-auth, extended to survive rollover and outage.

    `keep_fresh` fetches the keys; a request does so only for an unknown key id. After a fetch that
    fails, or that contains no usable key, the last good set remains.
    """

    def __init__(
        self,
        discovery_url: str,
        *,
        http_client_config: HttpClientConfig | None = None,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(config_url=discovery_url, http_client_config=http_client_config)
        self.current: KeySet | None = None
        self._loaded: KeySet | None = None
        self._on_change = on_change
        self._clock = clock
        self._fetched_at = -math.inf
        self._next_fetch_for_unknown_key = -math.inf
        self._fetching: asyncio.Task[bool] | None = None

    @property
    def age(self) -> float:
        """Seconds since the keys were last fetched; infinite before the first time."""
        return self._clock() - self._fetched_at

    @property
    def usable(self) -> bool:
        """Whether there are keys, and they are not too old to be trusted."""
        return self.current is not None and self.age < TRUST_FOR

    async def load_config(self) -> None:
        """Wait for a fetch under way if no keys are usable, where the library would fetch them."""
        if not self.usable and self._fetching:
            await asyncio.wait({self._fetching}, timeout=FIRST_LOAD_WAIT)

    async def find(self, key_id: str) -> tuple[KeySet, SigningKey] | None:
        """Return the key with this id and the set that contains it, or None if there is no such key.

        An unknown id causes one fetch, shared by all waiting requests, at most every five minutes, or
        every second while fetches fail.
        Fetches for other reasons do not count, so a new key is accepted right after a restart.
        """
        found = self._find(key_id)
        if found is None and self.current:
            if self._fetching:
                await self.refresh()
            elif self._clock() >= self._next_fetch_for_unknown_key:
                self._next_fetch_for_unknown_key = self._clock() + FAILED_FETCH_PAUSE
                if await self.refresh():
                    self._next_fetch_for_unknown_key = self._clock() + UNKNOWN_KEY_PAUSE
            found = self._find(key_id)
        return found

    def _find(self, key_id: str) -> tuple[KeySet, SigningKey] | None:
        keys = self.current
        key = keys.keys.get(key_id) if keys else None
        return (keys, key) if keys and key and self._clock() < key.gone_at else None

    async def refresh(self) -> bool:
        """Fetch the keys, or wait for a fetch under way; return whether it succeeded."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        # A cancelled request must not cancel the fetch for which others wait.
        return await asyncio.shield(self._fetching)

    async def keep_fresh(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Fetch the keys now and regularly from then on; retry soon after a failure."""
        failures = 0
        while True:
            if await self.refresh():
                failures = 0
                await pause(REFRESH_AFTER)
            else:
                await pause(RETRY_AFTER[min(failures, len(RETRY_AFTER) - 1)])
                failures += 1

    def _fetched(self, _: asyncio.Task[bool]) -> None:
        self._fetching = None

    async def _fetch(self) -> bool:
        try:
            await self._load_openid_config()
        except Exception as error:  # Whatever Entra ID sends, the good keys remain.
            log.warning(
                "signing keys could not be fetched",
                extra={
                    "source": self.config_url,
                    "reason": repr(error),
                    "age_seconds": round(self.age) if self.current else None,
                },
            )
            return False
        before, self.current = self.current, self._with_withdrawn_keys(self._loaded)
        changed = self.current != before
        self._fetched_at = self._clock()
        if changed:
            self._on_change()
        log.info(
            "signing keys fetched",
            extra={"source": self.config_url, "keys": sorted(self.signing_keys)},
        )
        return True

    def _with_withdrawn_keys(self, loaded: KeySet | None) -> KeySet | None:
        """Return the set, with trusted keys that it lacks and that are still within their grace."""
        trusted = self.current if self.usable else None
        if loaded is None or trusted is None:
            return loaded
        now = self._clock()
        withdrawn = {
            id_: replace(key, gone_at=now + WITHDRAWAL_GRACE) if key.is_published else key
            for id_, key in trusted.keys.items()
            if id_ not in loaded.keys and now < key.gone_at
        }
        return KeySet(loaded.issuer, loaded.keys | withdrawn)

    def _load_keys(self, keys: list[dict[str, Any]]) -> None:
        """Read the keys of a JWKS (RFC 7517); leave out those that cannot be used."""
        usable = {}
        for key in keys:
            try:
                if key["use"] == "sig" and key["kty"] == "RSA":
                    usable[key["kid"]] = SigningKey(_public_key(key), key.get("issuer"))
            except (JoseError, KeyError, TypeError, ValueError) as error:
                log.warning("a signing key cannot be used", extra={"reason": repr(error)})
        if not usable:
            raise ValueError("the JWKS holds no usable signing key")
        self.signing_keys = {id_: signing.key.public_key for id_, signing in usable.items()}
        self._loaded = KeySet(self.issuer, usable)


def _public_key(key: dict[str, Any]) -> RSAKey:
    public = RSAKey.import_key({name: key[name] for name in ("kty", "n", "e")})
    if public.public_key.key_size < SHORTEST_KEY:
        raise ValueError(f"it is shorter than {SHORTEST_KEY} bits")
    return public
