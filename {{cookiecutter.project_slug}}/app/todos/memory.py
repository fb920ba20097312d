"""Todos in the memory of the process."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.requests import HTTPConnection
from uuid_utils.compat import uuid7

from app.identity.caller import Person
from app.memory import Memory, open_memory
from app.todos.schemas import NewTodo, Todo, TodoChanges


class TodoStore:
    """Stores todos by tenant. No method reads or changes a todo of another tenant."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        # The ids ascend in time, so the todos of a tenant are in the order of their ids.
        self._tenants: defaultdict[UUID, dict[UUID, Todo]] = memory.items("todos")

    async def add(self, owner: Person, new: NewTodo) -> Todo:
        """Create a todo."""
        self._memory.check_room()
        now = datetime.now(UTC)
        todo = Todo(
            id=uuid7(),
            owner_id=owner.object_id,
            created_at=now,
            updated_at=now,
            **new.model_dump(),
        )
        self._tenants[owner.tenant_id][todo.id] = todo
        return todo

    async def list_for_owner(
        self, owner: Person, *, limit: int, after: UUID | None = None
    ) -> list[Todo]:
        """Return at most `limit` todos of an owner, newest first, older than `after`."""
        newest_first = reversed(self._tenants[owner.tenant_id].values())
        own = (todo for todo in newest_first if todo.owner_id == owner.object_id)
        return _page(own, limit, after)

    async def list_for_tenant(
        self, tenant_id: UUID, *, limit: int, after: UUID | None = None
    ) -> list[Todo]:
        """Return at most `limit` todos of a tenant, newest first, older than `after`."""
        return _page(reversed(self._tenants[tenant_id].values()), limit, after)

    async def get(self, *, tenant_id: UUID, todo_id: UUID) -> Todo | None:
        """Return a todo, or None if the tenant has no such todo."""
        return self._tenants[tenant_id].get(todo_id)

    async def update(self, *, tenant_id: UUID, todo_id: UUID, changes: TodoChanges) -> Todo | None:
        """Change the fields that were sent; return the todo, or None if the tenant has no such todo."""
        todos = self._tenants[tenant_id]
        if todo_id not in todos:
            return None
        update = changes.sent() | {"updated_at": datetime.now(UTC)}
        todos[todo_id] = todos[todo_id].model_copy(update=update)
        return todos[todo_id]

    async def delete(self, *, tenant_id: UUID, todo_id: UUID) -> None:
        """Delete a todo, if there is one."""
        self._tenants[tenant_id].pop(todo_id, None)

    async def delete_all(self, *, tenant_id: UUID) -> None:
        """Delete every todo of the tenant."""
        self._tenants[tenant_id].clear()


async def todo_store(connection: HTTPConnection) -> TodoStore:
    """Return the store of the service."""
    return TodoStore(await open_memory(connection))


Store = Annotated[TodoStore, Depends(todo_store)]
"""A route with a parameter of this type reaches the todos."""


def _page(newest_first: Iterable[Todo], limit: int, after: UUID | None) -> list[Todo]:
    older = (todo for todo in newest_first if after is None or todo.id < after)
    return list(islice(older, limit))
