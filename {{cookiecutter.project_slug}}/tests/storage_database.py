"""Fixtures for the database: SQLite, and PostgreSQL if it is available."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.database.database import Database, DatabaseStorage
from app.settings import Settings
from dev.migrate import migrate
from tests.postgresql import fresh_database


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
    """Return the URL of an empty PostgreSQL database; skip the test without a server."""
    with fresh_database() as url:
        migrate(url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def storage(
    request: pytest.FixtureRequest, values: dict[str, Any]
) -> AsyncIterator[Database]:
    """Return an empty SQLite and an empty PostgreSQL database, in turn."""
    if request.param == "postgresql":
        values["database_url"] = request.getfixturevalue("postgresql_url")
    async with DatabaseStorage(Settings.model_validate(values)).open() as database:
        yield database
