"""The memory: it keeps resources apart, and limits the number of items."""

import pytest

from app import memory
from app.http.problems import UnavailableError
from app.memory import Memory


def test_resources_are_kept_apart() -> None:
    kept = Memory()
    assert kept.items("one") is kept.items("one")
    assert kept.items("one") is not kept.items("two")


def test_limit_applies_to_the_items_of_all_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_ITEMS", 2)
    kept = Memory()
    kept.items("one")[0][1] = kept.items("two")[0][1] = "item"  # type: ignore[index]
    with pytest.raises(UnavailableError, match="as many items as it can"):
        kept.check_room()


@pytest.mark.anyio
async def test_memory_is_always_available() -> None:
    assert await Memory().unavailable_reason() is None
