"""Storage in the memory of one process, forgotten when it ends."""

import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar
from uuid import UUID

from starlette.requests import HTTPConnection

from app.http.problems import UnavailableError
from app.settings import Settings

log = logging.getLogger(__name__)

MAX_ITEMS = 100_000
"""How many items the process keeps; beyond it, creating one is refused with 503."""

Items = defaultdict[UUID, dict[UUID, Any]]
"""The items of a resource: by tenant, then by id."""


class Memory:
    """The items of any number of resources. No method waits in the middle, so each is atomic."""

    def __init__(self) -> None:
        self._resources: defaultdict[str, Items] = defaultdict(lambda: defaultdict(dict))

    def items(self, resource: str) -> Items:
        """Return the items of the resource of this name, to read and to change."""
        return self._resources[resource]

    def check_room(self) -> None:
        """Raise UnavailableError if there is no room for another item."""
        tenants = (tenant for items in self._resources.values() for tenant in items.values())
        if sum(map(len, tenants)) >= MAX_ITEMS:
            raise UnavailableError("The service holds as many items as it can.", retry_after=3600)

    async def unavailable_reason(self) -> str | None:
        """Return None: memory is always available."""
        return None


class MemoryStorage:
    """What the service opens when it starts; no setting concerns it."""

    exception_handlers: ClassVar[dict[Any, Any]] = {}

    def __init__(self, settings: Settings) -> None:
        pass

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Memory]:
        """Open an empty memory."""
        log.warning("data is in memory: it is lost with this process, and no other process sees it")
        yield Memory()


async def open_memory(connection: HTTPConnection) -> Memory:
    """Return the memory of the service; applications that are mounted in it share it."""
    memory: Memory = connection.state.storage
    return memory
