"""Migrating a database from Python, for the developer's machine and the tests."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from pydantic import SecretStr

from dev.service import DATABASE_URL

PROJECT = Path(__file__).parent.parent


def alembic_config(database_url: str) -> Config:
    """Return the project's configuration of Alembic, for the database at this URL."""
    config = Config(toml_file=PROJECT / "pyproject.toml")
    config.attributes["database_url"] = SecretStr(database_url)
    return config


def migrate(database_url: str = DATABASE_URL) -> None:
    """Bring the database at this URL to the newest revision."""
    command.upgrade(alembic_config(database_url), "head")
