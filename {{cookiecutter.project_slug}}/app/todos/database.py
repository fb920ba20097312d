"""Todos in a database: SQLite on one machine, PostgreSQL beyond."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Dialect,
    Index,
    Select,
    String,
    TypeDecorator,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.database import SECONDS_TO_WAIT, Base, cause, connect_engine, database_fault
from app.problems import UnavailableError
from app.settings import Settings
from app.todos.schemas import NewTodo, Todo, TodoChanges

log = logging.getLogger(__name__)
{% if cookiecutter.app_roles %}

ROWS_AT_A_TIME = 5000
{% endif %}


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, in UTC on every database; SQLite alone would forget the time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time with its time zone."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class TodoRow(Base):
    """A todo. The tenant comes first in every key, so that the rows of a tenant lie together."""

    __tablename__ = "todos"
    __table_args__ = (Index(None, "tenant_id", "owner_id", "id"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    title: Mapped[str] = mapped_column(String(200))
    done: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


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
        async with self._connection() as connection:
            row = todo.model_dump() | {"tenant_id": tenant_id}
            await connection.execute(insert(TodoRow).values(row))
        return todo

    async def page(
        self, tenant_id: UUID, owner_id: UUID{{ " | None" if cookiecutter.app_roles }}, *, limit: int, after: UUID | None = None
    ) -> list[Todo]:
{% if cookiecutter.app_roles %}
        """Return at most `limit` todos, newest first, older than `after`, of an owner or of all."""
{% else %}
        """Return at most `limit` todos of an owner, newest first, older than `after`."""
{% endif %}
        query = page_query(tenant_id, owner_id, limit, after)
        async with self._connection() as connection:
            return [Todo.model_validate(row) for row in await connection.execute(query)]

    async def get(self, tenant_id: UUID, todo_id: UUID) -> Todo | None:
        """Return a todo, or None when the tenant has no such todo."""
        query = select(TodoRow).where(TodoRow.tenant_id == tenant_id, TodoRow.id == todo_id)
        async with self._connection() as connection:
            row = (await connection.execute(query)).one_or_none()
            return Todo.model_validate(row) if row else None

    async def change(self, tenant_id: UUID, todo_id: UUID, changes: TodoChanges) -> Todo | None:
        """Write what was sent; return the todo, or None when the tenant has no such todo."""
        statement = (
            update(TodoRow)
            .where(TodoRow.tenant_id == tenant_id, TodoRow.id == todo_id)
            .values(**changes.sent(), updated_at=datetime.now(UTC))
            .returning(TodoRow)
        )
        async with self._connection() as connection:
            row = (await connection.execute(statement)).one_or_none()
            return Todo.model_validate(row) if row else None

    async def remove(self, tenant_id: UUID, todo_id: UUID) -> None:
        """Delete a todo, if there is one."""
        statement = delete(TodoRow).where(TodoRow.tenant_id == tenant_id, TodoRow.id == todo_id)
        async with self._connection() as connection:
            await connection.execute(statement)
{% if cookiecutter.app_roles %}

    async def clear(self, tenant_id: UUID) -> None:
        """Delete every todo of the tenant, some at a time, so that no statement takes long."""
        some = select(TodoRow.id).where(TodoRow.tenant_id == tenant_id).limit(ROWS_AT_A_TIME)
        statement = delete(TodoRow).where(TodoRow.tenant_id == tenant_id, TodoRow.id.in_(some))
        # Somebody else may delete at the same time: only no row at all means that none is left.
        deleted = ROWS_AT_A_TIME
        while deleted:
            async with self._connection() as connection:
                deleted = (await connection.execute(statement)).rowcount
{% endif %}

    async def fault(self) -> str | None:
        """Return why the database cannot be used at present, or None."""
        return await database_fault(self._engine)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection, or raise UnavailableError when the database cannot serve in time."""
        try:
            async with asyncio.timeout(SECONDS_TO_WAIT), self._engine.connect() as connection:
                yield connection
        except (InterfaceError, OperationalError, ProgrammingError, TimeoutError) as error:
            log.warning("the database cannot be used", extra={"reason": cause(error)})
            raise UnavailableError("The database does not answer at present.") from error


{% if cookiecutter.app_roles %}
def page_query(
    tenant_id: UUID, owner_id: UUID | None, limit: int, after: UUID | None
) -> Select[TodoRow]:
    """Return the query for a page: one range of one index, in the order of the index."""
    query = select(TodoRow).where(TodoRow.tenant_id == tenant_id)
    if owner_id is not None:
        query = query.where(TodoRow.owner_id == owner_id)
{% else %}
def page_query(tenant_id: UUID, owner_id: UUID, limit: int, after: UUID | None) -> Select[TodoRow]:
    """Return the query for a page: one range of one index, in the order of the index."""
    query = select(TodoRow).where(TodoRow.tenant_id == tenant_id, TodoRow.owner_id == owner_id)
{% endif %}
    if after is not None:
        query = query.where(TodoRow.id < after)
    return query.order_by(TodoRow.id.desc()).limit(limit)


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
