"""Fixtures for the database: SQLite, and PostgreSQL if it is available."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.database.database import Database, DatabaseStorage
from app.settings import Settings
from dev.migrate import migrate
from tests.distribution import reads_without_tenant
from tests.postgresql import fresh_database


@pytest.fixture(scope="session")
def found_statements() -> Iterator[list[str]]:
    """Return the list that receives the tables of statements that leave out the tenant."""
    found: list[str] = []

    def check(_: Any, statement: Any, *__: Any) -> None:
        found.extend(reads_without_tenant(statement))

    event.listen(Engine, "before_execute", check)
    yield found
    event.remove(Engine, "before_execute", check)


@pytest.fixture(autouse=True)
def about_every_tenant(found_statements: list[str]) -> Iterator[list[str]]:
    """Fail a test in which a statement leaves out the tenant: see docs/scaling.md."""
    found_statements.clear()
    yield found_statements
    assert not found_statements, "A statement on these tables does not name the tenant."


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an SQLite database with empty tables, for other fixtures to copy."""
    file = tmp_path_factory.mktemp("database") / "empty.db"
    migrate(f"sqlite+aiosqlite:///{file.as_posix()}")
    return file


@pytest.fixture
def storage_values(migrated_file: Path, tmp_path: Path) -> dict[str, Any]:
    """Return the settings that the storage needs: the URL of an empty SQLite database."""
    file = tmp_path / "data.db"
    shutil.copy(migrated_file, file)
    return {"database_url": f"sqlite+aiosqlite:///{file.as_posix()}"}


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """Return the URL of a migrated PostgreSQL database for all tests; skip the test without a server."""
    with fresh_database() as url:
        migrate(url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def storage(
    request: pytest.FixtureRequest, values: dict[str, Any]
) -> AsyncIterator[Database]:
    """Return an empty SQLite database, and the shared PostgreSQL database, in turn."""
    if request.param == "postgresql":
        values["database_url"] = request.getfixturevalue("postgresql_url")
    async with DatabaseStorage(Settings.model_validate(values)).open() as database:
        yield database
