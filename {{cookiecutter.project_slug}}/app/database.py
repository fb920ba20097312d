"""The database: its URL, its connections, and whether it is the one that this code expects."""

from typing import Annotated, Any

from pydantic import AfterValidator, SecretStr
from sqlalchemy import MetaData, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase

REVISION = "0001"
"""The newest revision in `migrations/`, which this code was written for."""

SQLITE, POSTGRESQL = "sqlite+aiosqlite", "postgresql+psycopg"
SECONDS_TO_WAIT = 4
"""How long a request waits for a connection, and for a statement."""


def _supported(value: SecretStr) -> SecretStr:
    try:
        driver = make_url(value.get_secret_value()).drivername
    except ArgumentError:
        driver = None
    if driver not in (SQLITE, POSTGRESQL):
        raise ValueError("not a URL of a supported database")
    return value


DatabaseUrl = Annotated[SecretStr, AfterValidator(_supported)]


class Base(DeclarativeBase):
    """What all tables share: names for constraints, so that a migration can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def connect_engine(url: SecretStr) -> AsyncEngine:
    """Return an engine for this URL. It connects when it is first used."""
    target = make_url(url.get_secret_value())
    if target.drivername == SQLITE:
        engine = create_async_engine(
            target, hide_parameters=True, connect_args={"timeout": SECONDS_TO_WAIT}
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        return engine
    options = f"-c statement_timeout={SECONDS_TO_WAIT}s"
    return create_async_engine(
        target,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=SECONDS_TO_WAIT,
        connect_args={"connect_timeout": SECONDS_TO_WAIT, "options": options},
    )


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Let readers and a writer, of this process and others, share the file."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


async def database_fault(engine: AsyncEngine) -> str | None:
    """Return in a sentence why the database cannot be used, or None."""
    try:
        async with engine.connect() as connection:
            revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError as error:
        if await _answers(engine):
            revision = None
        else:
            return f"The database does not answer ({type(error).__name__})."
    if revision != REVISION:
        return (
            f"The database is at revision {revision}, this service needs {REVISION}: "
            "run `alembic upgrade head`."
        )
    return None


async def _answers(engine: AsyncEngine) -> bool:
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True
