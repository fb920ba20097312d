"""What the tests of todos share."""

from importlib.util import find_spec
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.identity.caller import Person
from app.todos.{{ cookiecutter.storage }} import TodoStore
from tests.browser.conftest import chromium, visit  # noqa: F401  fixtures

# The tests in `tests/fuzz` say what is missing.
if not find_spec("hypothesis"):
    collect_ignore = ["test_properties.py"]


@pytest.fixture
def store(storage: Any) -> TodoStore:
    """Return an empty store."""
    return TodoStore(storage)


def somebody(tenant_id: UUID | None = None) -> Person:
    """Return a person that no other test knows."""
    return Person(tenant_id or uuid4(), uuid4())
