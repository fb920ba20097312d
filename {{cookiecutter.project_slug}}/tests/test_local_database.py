"""The local database of `python -m dev`."""

from pathlib import Path

import pytest

from dev import migrate
from dev.service import local_settings


def test_message_names_a_local_database_that_cannot_be_migrated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "local.db"
    file.write_text("this is not a database, but long enough for SQLite to look at it")
    monkeypatch.setattr(migrate, "DATABASE", file)
    monkeypatch.setattr(migrate, "DATABASE_URL", f"sqlite+aiosqlite:///{file.as_posix()}")
    with pytest.raises(
        SystemExit, match=r"local\.db cannot be migrated \(file is not a database\)"
    ):
        migrate.migrate_local_database()


def test_local_service_ignores_the_database_url_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://production/data")
    url = local_settings("http://localhost:8400").database_url.get_secret_value()
    assert url.startswith("sqlite+aiosqlite:///")
