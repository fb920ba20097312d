"""The comparator: the same SQL by bare psycopg in a bare FastAPI app, without sign-in or edge."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from app.todos.schemas import NewTodo, Todo, TodoPage
from fastapi import FastAPI
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from uuid_utils.compat import uuid7

TENANT = UUID("c0000000-0000-4000-8000-00000000c050")
OWNER = UUID("b0b00000-0000-4000-8000-000000000002")
COLUMNS = "id, title, done, owner_id, created_at, updated_at"

pool = AsyncConnectionPool(
    os.environ["BARE_DATABASE_URL"],
    min_size=10,
    max_size=10,
    open=False,
    kwargs={"row_factory": dict_row},
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Hold the pool open."""
    async with pool:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/api/todos")
async def list_todos(limit: int = 50, after: str | None = None, mine: bool = False) -> TodoPage:
    """List todos of one owner."""
    query = (
        f"SELECT {COLUMNS} FROM todos WHERE tenant_id = %s AND owner_id = %s "
        "ORDER BY id DESC LIMIT %s"
    )
    async with pool.connection() as connection:
        rows = await (await connection.execute(query, (TENANT, OWNER, limit + 1))).fetchall()
    return TodoPage(items=[Todo(**row) for row in rows[:limit]], next=None)


@app.post("/api/todos", status_code=201)
async def create_todo(new: NewTodo) -> Todo:
    """Create a todo."""
    now = datetime.now(UTC)
    todo = Todo(
        id=uuid7(), title=new.title, done=new.done, owner_id=OWNER, created_at=now, updated_at=now
    )
    values = (TENANT, todo.id, todo.title, todo.done, OWNER, now, now)
    async with pool.connection() as connection:
        await connection.execute(
            f"INSERT INTO todos (tenant_id, {COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            values,
        )
    return todo
