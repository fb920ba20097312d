"""Migrates databases from Python, for the developer's machine and the tests."""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from dev.service import DATABASE, DATABASE_URL

PROJECT = Path(__file__).parent.parent


def alembic_config(database_url: str) -> Config:
    """Return the project's configuration of Alembic, for the database at this URL."""
    config = Config(toml_file=PROJECT / "pyproject.toml")
    config.attributes["database_url"] = SecretStr(database_url)
    return config


def migrate(database_url: str) -> None:
    """Migrate the database at this URL to the newest revision."""
    command.upgrade(alembic_config(database_url), "head")


def migrate_local_database() -> None:
    """Migrate the developer's SQLite file to the newest revision.

    Ends the program with a message if that fails.
    """
    try:
        migrate(DATABASE_URL)
    except (CommandError, SQLAlchemyError) as error:
        reason = getattr(error, "orig", None) or error
        sys.exit(
            f"{DATABASE} cannot be migrated ({reason}). Make it and its folder writable, or delete "
            "the file to start over."
        )
