"""The database: migrations, and what the service says when it cannot use it."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Select, text

from app.database import REVISION, connect_engine
from app.problems import UnavailableError
from app.todos.database import DatabaseStore, page_query
from app.todos.schemas import NewTodo, TodoChanges
from dev.migrate import alembic_config, migrate
from tests.access import Bearer
from tests.conftest import Serve


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database, of each kind in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite+aiosqlite:///{(tmp_path / 'migrations.db').as_posix()}"


def test_migrations_go_up_and_down_and_match_the_tables(url: str) -> None:
    config = alembic_config(url)
    command.upgrade(config, "head")
    command.check(config)
    for _ in ScriptDirectory.from_config(config).walk_revisions():
        command.downgrade(config, "-1")
    command.upgrade(config, "head")
    command.check(config)


def test_the_code_is_written_for_the_newest_revision() -> None:
    script = ScriptDirectory.from_config(alembic_config("sqlite+aiosqlite://"))
    assert script.get_heads() == [REVISION]


def says_503(client: TestClient, bearer: Bearer, sentence: str) -> None:
    """Check that the service lives, is not ready and says why."""
    assert client.get("/health/live").status_code == 200
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert sentence in ready.json()["detail"]
    for answer in (
        client.get("/api/todos", headers=bearer("bob")),
        client.post("/api/todos", json={"title": "milk"}, headers=bearer("bob")),
    ):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "sql" not in answer.text.lower()
    assert client.get("/api/me", headers=bearer("bob")).status_code == 200


def test_a_database_that_is_not_migrated(
    serve: Serve, bearer: Bearer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite+aiosqlite:///{(tmp_path / 'new.db').as_posix()}"
    client = serve(database_url=url)
    says_503(client, bearer, "run `alembic upgrade head`")
    assert "run `alembic upgrade head`" in caplog.text
    migrate(url)
    assert client.get("/health/ready").status_code == 200
    assert client.get("/api/todos", headers=bearer("bob")).status_code == 200


def test_a_database_that_does_not_answer(serve: Serve, bearer: Bearer) -> None:
    url = "postgresql+psycopg://nobody:none@127.0.0.1:1/none"  # pragma: allowlist secret
    client = serve(database_url=url)
    says_503(client, bearer, "does not answer")


def test_a_file_that_cannot_be_opened(serve: Serve, bearer: Bearer, tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{(tmp_path / 'no' / 'such' / 'folder.db').as_posix()}"
    says_503(serve(database_url=url), bearer, "does not answer")


TENANT, OWNER, LAST = UUID(int=1), UUID(int=2), UUID(int=3)
VALUES = {"tenant": TENANT, "owner": OWNER, "after": LAST, "limit": 20}
PAGES = {
{% if cookiecutter.app_roles %}
    "of an owner": page_query(of_owner=True, older=False),
    "of an owner, further on": page_query(of_owner=True, older=True),
    "of a tenant": page_query(of_owner=False, older=False),
    "of a tenant, further on": page_query(of_owner=False, older=True),
{% else %}
    "of an owner": page_query(older=False),
    "of an owner, further on": page_query(older=True),
{% endif %}
}


@pytest.mark.anyio
@pytest.mark.parametrize("query", PAGES.values(), ids=PAGES)
async def test_sqlite_answers_a_page_from_one_range_of_an_index(
    store_values: dict[str, str], query: Select[Any]
) -> None:
    engine = connect_engine(SecretStr(store_values["database_url"]))
    query = query.params(VALUES)
    literal = query.compile(engine.sync_engine, compile_kwargs={"literal_binds": True})
    async with engine.connect() as connection:
        plan = (await connection.execute(text(f"EXPLAIN QUERY PLAN {literal}"))).all()
    await engine.dispose()
    assert len(plan) == 1
    assert plan[0].detail.startswith("SEARCH todos USING INDEX ")


@pytest.mark.anyio
@pytest.mark.parametrize("query", PAGES.values(), ids=PAGES)
async def test_postgresql_answers_a_page_from_one_range_of_an_index(
    postgresql_url: str, query: Select[Any]
) -> None:
    engine = connect_engine(SecretStr(postgresql_url))
    query = query.params(VALUES)
    literal = query.compile(engine.sync_engine, compile_kwargs={"literal_binds": True})
    fill = """
        INSERT INTO todos SELECT ('00000000-0000-0000-0000-00000000000' || n % 5)::uuid,
        gen_random_uuid(), ('00000000-0000-0000-0000-00000000000' || n % 7)::uuid,
        'x', false, now(), now() FROM generate_series(1, 20000) n
    """
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="READ COMMITTED")
        # The bound is that of a request, and a busy machine may take longer to fill a table.
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text(fill))
        await connection.execute(text("ANALYZE todos"))
        plan = "\n".join((await connection.execute(text(f"EXPLAIN {literal}"))).scalars())
    await engine.dispose()
    assert "Index Scan Backward using " in plan
    for detour in ("Seq Scan", "Sort", "Bitmap", "Filter"):
        assert detour not in plan


{% if cookiecutter.app_roles %}
@pytest.mark.anyio
async def test_clearing_goes_on_until_nothing_is_left(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.todos.database.ROWS_AT_A_TIME", 2)
    for n in range(5):
        await store.add(TENANT, OWNER, NewTodo(title=str(n)))
    await store.clear(TENANT)
    assert await store.page(TENANT, None, limit=10) == []


{% endif %}
@pytest.mark.anyio
async def test_who_waits_for_a_lock_gives_up_and_leaves_no_transaction(postgresql_url: str) -> None:
    engine = connect_engine(SecretStr(postgresql_url))
    store, tenant = DatabaseStore(engine), uuid4()
    todo = await store.add(tenant, OWNER, NewTodo(title="milk"))
    lock = text("SELECT 1 FROM todos WHERE tenant_id = :tenant FOR UPDATE")
    async with engine.connect() as holder:
        await holder.execution_options(isolation_level="READ COMMITTED")
        await holder.execute(lock, {"tenant": tenant})
        cancelled = asyncio.create_task(store.change(tenant, todo.id, TodoChanges(done=True)))
        await asyncio.sleep(0.2)
        cancelled.cancel()
        started = time.monotonic()
        with pytest.raises(UnavailableError):
            await store.change(tenant, todo.id, TodoChanges(done=True))
        assert time.monotonic() - started < 5
        await holder.rollback()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND state <> 'idle'"
    )
    async with engine.connect() as connection:
        assert await connection.scalar(waiting) == 0
    assert await store.get(tenant, todo.id) == todo
    await engine.dispose()


@pytest.mark.anyio
async def test_who_gets_no_connection_gives_up_in_time(postgresql_url: str) -> None:
    engine = connect_engine(SecretStr(postgresql_url))
    store = DatabaseStore(engine)
    held = [await engine.connect() for _ in range(10)]
    started = time.monotonic()
    with pytest.raises(UnavailableError):
        await store.page(TENANT, OWNER, limit=1)
    assert time.monotonic() - started < 5
    assert "does not answer" in str(await store.fault())
    for connection in held:
        await connection.close()
    assert await store.fault() is None
    await engine.dispose()


WRITE = """
import asyncio, sys
from uuid import UUID
from pydantic import SecretStr
from app.database import connect_engine
from app.todos.database import DatabaseStore
from app.todos.schemas import NewTodo

async def main():
    engine = connect_engine(SecretStr(sys.argv[1]))
    for n in range(100):
        await DatabaseStore(engine).add(UUID(int=1), UUID(int=2), NewTodo(title=str(n)))
    await engine.dispose()

asyncio.run(main())
"""


def test_two_processes_share_an_sqlite_file(store_values: dict[str, str]) -> None:
    url = store_values["database_url"]
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, url]) for _ in range(2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    file = url.removeprefix("sqlite+aiosqlite:///")
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM todos").fetchone() == (200,)
