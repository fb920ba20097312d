"""The store of todos: every storage passes the same tests."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.identity.caller import Person
from app.todos.{{ cookiecutter.storage }} import TodoStore
from app.todos.schemas import NewTodo, TodoChanges

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(storage: Any) -> TodoStore:
    """Return a store, which may contain the todos of other tests."""
    return TodoStore(storage)


def new_person(tenant_id: UUID | None = None) -> Person:
    """Return a person with new ids."""
    return Person(tenant_id or uuid4(), uuid4())


async def test_todo_is_found_only_in_its_tenant(store: TodoStore) -> None:
    owner = new_person()
    todo = await store.add(owner, NewTodo(title="milk"))
    assert (todo.title, todo.done, todo.owner_id) == ("milk", False, owner.object_id)
    assert await store.get(tenant_id=owner.tenant_id, todo_id=todo.id) == todo
    assert await store.get(tenant_id=uuid4(), todo_id=todo.id) is None
    assert await store.get(tenant_id=owner.tenant_id, todo_id=uuid4()) is None


@pytest.mark.parametrize(
    "title",
    ["x", "買い物" * 66, "🥛" * 200, "ab\ncd", "' OR 1=1 --"],
    ids=["one letter", "Japanese", "emoji", "two lines", "SQL"],
)
async def test_title_with_any_characters_is_kept(store: TodoStore, title: str) -> None:
    tenant = uuid4()
    todo = await store.add(new_person(tenant), NewTodo(title=title, done=True))
    kept = await store.get(tenant_id=tenant, todo_id=todo.id)
    assert kept is not None
    assert (kept.title, kept.done) == (title, True)


async def test_pages_are_newest_first_and_complete(store: TodoStore) -> None:
    owner = new_person()
    added = [await store.add(owner, NewTodo(title=str(n))) for n in range(5)]
    await store.add(new_person(owner.tenant_id), NewTodo(title="another owner's"))
    await store.add(Person(uuid4(), owner.object_id), NewTodo(title="in another tenant"))
    first = await store.list_for_owner(owner, limit=3)
    second = await store.list_for_owner(owner, limit=3, after=first[-1].id)
    assert first + second == added[::-1]
    assert await store.list_for_owner(owner, limit=3, after=second[-1].id) == []


async def test_list_of_a_tenant_leaves_out_other_tenants(store: TodoStore) -> None:
    tenant = uuid4()
    added = [await store.add(new_person(tenant), NewTodo(title=str(n))) for n in range(3)]
    await store.add(new_person(), NewTodo(title="in another tenant"))
    assert await store.list_for_tenant(tenant, limit=100) == added[::-1]


async def test_update_changes_only_the_fields_that_were_sent(store: TodoStore) -> None:
    tenant = uuid4()
    todo = await store.add(new_person(tenant), NewTodo(title="milk"))
    done = await store.update(tenant_id=tenant, todo_id=todo.id, changes=TodoChanges(done=True))
    assert done is not None
    assert (done.title, done.done, done.created_at) == ("milk", True, todo.created_at)
    assert done.updated_at > todo.updated_at
    renamed = await store.update(
        tenant_id=tenant, todo_id=todo.id, changes=TodoChanges(title="oat milk")
    )
    assert renamed is not None
    assert (renamed.title, renamed.done) == ("oat milk", True)
    assert await store.get(tenant_id=tenant, todo_id=todo.id) == renamed


async def test_update_from_another_tenant_changes_nothing(store: TodoStore) -> None:
    tenant = uuid4()
    todo = await store.add(new_person(tenant), NewTodo(title="milk"))
    assert (
        await store.update(tenant_id=uuid4(), todo_id=todo.id, changes=TodoChanges(done=True))
        is None
    )
    assert await store.get(tenant_id=tenant, todo_id=todo.id) == todo


async def test_deletion_is_limited_to_the_tenant_and_can_be_repeated(store: TodoStore) -> None:
    tenant = uuid4()
    todo = await store.add(new_person(tenant), NewTodo(title="milk"))
    await store.delete(tenant_id=uuid4(), todo_id=todo.id)
    assert await store.get(tenant_id=tenant, todo_id=todo.id) == todo
    await store.delete(tenant_id=tenant, todo_id=todo.id)
    await store.delete(tenant_id=tenant, todo_id=todo.id)
    assert await store.get(tenant_id=tenant, todo_id=todo.id) is None


async def test_delete_all_leaves_other_tenants_untouched(store: TodoStore) -> None:
    tenant, other = uuid4(), uuid4()
    await store.add(new_person(tenant), NewTodo(title="milk"))
    kept = await store.add(new_person(other), NewTodo(title="bread"))
    await store.delete_all(tenant_id=tenant)
    assert await store.list_for_tenant(tenant, limit=1) == []
    assert await store.list_for_tenant(other, limit=1) == [kept]


async def test_concurrent_edits_do_not_undo_each_other(store: TodoStore) -> None:
    tenant = uuid4()
    todo = await store.add(new_person(tenant), NewTodo(title="milk"))
    renamed = [TodoChanges(title=str(n)) for n in range(15)]
    finished = [TodoChanges(done=True) for _ in range(15)]
    edits = [change for pair in zip(renamed, finished, strict=True) for change in pair]
    edited = await asyncio.gather(
        *(store.update(tenant_id=tenant, todo_id=todo.id, changes=edit) for edit in edits)
    )
    assert None not in edited
    kept = await store.get(tenant_id=tenant, todo_id=todo.id)
    assert kept is not None
    assert kept.done
    assert kept.title in {str(n) for n in range(15)}
    assert kept in edited


async def test_concurrent_creation_and_delete_all_leave_only_intact_todos(store: TodoStore) -> None:
    tenant = uuid4()
    new = [store.add(new_person(tenant), NewTodo(title=str(n))) for n in range(20)]
    *added, _ = await asyncio.gather(*new, store.delete_all(tenant_id=tenant))
    left = await store.list_for_tenant(tenant, limit=100)
    assert all(todo in added for todo in left)
    await store.delete_all(tenant_id=tenant)
    assert await store.list_for_tenant(tenant, limit=100) == []
