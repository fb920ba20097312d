"""How Alembic reaches the database: by `DATABASE_URL`, or by the URL that a caller gives."""

import logging
import sys
from typing import Any, Literal

from alembic import context
from pydantic import SecretStr
from sqlalchemy import DateTime, text
from sqlalchemy.exc import DBAPIError

from app.database.engine import connect_engine_for_migration
from app.database.errors import unavailable_sentence
from app.database.tables import Base
from app.settings import SettingsError, load_database_url
from app.todos.database import TodoRow

TABLES = [TodoRow]
"""Alembic sees a table when its class is imported."""
LOCK = text("SELECT pg_advisory_xact_lock(20250901)")
"""Waits for the end of another migration; the number only has to be the same in all of them."""


def render_item(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Write a type that has a variant for SQLite as the plain one, which suits both databases."""
    if kind == "type" and isinstance(item, DateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(database_url: SecretStr) -> None:
    """Migrate the database at this URL; a second migration at the same time waits."""
    engine = connect_engine_for_migration(database_url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(LOCK)
            migrate(connection=connection)
    finally:
        engine.dispose()


def run_for_a_person() -> None:
    """Migrate the database of `DATABASE_URL`, and say what happens.

    Ends the program with a message if it cannot be migrated.
    """
    logging.basicConfig(format="%(message)s")
    logging.getLogger("alembic").setLevel(logging.INFO)
    try:
        run(load_database_url())
    except SettingsError as error:
        sys.exit(str(error))
    except DBAPIError as error:
        if sentence := unavailable_sentence(error):
            sys.exit(f"The database at DATABASE_URL cannot be migrated. {sentence} ({error.orig})")
        sys.exit(f"The migration failed, and nothing was changed: {error.orig}\n{error.statement}")


def print_statements() -> None:
    """Print the statements for PostgreSQL, without a database: `alembic upgrade head --sql`."""
    migrate(dialect_name="postgresql", literal_binds=True, dialect_opts={"paramstyle": "named"})


def migrate(**where: Any) -> None:
    """Run the migrations; `where` are arguments of Alembic's `configure`."""
    context.configure(
        **where, target_metadata=Base.metadata, render_as_batch=True, render_item=render_item
    )
    with context.begin_transaction():
        context.run_migrations()


if url := context.config.attributes.get("database_url"):
    run(url)
elif context.is_offline_mode():
    print_statements()
else:
    run_for_a_person()
