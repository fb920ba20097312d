"""The database: its URL, its connections, and whether it is the one that this code expects."""

import asyncio
import logging
import select
from typing import Annotated, Any

from pydantic import AfterValidator, SecretStr
from sqlalchemy import MetaData, create_engine, event, inspect, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from app.azure import async_connector, connector, takes_identity

REVISION = "0001"
"""The newest revision in `migrations/`, which this code was written for."""

log = logging.getLogger(__name__)

SQLITE, POSTGRESQL = "sqlite+aiosqlite", "postgresql+psycopg"
SECONDS_TO_WAIT = 4
"""How long a request waits for the database, all in all."""
POOL_SIZE = 10
"""How many connections to PostgreSQL a process has at most."""


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


def connect_engine(url: SecretStr, credential: Any = None) -> AsyncEngine:
    """Return an engine for this URL. It connects when it is first used.

    `credential` is that of `app.azure.async_connector`.
    """
    target = make_url(url.get_secret_value())
    options: dict[str, Any] = {
        # Values do not belong in the log, where the text of an error may end.
        "hide_parameters": True,
        # Each statement is a transaction of its own, which saves two round trips.
        "isolation_level": "AUTOCOMMIT",
    }
    if target.drivername == SQLITE:
        options["connect_args"] = {"timeout": SECONDS_TO_WAIT}
    else:
        arguments = {
            "connect_timeout": SECONDS_TO_WAIT,
            "options": f"-c statement_timeout={SECONDS_TO_WAIT}s",
        }
        options |= {"pool_size": POOL_SIZE, "max_overflow": 0}
        if takes_identity(target):
            options["async_creator"] = async_connector(target, arguments, credential)
        else:
            options["connect_args"] = arguments
    engine = create_async_engine(target, **options)
    if target.drivername == SQLITE:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    else:
        event.listen(engine.sync_engine, "checkout", _replace_if_closed)
    return engine


def connect_engine_for_migration(url: SecretStr) -> Engine:
    """Return an engine without asyncio, which Alembic wants, for this URL."""
    target = make_url(url.get_secret_value())
    if target.drivername == SQLITE:
        return create_engine(target.set(drivername="sqlite"))
    return create_engine(
        target, **({"creator": connector(target)} if takes_identity(target) else {})
    )


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Let readers and a writer, of this process and others, share the file."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


def cause(error: Exception) -> str:
    """Return what the driver says, without the statement and the data in it."""
    return repr(getattr(error, "orig", None) or error)


def _replace_if_closed(connection: Any, *_: object) -> None:
    """Have a connection replaced that PostgreSQL has closed, which it shows by having to say something.

    That costs no round trip, unlike SQLAlchemy's `pool_pre_ping`.
    """
    if _readable(connection.driver_connection.pgconn.socket):
        raise DisconnectionError


def _readable(socket: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


async def database_fault(engine: AsyncEngine) -> str | None:
    """Return in a sentence why the database cannot be used, or None."""
    try:
        async with asyncio.timeout(SECONDS_TO_WAIT), engine.connect() as connection:
            revision = None
            if await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
                query = text("SELECT version_num FROM alembic_version")
                revision = await connection.scalar(query)
    except (SQLAlchemyError, TimeoutError) as error:
        log.warning("the database cannot be used", extra={"reason": cause(error)})
        return "The database does not answer."
    if revision != REVISION:
        return (
            f"The database is at revision {revision}, this service needs {REVISION}: "
            "run `alembic upgrade head`."
        )
    return None
