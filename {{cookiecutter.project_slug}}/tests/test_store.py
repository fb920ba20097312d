"""What every store does, whatever it keeps todos in."""

import asyncio
from uuid import uuid4

import pytest

from app.todos.schemas import NewTodo, TodoChanges
from app.todos.store import TodoStore

pytestmark = pytest.mark.anyio


async def test_a_todo_is_found_by_its_tenant_alone(store: TodoStore) -> None:
    tenant, owner = uuid4(), uuid4()
    todo = await store.add(tenant, owner, NewTodo(title="milk"))
    assert (todo.title, todo.done, todo.owner_id) == ("milk", False, owner)
    assert await store.get(tenant, todo.id) == todo
    assert await store.get(uuid4(), todo.id) is None
    assert await store.get(tenant, uuid4()) is None


@pytest.mark.parametrize("title", ["x", "買い物" * 66, "🥛" * 200, "ab\ncd", "' OR 1=1 --"])
async def test_a_title_of_any_script_is_kept(store: TodoStore, title: str) -> None:
    tenant = uuid4()
    todo = await store.add(tenant, uuid4(), NewTodo(title=title, done=True))
    kept = await store.get(tenant, todo.id)
    assert kept is not None
    assert (kept.title, kept.done) == (title, True)


async def test_pages_are_newest_first_and_complete(store: TodoStore) -> None:
    tenant, owner = uuid4(), uuid4()
    added = [await store.add(tenant, owner, NewTodo(title=str(n))) for n in range(5)]
    await store.add(tenant, uuid4(), NewTodo(title="another owner's"))
    await store.add(uuid4(), owner, NewTodo(title="in another tenant"))
    first = await store.page(tenant, owner, limit=3)
    second = await store.page(tenant, owner, limit=3, after=first[-1].id)
    assert first + second == added[::-1]
    assert await store.page(tenant, owner, limit=3, after=second[-1].id) == []
{% if cookiecutter.app_roles %}


async def test_a_page_of_all_owners_stays_in_the_tenant(store: TodoStore) -> None:
    tenant = uuid4()
    added = [await store.add(tenant, uuid4(), NewTodo(title=str(n))) for n in range(3)]
    await store.add(uuid4(), uuid4(), NewTodo(title="in another tenant"))
    assert await store.page(tenant, None, limit=100) == added[::-1]
{% endif %}


async def test_a_change_writes_what_was_sent(store: TodoStore) -> None:
    tenant = uuid4()
    todo = await store.add(tenant, uuid4(), NewTodo(title="milk"))
    done = await store.change(tenant, todo.id, TodoChanges(done=True))
    assert done is not None
    assert (done.title, done.done, done.created_at) == ("milk", True, todo.created_at)
    assert done.updated_at > todo.updated_at
    renamed = await store.change(tenant, todo.id, TodoChanges(title="oat milk"))
    assert renamed is not None
    assert (renamed.title, renamed.done) == ("oat milk", True)
    assert await store.get(tenant, todo.id) == renamed


async def test_a_change_of_another_tenants_todo_changes_nothing(store: TodoStore) -> None:
    tenant = uuid4()
    todo = await store.add(tenant, uuid4(), NewTodo(title="milk"))
    assert await store.change(uuid4(), todo.id, TodoChanges(done=True)) is None
    assert await store.get(tenant, todo.id) == todo


async def test_removing_is_final_and_stays_in_the_tenant(store: TodoStore) -> None:
    tenant = uuid4()
    todo = await store.add(tenant, uuid4(), NewTodo(title="milk"))
    await store.remove(uuid4(), todo.id)
    assert await store.get(tenant, todo.id) == todo
    await store.remove(tenant, todo.id)
    await store.remove(tenant, todo.id)
    assert await store.get(tenant, todo.id) is None
{% if cookiecutter.app_roles %}


async def test_clearing_a_tenant_leaves_the_others(store: TodoStore) -> None:
    tenant, other = uuid4(), uuid4()
    await store.add(tenant, uuid4(), NewTodo(title="milk"))
    kept = await store.add(other, uuid4(), NewTodo(title="bread"))
    await store.clear(tenant)
    assert await store.page(tenant, None, limit=1) == []
    assert await store.page(other, None, limit=1) == [kept]
{% endif %}


async def test_parallel_edits_of_one_todo_lose_none(store: TodoStore) -> None:
    tenant = uuid4()
    todo = await store.add(tenant, uuid4(), NewTodo(title="milk"))
    renamed = [TodoChanges(title=str(n)) for n in range(15)]
    finished = [TodoChanges(done=True) for _ in range(15)]
    edits = [change for pair in zip(renamed, finished, strict=True) for change in pair]
    edited = await asyncio.gather(*(store.change(tenant, todo.id, edit) for edit in edits))
    assert None not in edited
    kept = await store.get(tenant, todo.id)
    assert kept is not None
    assert kept.done
    assert kept.title in {str(n) for n in range(15)}
    assert kept in edited
{% if cookiecutter.app_roles %}


async def test_parallel_creation_and_clearing_keep_the_tenant_whole(store: TodoStore) -> None:
    tenant = uuid4()
    new = [store.add(tenant, uuid4(), NewTodo(title=str(n))) for n in range(20)]
    *added, _ = await asyncio.gather(*new, store.clear(tenant))
    left = await store.page(tenant, None, limit=100)
    assert all(todo in added for todo in left)
    await store.clear(tenant)
    assert await store.page(tenant, None, limit=100) == []
{% endif %}


async def test_a_store_that_works_has_no_fault(store: TodoStore) -> None:
    assert await store.fault() is None
