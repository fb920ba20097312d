"""The list queries: each reads one range of one index."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Select, make_url, text

from app.database.database import Database
from app.database.engine import connect_engine
from app.identity.caller import Person
from app.todos.database import TodoStore, delete_some, page_query
from app.todos.schemas import NewTodo

TENANT, OWNER = UUID(int=1), UUID(int=2)
# In the middle of the random ids: if no todo were older, PostgreSQL could use another index.
LAST = UUID(int=1 << 127)
VALUES = {"tenant": TENANT, "owner": OWNER, "after": LAST, "limit": 20}
PAGES = {
    "first page of an owner": page_query(of_owner=True, older=False),
    "next page of an owner": page_query(of_owner=True, older=True),
    "first page of a tenant": page_query(of_owner=False, older=False),
    "next page of a tenant": page_query(of_owner=False, older=True),
}


@pytest.mark.anyio
@pytest.mark.parametrize("query", PAGES.values(), ids=PAGES)
async def test_sqlite_reads_a_page_from_one_range_of_an_index(
    storage_values: dict[str, str], query: Select[Any]
) -> None:
    engine = Database(connect_engine(make_url(storage_values["database_url"]))).engine
    query = query.params(VALUES)
    literal = query.compile(engine.sync_engine, compile_kwargs={"literal_binds": True})
    async with engine.connect() as connection:
        plan = (await connection.execute(text(f"EXPLAIN QUERY PLAN {literal}"))).all()
    await engine.dispose()
    assert len(plan) == 1
    assert plan[0].detail.startswith("SEARCH todos USING INDEX ")


@pytest.mark.anyio
@pytest.mark.parametrize("query", PAGES.values(), ids=PAGES)
async def test_postgresql_reads_a_page_from_one_range_of_an_index(
    postgresql_url: str, query: Select[Any]
) -> None:
    engine = Database(connect_engine(make_url(postgresql_url))).engine
    query = query.params(VALUES)
    literal = query.compile(engine.sync_engine, compile_kwargs={"literal_binds": True})
    fill = """
        INSERT INTO todos SELECT ('00000000-0000-0000-0000-00000000000' || n % 5)::uuid,
        gen_random_uuid(), ('00000000-0000-0000-0000-00000000000' || n % 7)::uuid,
        'x', false, now(), now() FROM generate_series(1, 20000) n
    """
    async with engine.connect() as connection:
        # This limit is meant for requests; filling the table can take longer on a busy machine.
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text(fill))
        await connection.execute(text("ANALYZE todos"))
        plan = "\n".join((await connection.execute(text(f"EXPLAIN {literal}"))).scalars())
    await engine.dispose()
    assert "Index Scan Backward using " in plan
    for detour in ("Seq Scan", "Sort", "Bitmap", "Filter"):
        assert detour not in plan


@pytest.mark.anyio
async def test_deletion_in_batches_leaves_nothing(
    storage: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TodoStore(storage)
    monkeypatch.setattr("app.todos.database.DELETE_SOME", delete_some(2))
    for n in range(5):
        await store.add(Person(TENANT, OWNER), NewTodo(title=str(n)))
    await store.delete_all(tenant_id=TENANT)
    assert await store.list_for_tenant(TENANT, limit=10) == []
