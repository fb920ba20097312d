"""How Alembic reaches the database: by `DATABASE_URL`, or by the URL that a caller gives."""

import logging
import sys
from typing import Any, Literal

from alembic import context
from pydantic import SecretStr
from sqlalchemy import DateTime
from sqlalchemy.exc import OperationalError

from app.database.engine import connect_engine_for_migration
from app.database.tables import Base
from app.settings import SettingsError, load_database_url
from app.todos.database import TodoRow

TABLES = [TodoRow]
"""Alembic sees a table when its class is imported."""


def render_item(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Write a type that differs with the database as the one that migrations take."""
    if kind == "type" and isinstance(item, DateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(database_url: SecretStr) -> None:
    """Migrate the database at this URL."""
    engine = connect_engine_for_migration(database_url)
    with engine.begin() as connection:
        context.configure(
            connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            render_item=render_item,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def run_for_a_person() -> None:
    """Migrate the database of `DATABASE_URL`, and say what happens.

    Ends the program with one sentence when the database does not answer.
    """
    logging.basicConfig(format="%(message)s")
    logging.getLogger("alembic").setLevel(logging.INFO)
    try:
        run(load_database_url())
    except SettingsError as error:
        sys.exit(str(error))
    except OperationalError as error:
        sys.exit(f"The database at DATABASE_URL cannot be used: {error.orig}")


if url := context.config.attributes.get("database_url"):
    run(url)
else:
    run_for_a_person()
