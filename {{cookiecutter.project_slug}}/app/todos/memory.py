"""Todos in the memory of one process, forgotten when it ends."""

import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from uuid_utils.compat import uuid7

from app.problems import UnavailableError
from app.settings import Settings
from app.todos.schemas import NewTodo, Todo, TodoChanges

log = logging.getLogger(__name__)

MOST_TODOS = 100_000
"""How many todos the process keeps; beyond it, creating one is refused with 503."""


class MemoryStore:
    """A store for trying things out. No method waits in the middle, so each is atomic."""

    def __init__(self) -> None:
        # The ids ascend in time, so each dictionary is in the order of its ids.
        self._tenants: defaultdict[UUID, dict[UUID, Todo]] = defaultdict(dict)

    async def add(self, tenant_id: UUID, owner_id: UUID, new: NewTodo) -> Todo:
        """Create a todo."""
        if sum(map(len, self._tenants.values())) >= MOST_TODOS:
            raise UnavailableError("The service holds as many todos as it can.", retry_after=3600)
        now = datetime.now(UTC)
        todo = Todo(
            id=uuid7(), owner_id=owner_id, created_at=now, updated_at=now, **new.model_dump()
        )
        self._tenants[tenant_id][todo.id] = todo
        return todo

    async def page(
        self, tenant_id: UUID, owner_id: UUID{{ " | None" if cookiecutter.app_roles }}, *, limit: int, after: UUID | None = None
    ) -> list[Todo]:
{% if cookiecutter.app_roles %}
        """Return at most `limit` todos, newest first, older than `after`, of an owner or of all."""
{% else %}
        """Return at most `limit` todos of an owner, newest first, older than `after`."""
{% endif %}
        newest_first = reversed(self._tenants[tenant_id].values())
        wanted = (
            todo
            for todo in newest_first
            if {{ "owner_id in (None, todo.owner_id)" if cookiecutter.app_roles else "todo.owner_id == owner_id" }} and (after is None or todo.id < after)
        )
        return list(islice(wanted, limit))

    async def get(self, tenant_id: UUID, todo_id: UUID) -> Todo | None:
        """Return a todo, or None when the tenant has no such todo."""
        return self._tenants[tenant_id].get(todo_id)

    async def change(self, tenant_id: UUID, todo_id: UUID, changes: TodoChanges) -> Todo | None:
        """Write what was sent; return the todo, or None when the tenant has no such todo."""
        todos = self._tenants[tenant_id]
        if todo_id not in todos:
            return None
        update = changes.sent() | {"updated_at": datetime.now(UTC)}
        todos[todo_id] = todos[todo_id].model_copy(update=update)
        return todos[todo_id]

    async def remove(self, tenant_id: UUID, todo_id: UUID) -> None:
        """Delete a todo, if there is one."""
        self._tenants[tenant_id].pop(todo_id, None)
{% if cookiecutter.app_roles %}

    async def clear(self, tenant_id: UUID) -> None:
        """Delete every todo of the tenant."""
        self._tenants[tenant_id].clear()
{% endif %}

    async def fault(self) -> None:
        """Return None: memory always serves."""


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[MemoryStore]:
    """Open an empty store; no setting concerns it."""
    log.warning(
        "todos are kept in memory: they end with this process, and no other process sees them"
    )
    yield MemoryStore()
