"""What the routes ask of a store. `open_store` of the module that is used provides one."""

from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Depends, Request

from app.todos.schemas import NewTodo, Todo, TodoChanges


class TodoStore(Protocol):
    """Todos by tenant. No method reads or changes a todo of another tenant."""

    async def add(self, tenant_id: UUID, owner_id: UUID, new: NewTodo) -> Todo:
        """Create a todo."""

    async def page(
        self, tenant_id: UUID, owner_id: UUID{{ " | None" if cookiecutter.app_roles }}, *, limit: int, after: UUID | None = None
    ) -> list[Todo]:
{% if cookiecutter.app_roles %}
        """Return at most `limit` todos, newest first, older than `after`, of an owner or of all."""
{% else %}
        """Return at most `limit` todos of an owner, newest first, older than `after`."""
{% endif %}

    async def get(self, tenant_id: UUID, todo_id: UUID) -> Todo | None:
        """Return a todo, or None when the tenant has no such todo."""

    async def change(self, tenant_id: UUID, todo_id: UUID, changes: TodoChanges) -> Todo | None:
        """Write what was sent; return the todo, or None when the tenant has no such todo."""

    async def remove(self, tenant_id: UUID, todo_id: UUID) -> None:
        """Delete a todo, if there is one."""
{% if cookiecutter.app_roles %}

    async def clear(self, tenant_id: UUID) -> None:
        """Delete every todo of the tenant."""
{% endif %}

    async def fault(self) -> str | None:
        """Return why the store cannot serve at present, or None."""


def store_of(request: Request) -> TodoStore:
    """Return the store of the service; applications that are mounted in it share it."""
    store: TodoStore = request.state.store
    return store


Store = Annotated[TodoStore, Depends(store_of)]
"""A route with a parameter of this type reaches the todos."""
