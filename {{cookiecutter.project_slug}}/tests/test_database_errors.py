"""What the service returns for an error of the database, and how long it waits for one."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Body, Depends
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.database import Database, OpenDatabase
from app.database.engine import connect_engine, connect_engine_for_migration
from app.database.errors import CONFLICT, DENIED, FULL, NO_ANSWER, READ_ONLY, UNFIT
from app.http.problems import UnavailableError
from dev.migrate import migrate
from tests.conftest import Build, Serve

router = APIRouter(prefix="/api/statements")


async def session_of(database: OpenDatabase) -> AsyncIterator[AsyncSession]:
    """Return a session as SQLAlchemy documents it."""
    async with AsyncSession(database.engine) as session:
        yield session


Session = Annotated[AsyncSession, Depends(session_of)]


@router.post("/transaction")
async def execute(statement: str, database: OpenDatabase) -> None:
    """Execute a statement in a transaction."""
    async with database.transaction() as connection:
        await connection.execute(text(statement))


@router.post("/value")
async def execute_with_value(
    statement: str, value: Annotated[Any, Body()], database: OpenDatabase
) -> None:
    """Execute a statement with a value."""
    async with database.autocommit() as connection:
        await connection.execute(text(statement), {"value": value})


@router.post("/session")
async def execute_in_session(statement: str, session: Session) -> None:
    """Execute a statement in a session."""
    await session.execute(text(statement))
    await session.commit()


TABLE = """CREATE TABLE things (n SMALLINT PRIMARY KEY CHECK (n < 100), w VARCHAR(3) NOT NULL,
parent SMALLINT REFERENCES things ON DELETE RESTRICT)"""
INSERT = "INSERT INTO things (n, w) VALUES"
JSON = {"content-type": "application/json"}
WRITE = "UPDATE alembic_version SET version_num = version_num"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an SQLite and a PostgreSQL database with one more table, in turn."""
    url = f"sqlite+aiosqlite:///{(tmp_path / 'errors.db').as_posix()}"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgresql_url"))
    migrate(url)
    engine = connect_engine_for_migration(SecretStr(url))
    with engine.begin() as connection:
        connection.execute(text(TABLE))
    yield url
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE things"))
    engine.dispose()


def post(client: TestClient, how: str, statement: str) -> tuple[int, str]:
    """Execute a statement by a request; return the status and the detail."""
    response = client.post(f"/api/statements/{how}", params={"statement": statement})
    return response.status_code, "" if response.is_success else response.json()["detail"]


@pytest.mark.parametrize("how", ["transaction", "session"])
def test_error_is_judged_by_its_meaning(url: str, serve: Serve, how: str) -> None:
    client = serve(routers=[router], database_url=url)
    assert post(client, how, f"{INSERT} (1, 'a')") == (200, "")
    assert post(client, how, f"{INSERT} (1, 'b')") == (409, CONFLICT)
    assert post(client, how, f"{INSERT} (100, 'b')") == (422, UNFIT)
    assert post(client, how, f"{INSERT} (2, NULL)") == (422, UNFIT)
    for own_fault in ("SELECT * FROM nowhere", "SELECT no_column FROM things", "SELEC"):
        status, detail = post(client, how, own_fault)
        assert status == 500
        assert "logged" in detail
    assert client.get("/health/ready").status_code == 200


def test_foreign_key_conflict_is_a_409(url: str, serve: Serve) -> None:
    client = serve(routers=[router], database_url=url)
    assert post(client, "transaction", f"{INSERT} (1, 'a')") == (200, "")
    assert post(client, "transaction", "INSERT INTO things VALUES (2, 'b', 1)") == (200, "")
    assert post(client, "transaction", "INSERT INTO things VALUES (3, 'c', 9)") == (409, CONFLICT)
    assert post(client, "transaction", "DELETE FROM things WHERE n = 1") == (409, CONFLICT)


def test_restrict_violation_of_postgresql_18_is_a_409(serve: Serve, postgresql_url: str) -> None:
    client = serve(routers=[router], database_url=postgresql_url)
    violation = "DO $$ BEGIN RAISE SQLSTATE '23001'; END $$"
    assert post(client, "transaction", violation) == (409, CONFLICT)


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("UPDATE things SET n = :value", f"{2**63}"),
        ("UPDATE things SET n = :value", f"-{2**63 + 1}"),
        ("UPDATE things SET w = :value", r'"\ud800"'),
    ],
    ids=["long", "negative", "not Unicode"],
)
def test_value_that_the_database_cannot_represent_is_a_422(
    url: str, serve: Serve, statement: str, value: str
) -> None:
    client = serve(routers=[router], database_url=url)
    assert post(client, "transaction", f"{INSERT} (1, 'a')") == (200, "")
    response = client.post(
        "/api/statements/value", params={"statement": statement}, content=value, headers=JSON
    )
    assert (response.status_code, response.json()["detail"]) == (422, UNFIT)


@pytest.mark.parametrize("how", ["transaction", "session"])
def test_outage_is_a_503_in_a_session_too(serve: Serve, how: str) -> None:
    url = "postgresql+psycopg://nobody:none@127.0.0.1:1/none"  # pragma: allowlist secret
    client = serve(routers=[router], database_url=url)
    response = client.post(f"/api/statements/{how}", params={"statement": "SELECT 1"})
    assert (response.status_code, response.json()["detail"]) == (503, NO_ANSWER)
    assert response.headers["retry-after"] == "5"


def test_read_only_sqlite_file_is_a_503(serve: Serve, tmp_path: Path) -> None:
    migrate(f"sqlite+aiosqlite:///{(tmp_path / 'read.db').as_posix()}")
    url = f"sqlite+aiosqlite:///file:{(tmp_path / 'read.db').as_posix()}?mode=ro&uri=true"
    client = serve(routers=[router], database_url=url)
    assert post(client, "transaction", WRITE) == (503, READ_ONLY)


def test_full_sqlite_file_is_a_503(build: Build, tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{(tmp_path / 'full.db').as_posix()}"
    migrate(url)
    with TestClient(build(routers=[router], database_url=url)) as client:
        full = "CREATE TABLE filler AS SELECT zeroblob(10000000) AS zeros"
        post(client, "session", "PRAGMA max_page_count = 20")
        assert post(client, "session", full) == (503, FULL)


@pytest.mark.anyio
async def test_locked_sqlite_file_is_a_503_in_time_for_any_number_of_writers(
    storage_values: dict[str, str],
) -> None:
    url = storage_values["database_url"]

    async def write(database: Database) -> float:
        started = time.monotonic()
        with pytest.raises(UnavailableError, match=NO_ANSWER):
            async with database.transaction() as connection:
                await connection.execute(text(WRITE))
        return time.monotonic() - started

    async with opened(url) as database:
        with closing(sqlite3.connect(url.removeprefix("sqlite+aiosqlite:///"))) as other:
            other.execute("BEGIN IMMEDIATE")
            seconds = await asyncio.gather(*(write(database) for _ in range(60)))
        assert max(seconds) < 5
        assert await database.unavailable_reason() is None


@asynccontextmanager
async def opened(url: str, **options: str) -> AsyncIterator[Database]:
    """Open a database whose connections have these options of the server."""
    target = make_url(url)
    if options:
        given = " ".join(f"-c {name}={value}" for name, value in options.items())
        target = target.update_query_dict({"options": given})
    database = Database(connect_engine(target))
    try:
        yield database
    finally:
        await database.engine.dispose()


@pytest.mark.anyio
async def test_read_only_postgresql_is_not_ready_and_still_reads(postgresql_url: str) -> None:
    migrate(postgresql_url)
    async with opened(postgresql_url, default_transaction_read_only="on") as database:
        assert await database.unavailable_reason() == READ_ONLY
        async with database.autocommit() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
        with pytest.raises(UnavailableError, match=READ_ONLY):
            async with database.transaction() as connection:
                await connection.execute(text(WRITE))


@pytest.mark.anyio
async def test_missing_rights_are_given_as_the_reason(postgresql_url: str) -> None:
    migrate(postgresql_url)
    async with opened(postgresql_url) as database, database.autocommit() as connection:
        await connection.execute(text("CREATE USER without_rights"))
        try:
            async with opened(postgresql_url, role="without_rights") as denied:
                assert await denied.unavailable_reason() == DENIED
        finally:
            await connection.execute(text("DROP USER without_rights"))


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_statements_work_after_a_column_changes_its_type(url: str) -> None:
    read = text("SELECT w FROM things")
    async with opened(url) as database:
        for _ in range(8):
            async with database.autocommit() as connection:
                await connection.execute(read)
        async with opened(url) as migrating, migrating.transaction() as connection:
            await connection.execute(text("ALTER TABLE things ALTER w TYPE varchar(9)"))
        for _ in range(8):
            async with database.autocommit() as connection:
                await connection.execute(read)


class Proxy:
    """A proxy in front of a server, which can fall silent without closing a connection."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.speaks = asyncio.Event()
        self.speaks.set()
        self._copying: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        """Forward both directions of a connection."""
        await self.speaks.wait()
        from_server, to_server = await asyncio.open_connection(self._host, self._port)
        self._writers += [to_client, to_server]
        for pair in ((from_client, to_server), (from_server, to_client)):
            task = asyncio.create_task(self._copy(*pair))
            self._copying.add(task)
            task.add_done_callback(self._copying.discard)

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self.speaks.wait()
                target.write(data)
        except OSError:
            pass
        target.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listen on a port of this machine; end every connection at the end."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
            closed = (writer.wait_closed() for writer in self._writers)
            await asyncio.gather(*closed, return_exceptions=True)


@pytest.mark.anyio
async def test_silent_server_is_a_503_in_time_and_recovers(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.database.SECONDS_TO_WAIT", 0.5)
    migrate(postgresql_url)
    target = make_url(postgresql_url)
    proxy = Proxy(target.host or "", target.port or 5432)

    async def read(database: Database) -> None:
        async with database.autocommit() as connection:
            await connection.execute(text("SELECT 1"))

    async def write(database: Database) -> None:
        async with database.transaction() as connection:
            await connection.execute(text(WRITE))

    async with proxy.listening() as port:
        through = target.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        async with opened(through) as database:
            await asyncio.gather(read(database), write(database), read(database))
            proxy.speaks.clear()
            for use in (read, write):
                started = time.monotonic()
                with pytest.raises(UnavailableError, match=NO_ANSWER):
                    await use(database)
                assert time.monotonic() - started < 3
            assert await database.unavailable_reason() == NO_ANSWER
            proxy.speaks.set()
            for use in (read, write):
                await use(database)
            assert await database.unavailable_reason() is None
