"""How Alembic reaches the database: by `DATABASE_URL`, or by the URL that a caller gives."""

from typing import Any, Literal

from alembic import context
from pydantic import SecretStr

from app.database import Base, connect_engine_for_migration
from app.settings import load_database_url
from app.todos.database import TodoRow, UtcDateTime

TABLES = [TodoRow]
"""Alembic sees a table when its class is imported."""


def render_item(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Write our own column type as the one that it is in the database."""
    if kind == "type" and isinstance(item, UtcDateTime):
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


run(context.config.attributes.get("database_url") or load_database_url())
