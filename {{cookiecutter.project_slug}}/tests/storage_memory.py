"""Fixtures for the memory."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.memory import Memory, MemoryStorage
from app.settings import Settings


@pytest.fixture
def storage_values() -> dict[str, Any]:
    """Return the settings that the storage needs: none."""
    return {}


@pytest.fixture
async def storage(values: dict[str, Any]) -> AsyncIterator[Memory]:
    """Return an empty memory."""
    async with MemoryStorage(Settings.model_validate(values)).open() as memory:
        yield memory
