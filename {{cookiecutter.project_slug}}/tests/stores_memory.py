"""The fixtures of the memory store."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.settings import Settings
from app.todos.memory import MemoryStore, open_store


@pytest.fixture
def store_values() -> dict[str, Any]:
    """Return the settings that a store needs: none."""
    return {}


@pytest.fixture
async def store(values: dict[str, Any]) -> AsyncIterator[MemoryStore]:
    """Return an empty store."""
    async with open_store(Settings.model_validate(values)) as store:
        yield store
