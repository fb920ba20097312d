"""Todos in the database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from pydantic import TypeAdapter
from sqlalchemy import (
    Delete,
    Index,
    Integer,
    Row,
    Select,
    String,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column
from starlette.requests import HTTPConnection
from uuid_utils.compat import uuid7

from app.database.database import Database, open_database
from app.database.tables import DATE_TIME, Base
from app.identity.caller import Person
from app.todos.schemas import NewTodo, Todo, TodoChanges


class TodoRow(Base):
    """A todo. Every key begins with the tenant, so that rows can be distributed: see docs/scaling.md."""

    __tablename__ = "todos"
    __table_args__ = (Index(None, "tenant_id", "owner_id", "id"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    title: Mapped[str] = mapped_column(String(200))
    done: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(DATE_TIME)
    updated_at: Mapped[datetime] = mapped_column(DATE_TIME)


ROWS = TypeAdapter(list[Todo])
FIELDS = tuple(Todo.model_fields)
COLUMNS = [TodoRow.__table__.c[name] for name in FIELDS]
IN_TENANT = TodoRow.tenant_id == bindparam("tenant")
THIS_ROW = (IN_TENANT, TodoRow.id == bindparam("todo"))

# Built once, because building a statement takes longer than running it.
INSERT = insert(TodoRow)
SELECT = select(*COLUMNS).where(*THIS_ROW)
UPDATE = update(TodoRow).where(*THIS_ROW).returning(*COLUMNS)
DELETE = delete(TodoRow).where(*THIS_ROW)


def delete_some(rows: int) -> Delete:
    """Return the statement that deletes this number of todos of a tenant."""
    some = select(TodoRow.id).where(IN_TENANT).limit(rows)
    return delete(TodoRow).where(IN_TENANT, TodoRow.id.in_(some))


DELETE_SOME = delete_some(5000)


@cache
def page_query(*, of_owner: bool, older: bool) -> Select[Any]:
    """Return the query for a page: one range of one index, in the order of the index.

    Its parameters are `tenant`, `owner` (with `of_owner`), `after` (with `older`) and `limit`.
    """
    query = select(*COLUMNS).where(IN_TENANT)
    if of_owner:
        query = query.where(TodoRow.owner_id == bindparam("owner"))
    if older:
        query = query.where(TodoRow.id < bindparam("after"))
    return query.order_by(TodoRow.id.desc()).limit(bindparam("limit", type_=Integer))


class TodoStore:
    """Stores todos by tenant. No method reads or changes a todo of another tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, owner: Person, new: NewTodo) -> Todo:
        """Create a todo."""
        now = datetime.now(UTC)
        todo = Todo(
            id=uuid7(),
            owner_id=owner.object_id,
            created_at=now,
            updated_at=now,
            **new.model_dump(),
        )
        async with self._database.autocommit() as connection:
            await connection.execute(INSERT, todo.model_dump() | {"tenant_id": owner.tenant_id})
        return todo

    async def list_for_owner(
        self, owner: Person, *, limit: int, after: UUID | None = None
    ) -> list[Todo]:
        """Return at most `limit` todos of an owner, newest first, older than `after`."""
        query = page_query(of_owner=True, older=after is not None)
        values = {"tenant": owner.tenant_id, "owner": owner.object_id}
        return await self._page(query, values, limit, after)

    async def list_for_tenant(
        self, tenant_id: UUID, *, limit: int, after: UUID | None = None
    ) -> list[Todo]:
        """Return at most `limit` todos of a tenant, newest first, older than `after`."""
        query = page_query(of_owner=False, older=after is not None)
        return await self._page(query, {"tenant": tenant_id}, limit, after)

    async def get(self, *, tenant_id: UUID, todo_id: UUID) -> Todo | None:
        """Return a todo, or None if the tenant has no such todo."""
        async with self._database.autocommit() as connection:
            result = await connection.execute(SELECT, {"tenant": tenant_id, "todo": todo_id})
            return _todo(result.all())

    async def update(self, *, tenant_id: UUID, todo_id: UUID, changes: TodoChanges) -> Todo | None:
        """Change the fields that were sent; return the todo, or None if the tenant has no such todo."""
        statement = UPDATE.values(**changes.sent(), updated_at=datetime.now(UTC))
        async with self._database.autocommit() as connection:
            result = await connection.execute(statement, {"tenant": tenant_id, "todo": todo_id})
            return _todo(result.all())

    async def delete(self, *, tenant_id: UUID, todo_id: UUID) -> None:
        """Delete a todo, if there is one."""
        async with self._database.autocommit() as connection:
            await connection.execute(DELETE, {"tenant": tenant_id, "todo": todo_id})

    async def delete_all(self, *, tenant_id: UUID) -> None:
        """Delete every todo of the tenant, in batches, so that no statement takes long."""
        # Others may delete at the same time, so continue until a batch finds no row.
        rows = 1
        while rows:
            async with self._database.autocommit() as connection:
                rows = (await connection.execute(DELETE_SOME, {"tenant": tenant_id})).rowcount

    async def _page(
        self, query: Select[Any], values: dict[str, Any], limit: int, after: UUID | None
    ) -> list[Todo]:
        async with self._database.autocommit() as connection:
            result = await connection.execute(query, values | {"limit": limit, "after": after})
            return _todos(result.all())


async def todo_store(connection: HTTPConnection) -> TodoStore:
    """Return the store of the service."""
    return TodoStore(await open_database(connection))


Store = Annotated[TodoStore, Depends(todo_store)]
"""A route with a parameter of this type reaches the todos."""


def _todos(rows: Sequence[Row[Any]]) -> list[Todo]:
    return ROWS.validate_python([dict(zip(FIELDS, row, strict=True)) for row in rows])


def _todo(rows: Sequence[Row[Any]]) -> Todo | None:
    return next(iter(_todos(rows)), None)
