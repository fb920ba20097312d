"""Deletion of all todos of a tenant, some at a time."""

import pytest

from app.todos.database import TodoStore, delete_some
from app.todos.schemas import NewTodo
from tests.todos.conftest import somebody


@pytest.mark.anyio
async def test_deletion_goes_on_until_nothing_is_left(
    store: TodoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.todos.database.DELETE_SOME", delete_some(2))
    owner = somebody()
    for n in range(5):
        await store.add(owner, NewTodo(title=str(n)))
    await store.delete_all(tenant_id=owner.tenant_id)
    assert await store.list_for_tenant(owner.tenant_id, limit=10) == []
