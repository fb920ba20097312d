"""What the store does for an Admin, whatever it keeps todos in."""

import asyncio
from uuid import uuid4

import pytest

from app.todos.{{ cookiecutter.storage }} import TodoStore
from app.todos.schemas import NewTodo
from tests.todos.conftest import somebody

pytestmark = pytest.mark.anyio


async def test_a_page_of_all_owners_stays_in_the_tenant(store: TodoStore) -> None:
    tenant = uuid4()
    added = [await store.add(somebody(tenant), NewTodo(title=str(n))) for n in range(3)]
    await store.add(somebody(), NewTodo(title="in another tenant"))
    assert await store.list_for_tenant(tenant, limit=100) == added[::-1]


async def test_deleting_all_of_a_tenant_leaves_the_others(store: TodoStore) -> None:
    tenant, other = uuid4(), uuid4()
    await store.add(somebody(tenant), NewTodo(title="milk"))
    kept = await store.add(somebody(other), NewTodo(title="bread"))
    await store.delete_all(tenant_id=tenant)
    assert await store.list_for_tenant(tenant, limit=1) == []
    assert await store.list_for_tenant(other, limit=1) == [kept]


async def test_parallel_creation_and_deletion_keep_the_tenant_whole(store: TodoStore) -> None:
    tenant = uuid4()
    new = [store.add(somebody(tenant), NewTodo(title=str(n))) for n in range(20)]
    *added, _ = await asyncio.gather(*new, store.delete_all(tenant_id=tenant))
    left = await store.list_for_tenant(tenant, limit=100)
    assert all(todo in added for todo in left)
    await store.delete_all(tenant_id=tenant)
    assert await store.list_for_tenant(tenant, limit=100) == []
