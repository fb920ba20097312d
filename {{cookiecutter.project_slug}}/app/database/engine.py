"""Creates engines for `DATABASE_URL`.

Every part of the URL takes effect in the service, in migrations and with an identity, except that a
migration ignores the `timeout` of an SQLite file.
"""

import select
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.database.errors import wrap_refusal
from app.database.managed_identity import async_connector, connector, uses_identity
from app.settings import SettingsError

SQLITE = "sqlite+aiosqlite"
SECONDS_TO_WAIT = 4
"""How many seconds a request waits for the database in total."""
SECONDS_TO_MIGRATE = 60
"""How many seconds a migration waits until it may write to an SQLite file."""
LOCKED = {"lock_file": True}
"""The execution option that makes transactions on SQLite lock the file when they begin."""
POOL_SIZE = 10
"""The maximum number of connections from a process to PostgreSQL."""


def parsed(url: SecretStr) -> URL:
    """Return the parsed URL of a database.

    Raises SettingsError for a URL that SQLAlchemy or libpq would refuse when it first connects.
    SQLAlchemy ignores unknown options of an SQLite file, with a warning.
    """
    try:
        target = make_url(url.get_secret_value())
        parameters = _parameters(target)
        if target.drivername != SQLITE:
            make_conninfo(**parameters)
    except ProgrammingError as error:
        # libpq quotes the option, which is part of the password if that contains a question mark.
        if "@" not in url.get_secret_value().partition("?")[2]:
            raise SettingsError(f"DATABASE_URL is invalid: {str(error).strip()}.") from None
    except (ArgumentError, ValueError):
        pass
    else:
        return target
    raise SettingsError(
        "DATABASE_URL is invalid: it cannot be read as a URL, or an option has an invalid value. "
        "Write special characters in the username and the password as %XX, such as %2F for a slash."
    )


def connect_engine(target: URL, credential: Any = None) -> AsyncEngine:
    """Return an engine in autocommit mode for this URL, which connects when it is first used.

    `credential` is passed to `app.database.managed_identity.async_connector`.
    """
    # The text of an error may be logged, and must not contain values.
    options: dict[str, Any] = {"hide_parameters": True, "isolation_level": "AUTOCOMMIT"}
    if target.drivername == SQLITE:
        # A request may wait for a connection, and then for the lock of the file: SQLite does not
        # let a thread that waits for a lock be interrupted.
        options["pool_timeout"] = SECONDS_TO_WAIT / 2
        if "timeout" not in target.query:
            options["connect_args"] = {"timeout": SECONDS_TO_WAIT / 2}
        engine = create_async_engine(target, **options)
        event.listen(engine.sync_engine, "connect", _share_file)
        event.listen(engine.sync_engine, "begin", _lock_file)
        event.listen(engine.sync_engine, "handle_error", wrap_refusal)
        return engine
    parameters = _parameters(target)
    # The URL comes last, so it takes precedence.
    in_url = parameters.get("options", "")
    session = f"-c timezone=UTC -c statement_timeout={SECONDS_TO_WAIT}s {in_url}".strip()
    # A prepared statement fails forever after a migration has changed the type of a column.
    defaults = {"connect_timeout": SECONDS_TO_WAIT, "prepare_threshold": None}
    limited = defaults | parameters | {"options": session}
    # A connection in autocommit mode has nothing to roll back when it returns to the pool.
    options |= {"pool_size": POOL_SIZE, "max_overflow": 0, "skip_autocommit_rollback": True}
    if credential:
        options["async_creator"] = async_connector(limited, credential)
    else:
        options["connect_args"] = limited
    engine = create_async_engine(target, **options)
    event.listen(engine.sync_engine, "checkout", _replace_if_closed)
    event.listen(engine.sync_engine, "handle_error", wrap_refusal)
    return engine


def connect_engine_for_migration(url: SecretStr) -> Engine:
    """Return a synchronous engine for this URL, as Alembic requires."""
    target = parsed(url)
    if target.drivername == SQLITE:
        engine = create_engine(
            target.set(drivername="sqlite"),
            # `_lock_file` begins transactions, so Python's module must not.
            connect_args={"isolation_level": None, "timeout": SECONDS_TO_MIGRATE},
        ).execution_options(**LOCKED)
        event.listen(engine, "begin", _lock_file)
        return engine
    identity = {"creator": connector(_parameters(target))} if uses_identity(target) else {}
    return create_engine(target, **identity)


def _parameters(target: URL) -> dict[str, Any]:
    """Return the libpq parameters of the URL, including several hosts."""
    _, parameters = target.get_dialect()().create_connect_args(target)
    return dict(parameters)


def _share_file(connection: Any, _: object) -> None:
    """Let readers and a writer, in this process and others, share the file."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _lock_file(connection: Connection) -> None:
    """Begin an SQLite transaction as a writer, which waits for its turn.

    Otherwise, Python's module begins it at the first write, and earlier reads are not part of it.
    """
    if LOCKED.items() <= connection.get_execution_options().items():
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _replace_if_closed(connection: Any, *_: object) -> None:
    """Have a connection replaced if its idle socket is readable: PostgreSQL has closed it.

    Unlike SQLAlchemy's `pool_pre_ping`, this costs no round trip.
    """
    if _readable(connection.driver_connection.pgconn.socket):
        raise DisconnectionError


def _readable(socket: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
