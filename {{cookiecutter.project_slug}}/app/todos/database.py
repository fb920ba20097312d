"""Todos in a database: SQLite on one machine, PostgreSQL beyond."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import (
    CursorResult,
    DateTime,
    Dialect,
    Executable,
    Index,
    Integer,
    Select,
    String,
    TypeDecorator,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.util import greenlet_spawn
from uuid_utils.compat import uuid7

from app.database import SECONDS_TO_WAIT, Base, cause, connect_engine, database_fault
from app.problems import UnavailableError
from app.settings import Settings
from app.todos.schemas import NewTodo, Todo, TodoChanges

log = logging.getLogger(__name__)
{% if cookiecutter.app_roles %}

ROWS_AT_A_TIME = 5000
{% endif %}


class SqliteDateTime(TypeDecorator[datetime]):
    """A point in time in UTC, for SQLite, which forgets the time zone."""

    impl = DateTime
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time with its time zone."""
        return value.replace(tzinfo=UTC) if value else value


DATE_TIME = DateTime(timezone=True).with_variant(SqliteDateTime(), "sqlite")


class TodoRow(Base):
    """A todo. The tenant comes first in every key, so that the rows of a tenant lie together."""

    __tablename__ = "todos"
    __table_args__ = (Index(None, "tenant_id", "owner_id", "id"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    title: Mapped[str] = mapped_column(String(200))
    done: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(DATE_TIME)
    updated_at: Mapped[datetime] = mapped_column(DATE_TIME)


Read = TypeVar("Read")

TODOS = TypeAdapter(list[Todo])
FIELDS = tuple(Todo.model_fields)
COLUMNS = [TodoRow.__table__.c[name] for name in FIELDS]
THIS_TODO = (TodoRow.tenant_id == bindparam("tenant"), TodoRow.id == bindparam("todo"))

# Built once: to build a statement takes longer than to run it.
INSERT = insert(TodoRow)
SELECT = select(*COLUMNS).where(*THIS_TODO)
UPDATE = update(TodoRow).where(*THIS_TODO).returning(*COLUMNS)
DELETE = delete(TodoRow).where(*THIS_TODO)
{% if cookiecutter.app_roles %}
DELETE_SOME = delete(TodoRow).where(
    TodoRow.tenant_id == bindparam("tenant"),
    TodoRow.id.in_(
        select(TodoRow.id).where(TodoRow.tenant_id == bindparam("tenant")).limit(ROWS_AT_A_TIME)
    ),
)
{% endif %}


@cache
def page_query({{ "*, of_owner: bool, older: bool" if cookiecutter.app_roles else "*, older: bool" }}) -> Select[Any]:
    """Return the query for a page: one range of one index, in the order of the index.

{% if cookiecutter.app_roles %}
    Its parameters are `tenant`, `owner` (with `of_owner`), `after` (with `older`) and `limit`.
{% else %}
    Its parameters are `tenant`, `owner`, `after` (with `older`) and `limit`.
{% endif %}
    """
{% if cookiecutter.app_roles %}
    query = select(*COLUMNS).where(TodoRow.tenant_id == bindparam("tenant"))
    if of_owner:
        query = query.where(TodoRow.owner_id == bindparam("owner"))
{% else %}
    query = select(*COLUMNS).where(
        TodoRow.tenant_id == bindparam("tenant"), TodoRow.owner_id == bindparam("owner")
    )
{% endif %}
    if older:
        query = query.where(TodoRow.id < bindparam("after"))
    return query.order_by(TodoRow.id.desc()).limit(bindparam("limit", type_=Integer))


class DatabaseStore:
    """A store in which every statement is a transaction of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, tenant_id: UUID, owner_id: UUID, new: NewTodo) -> Todo:
        """Create a todo."""
        now = datetime.now(UTC)
        todo = Todo(
            id=uuid7(), owner_id=owner_id, created_at=now, updated_at=now, **new.model_dump()
        )
        await self._run(INSERT, todo.model_dump() | {"tenant_id": tenant_id}, _rowcount)
        return todo

    async def page(
        self, tenant_id: UUID, owner_id: UUID{{ " | None" if cookiecutter.app_roles }}, *, limit: int, after: UUID | None = None
    ) -> list[Todo]:
{% if cookiecutter.app_roles %}
        """Return at most `limit` todos, newest first, older than `after`, of an owner or of all."""
        query = page_query(of_owner=owner_id is not None, older=after is not None)
{% else %}
        """Return at most `limit` todos of an owner, newest first, older than `after`."""
        query = page_query(older=after is not None)
{% endif %}
        values = {"tenant": tenant_id, "owner": owner_id, "after": after, "limit": limit}
        return await self._run(query, values, _todos)

    async def get(self, tenant_id: UUID, todo_id: UUID) -> Todo | None:
        """Return a todo, or None when the tenant has no such todo."""
        return await self._run(SELECT, {"tenant": tenant_id, "todo": todo_id}, _todo)

    async def change(self, tenant_id: UUID, todo_id: UUID, changes: TodoChanges) -> Todo | None:
        """Write what was sent; return the todo, or None when the tenant has no such todo."""
        statement = UPDATE.values(**changes.sent(), updated_at=datetime.now(UTC))
        return await self._run(statement, {"tenant": tenant_id, "todo": todo_id}, _todo)

    async def remove(self, tenant_id: UUID, todo_id: UUID) -> None:
        """Delete a todo, if there is one."""
        await self._run(DELETE, {"tenant": tenant_id, "todo": todo_id}, _rowcount)
{% if cookiecutter.app_roles %}

    async def clear(self, tenant_id: UUID) -> None:
        """Delete every todo of the tenant, some at a time, so that no statement takes long."""
        # Somebody else may delete at the same time: only no row at all means that none is left.
        while await self._run(DELETE_SOME, {"tenant": tenant_id}, _rowcount):
            pass
{% endif %}

    async def fault(self) -> str | None:
        """Return why the database cannot be used at present, or None."""
        return await database_fault(self._engine)

    async def _run(
        self,
        statement: Executable,
        values: dict[str, Any],
        read: Callable[[CursorResult[Any]], Read],
    ) -> Read:
        """Run a statement; return what `read` makes of its result.

        Raises UnavailableError when the database cannot serve in time.
        """

        def work() -> Read:
            with self._engine.sync_engine.connect() as connection:
                return read(connection.execute(statement, values))

        try:
            async with asyncio.timeout(SECONDS_TO_WAIT):
                # What AsyncConnection does three times, for connecting, executing and closing.
                return await greenlet_spawn(work)
        except (InterfaceError, OperationalError, ProgrammingError, TimeoutError) as error:
            log.warning("the database cannot be used", extra={"reason": cause(error)})
            raise UnavailableError("The database does not answer at present.") from error


def _todos(result: CursorResult[Any]) -> list[Todo]:
    return TODOS.validate_python([dict(zip(FIELDS, row, strict=True)) for row in result])


def _todo(result: CursorResult[Any]) -> Todo | None:
    return next(iter(_todos(result)), None)


def _rowcount(result: CursorResult[Any]) -> int:
    return result.rowcount


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[DatabaseStore]:
    """Open the store in the database of the settings, and close its connections in the end."""
    engine = connect_engine(settings.database_url)
    store = DatabaseStore(engine)
    if fault := await store.fault():
        log.error(fault)
    try:
        yield store
    finally:
        await engine.dispose()
