"""The database: connections, transactions, migrations and outages."""

import asyncio
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.database.database import Database, OpenDatabase
from app.database.engine import connect_engine, connect_engine_for_migration, parsed
from app.http.problems import UnavailableError
from app.settings import SettingsError
from dev.migrate import alembic_config, migrate
from tests.conftest import Build, Serve

REVISION = text("SELECT version_num FROM alembic_version")
COUNT = text("SELECT count(*) FROM numbers")
INSERT = text("INSERT INTO numbers (n) VALUES (:n)")

router = APIRouter(prefix="/api/numbers")


@router.get("")
async def read(database: OpenDatabase) -> str:
    """Read from the database."""
    async with database.autocommit() as connection:
        return str(await connection.scalar(REVISION))


@router.post("")
async def write_twice(database: OpenDatabase) -> None:
    """Write in a transaction that fails."""
    async with database.transaction() as connection:
        await connection.execute(INSERT, {"n": 1})
        await connection.execute(INSERT, {"n": 1})


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an SQLite and a PostgreSQL database, in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite+aiosqlite:///{(tmp_path / 'migrations.db').as_posix()}"


@pytest.fixture
async def numbers(storage: Database) -> AsyncIterator[Database]:
    """Return a database with an empty table of unique numbers."""
    async with storage.transaction() as connection:
        await connection.execute(text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))
    yield storage
    async with storage.transaction() as connection:
        await connection.execute(text("DROP TABLE numbers"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time limit, to keep the tests short; one test uses the real limit."""
    monkeypatch.setattr("app.database.database.SECONDS_TO_WAIT", 0.5)


async def count(database: Database) -> int:
    """Return how many numbers are in the table."""
    async with database.autocommit() as connection:
        return int(await connection.scalar(COUNT) or 0)


@pytest.mark.anyio
async def test_transaction_is_committed_as_a_whole(numbers: Database) -> None:
    async with numbers.transaction() as connection:
        await connection.execute(INSERT, {"n": 1})
        assert await connection.scalar(COUNT) == 1
        assert await count(numbers) == 0
        await connection.execute(INSERT, {"n": 2})
    assert await count(numbers) == 2


async def insert(opened: AbstractAsyncContextManager[AsyncConnection], *numbers: int) -> None:
    """Insert these numbers on one connection."""
    async with opened as connection:
        for n in numbers:
            await connection.execute(INSERT, {"n": n})


@pytest.mark.anyio
async def test_transaction_with_a_failing_statement_leaves_nothing(numbers: Database) -> None:
    with pytest.raises(IntegrityError):
        await insert(numbers.transaction(), 1, 1)
    assert await count(numbers) == 0


@pytest.mark.anyio
async def test_begin_of_the_plain_engine_is_transactional_too(numbers: Database) -> None:
    with pytest.raises(IntegrityError):
        await insert(numbers.engine.begin(), 1, 1)
    assert await count(numbers) == 0


@pytest.mark.anyio
async def test_autocommit_keeps_what_precedes_a_failing_statement(numbers: Database) -> None:
    with pytest.raises(IntegrityError):
        await insert(numbers.autocommit(), 1, 1)
    assert await count(numbers) == 1


@pytest.mark.anyio
async def test_concurrent_transactions_that_read_and_write_all_succeed(numbers: Database) -> None:
    async def add() -> None:
        async with numbers.transaction() as connection:
            await connection.execute(COUNT)
            await connection.execute(
                text("INSERT INTO numbers (n) SELECT coalesce(max(n), 0) + :step FROM numbers"),
                {"step": next(steps)},
            )

    # On PostgreSQL, overlapping transactions must not choose the same number.
    steps = iter(10**n for n in range(9))
    await asyncio.gather(*(add() for _ in range(9)))
    assert await count(numbers) == 9


@pytest.mark.anyio
async def test_orm_session_writes_alongside_autocommit_and_transaction(numbers: Database) -> None:
    async with AsyncSession(numbers.engine) as session:
        assert await session.scalar(COUNT) == 0
        await insert(numbers.autocommit(), 1)
        await insert(numbers.transaction(), 2)
        await session.execute(INSERT, {"n": 3})
        await session.commit()
    assert await count(numbers) == 3


@pytest.mark.anyio
@pytest.mark.usefixtures("impatient")
async def test_transaction_over_the_time_limit_leaves_nothing(numbers: Database) -> None:
    async def dawdle() -> None:
        async with numbers.transaction() as connection:
            await connection.execute(INSERT, {"n": 1})
            await asyncio.sleep(10)

    with pytest.raises(UnavailableError):
        await dawdle()
    assert await count(numbers) == 0


def test_failing_transaction_of_a_route_leaves_nothing(
    build: Build, storage_values: dict[str, str]
) -> None:
    file = storage_values["database_url"].removeprefix("sqlite+aiosqlite:///")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        with TestClient(build(routers=[router]), raise_server_exceptions=False) as client:
            assert client.post("/api/numbers").status_code == 409
        assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (0,)


def test_migrations_run_both_ways_and_match_the_tables(url: str) -> None:
    config = alembic_config(url)
    command.upgrade(config, "head")
    command.check(config)
    for _ in ScriptDirectory.from_config(config).walk_revisions():
        command.downgrade(config, "-1")
    command.upgrade(config, "head")
    command.check(config)


@pytest.mark.anyio
async def test_database_ahead_of_the_code_is_available_and_one_behind_is_not(
    storage: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "app.database")

    async def at(revision: str) -> str | None:
        async with storage.autocommit() as connection:
            await connection.execute(
                text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
            )
        return await storage.unavailable_reason()

    async with storage.autocommit() as connection:
        newest = str(await connection.scalar(REVISION))
    storage._revisions._older.add("older")
    assert await at("older") is not None
    for _ in range(2):
        assert await at("of-the-next-release") is None
    assert await at(newest) is None
    assert caplog.messages == ["the database is newer than this service"]


def says_503(client: TestClient, sentence: str) -> None:
    """Assert that the service is live but not ready, and says why."""
    assert client.get("/health/live").status_code == 200
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert sentence in ready.json()["detail"]
    response = client.get("/api/numbers")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert "sql" not in response.text.lower()


def test_database_is_a_503_until_it_is_migrated(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite+aiosqlite:///{(tmp_path / 'new.db').as_posix()}"
    client = serve(routers=[router], database_url=url)
    says_503(client, "run `alembic upgrade head`")
    assert "run `alembic upgrade head`" in caplog.text
    migrate(url)
    assert client.get("/health/ready").status_code == 200
    assert client.get("/api/numbers").status_code == 200


def test_unreachable_database_is_a_503(serve: Serve) -> None:
    url = "postgresql+psycopg://nobody:none@127.0.0.1:1/none"  # pragma: allowlist secret
    says_503(serve(routers=[router], database_url=url), "does not answer")


def test_database_file_that_cannot_be_opened_is_a_503(serve: Serve, tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{(tmp_path / 'no' / 'such' / 'folder.db').as_posix()}"
    says_503(serve(routers=[router], database_url=url), "does not answer")
    # aiosqlite does not wait for the threads of connections that it could not open, and one that
    # ends after its event loop has closed fails another test.
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join(timeout=10)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql+psycopg://db/data?ssl=require", 'invalid connection option "ssl"'),
        ("postgresql+psycopg://db:port/data", "cannot be read as a URL"),
        ("postgresql+psycopg://u:a-p@ss:hush@db/data", "%2F"),  # pragma: allowlist secret
        ("postgresql+psycopg://u:a-p@ss?hush=1@db/data", "%2F"),  # pragma: allowlist secret
        ("postgresql+psycopg://u:a-password@db/data?no=1", "no"),  # pragma: allowlist secret
        ("sqlite+aiosqlite:///./data.db?timeout=long", "invalid value"),
        ("sqlite+aiosqlite://u:a-password@db/data", "cannot be read"),  # pragma: allowlist secret
    ],
    ids=[
        "invalid option",
        "invalid port",
        "at sign in the password",
        "question mark in the password",
        "invalid option after a password",
        "invalid value of an option for SQLite",
        "SQLite on a host",
    ],
)
def test_unusable_url_is_refused_without_revealing_the_password(url: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL is invalid: ") as refused:
        parsed(SecretStr(url))
    assert reason in str(refused.value)
    assert not re.search("a-p|hush", str(refused.value))


@pytest.mark.anyio
async def test_times_are_in_utc_whatever_the_zone_of_the_database(postgresql_url: str) -> None:
    name = make_url(postgresql_url).database
    for change in ("SET timezone TO 'Asia/Tokyo'", "RESET timezone"):
        database = Database(connect_engine(make_url(postgresql_url)))
        async with database.autocommit() as connection:
            assert await connection.scalar(text("SHOW timezone")) == "UTC"
            await connection.execute(text(f"ALTER DATABASE {name} {change}"))
        await database.engine.dispose()


@pytest.mark.anyio
async def test_options_in_the_url_apply_to_service_and_migration(postgresql_url: str) -> None:
    counts = {"options": "-c search_path=counts -c statement_timeout=9s", "connect_timeout": "9"}
    url = make_url(postgresql_url).update_query_dict(counts)
    database = Database(connect_engine(url))
    asked = [text("SHOW search_path"), text("SHOW statement_timeout")]
    async with database.autocommit() as connection:
        assert [await connection.scalar(one) for one in asked] == ["counts", "9s"]
    await database.engine.dispose()
    engine = connect_engine_for_migration(SecretStr(url.render_as_string(hide_password=False)))
    with engine.connect() as migrating:
        assert [migrating.scalar(one) for one in asked] == ["counts", "9s"]
    engine.dispose()


@pytest.mark.anyio
async def test_lock_wait_times_out_and_leaves_no_open_transaction(postgresql_url: str) -> None:
    database = Database(connect_engine(make_url(postgresql_url)))
    lock = text("SELECT pg_advisory_xact_lock(7)")

    async def wait_for_lock() -> None:
        async with database.transaction() as connection:
            await connection.execute(lock)

    async with database.engine.begin() as holder:
        await holder.execute(lock)
        cancelled = asyncio.create_task(wait_for_lock())
        await asyncio.sleep(0.2)
        cancelled.cancel()
        started = time.monotonic()
        with pytest.raises(UnavailableError):
            await wait_for_lock()
        assert time.monotonic() - started < 6
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND state <> 'idle'"
    )
    async with database.autocommit() as connection:
        assert await connection.scalar(waiting) == 0
    await database.engine.dispose()


@pytest.mark.anyio
@pytest.mark.usefixtures("impatient")
async def test_wait_for_a_connection_times_out(postgresql_url: str) -> None:
    database = Database(connect_engine(make_url(postgresql_url)))
    held = [await database.engine.connect() for _ in range(10)]
    started = time.monotonic()
    with pytest.raises(UnavailableError):
        await insert(database.autocommit())
    assert time.monotonic() - started < 1.5
    assert "does not answer" in str(await database.unavailable_reason())
    for connection in held:
        await connection.close()
    assert await database.unavailable_reason() is None
    await database.engine.dispose()


WRITE = """
import asyncio, sys
from sqlalchemy import make_url, text
from app.database.database import Database
from app.database.engine import connect_engine

async def main():
    database = Database(connect_engine(make_url(sys.argv[1])))
    for n in range(100):
        async with database.autocommit() as connection:
            await connection.execute(text("INSERT INTO numbers VALUES (NULL)"))
    await database.engine.dispose()

asyncio.run(main())
"""


def test_two_processes_share_an_sqlite_file(storage_values: dict[str, str]) -> None:
    url = storage_values["database_url"]
    with closing(sqlite3.connect(url.removeprefix("sqlite+aiosqlite:///"))) as connection:
        connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        writers = [subprocess.Popen([sys.executable, "-c", WRITE, url]) for _ in range(2)]
        assert [writer.wait(60) for writer in writers] == [0, 0]
        assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (200,)
