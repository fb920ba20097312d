"""Alembic as people run it: `alembic upgrade head`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import main as alembic
from sqlalchemy import make_url

from dev.migrate import alembic_config, migrate

PROJECT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "alembic", "upgrade", "head"]


def start(url: str, *options: str) -> "subprocess.Popen[str]":
    """Start a migration of the database at this URL."""
    return subprocess.Popen(
        [*COMMAND, *options],
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


@pytest.fixture
def empty_postgresql_url(postgresql_url: str) -> Iterator[str]:
    """Return the URL of the PostgreSQL database, from which the tables are removed for a while."""
    command.downgrade(alembic_config(postgresql_url), "base")
    yield postgresql_url
    migrate(postgresql_url)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty SQLite and PostgreSQL database, in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("empty_postgresql_url"))
    return f"sqlite+aiosqlite:///{(tmp_path / 'new.db').as_posix()}"


def test_second_of_two_migrations_waits_and_has_nothing_to_do(url: str) -> None:
    migrations = [start(url) for _ in range(2)]
    said = [migration.communicate(timeout=50)[1] for migration in migrations]
    assert [migration.returncode for migration in migrations] == [0, 0], said
    assert sum("Running upgrade" in text for text in said) == 1


def refused(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Migrate in this process, which is faster; return the message with which it ends."""
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.chdir(PROJECT)
    with pytest.raises(SystemExit) as ended:
        alembic(["upgrade", "head"])
    return str(ended.value.code)


def test_denied_migration_ends_with_a_message(
    empty_postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"options": "-c default_transaction_read_only=on"}
    url = make_url(empty_postgresql_url).update_query_dict(options)
    said = refused(url.render_as_string(hide_password=False), monkeypatch)
    assert "cannot be migrated. The database is read-only at present." in said


def test_migration_of_an_unreachable_database_ends_with_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "postgresql+psycopg://nobody:none@127.0.0.1:1/none"  # pragma: allowlist secret
    said = refused(url, monkeypatch)
    assert "cannot be migrated. The database does not answer at present." in said


def test_statements_are_printed_without_a_database(tmp_path: Path) -> None:
    migration = start(f"sqlite+aiosqlite:///{(tmp_path / 'none.db').as_posix()}", "--sql")
    printed, said = migration.communicate(timeout=50)
    assert migration.returncode == 0, said
    assert "CREATE TABLE alembic_version" in printed
    assert not (tmp_path / "none.db").exists()
