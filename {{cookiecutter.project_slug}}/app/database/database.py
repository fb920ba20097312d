"""The one database of the service, with any number of resources on it."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.requests import HTTPConnection

from app.database.engine import LOCKED, SECONDS_TO_WAIT, connect_engine, parsed
from app.database.errors import (
    ERRORS,
    HANDLERS,
    NO_ANSWER,
    READ_ONLY,
    describe,
    refusal_status,
    unavailable_sentence,
)
from app.database.managed_identity import default_credential, uses_identity
from app.database.revision import Revisions
from app.http.problems import UnavailableError
from app.settings import Settings

log = logging.getLogger(__name__)

IS_READ_ONLY = text("SELECT current_setting('transaction_read_only') = 'on'")
SECONDS_TO_HANG_UP = 0.2
"""How much longer a request may take if ending its connection does not end it."""


class Database:
    """The connections to the database, which all resources share.

    `engine` is a plain SQLAlchemy engine with transactions. `transaction()` and `autocommit()` are for
    requests: they give up after four seconds, and turn an outage into a 503.
    """

    def __init__(self, autocommit: AsyncEngine) -> None:
        level = "SERIALIZABLE" if autocommit.dialect.name == "sqlite" else "READ COMMITTED"
        # It shares the pool, whose connections are in autocommit mode: most requests need no transaction.
        self.engine = autocommit.execution_options(isolation_level=level)
        self._autocommit = autocommit
        self._transactions = self.engine.execution_options(**LOCKED)
        self._revisions = Revisions()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction, which is committed at the end; an exception rolls it back.

        Raises UnavailableError if the database cannot serve in time.
        """
        async with self._in_time(self._transactions) as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection on which every statement is a transaction of its own.

        For a single statement, this avoids two round trips. Raises UnavailableError if the database
        cannot serve in time.
        """
        async with self._in_time(self._autocommit) as connection:
            yield connection

    async def unavailable_reason(self) -> str | None:
        """Return a sentence that says why the database cannot be used at present, or None."""
        try:
            async with _connected(self._autocommit) as connection:
                if reason := await self._revisions.behind(connection):
                    return reason
                is_postgresql = connection.dialect.name == "postgresql"
                if is_postgresql and await connection.scalar(IS_READ_ONLY):
                    return READ_ONLY
                return None
        except (SQLAlchemyError, TimeoutError) as error:
            log.warning("the database cannot be used", extra={"reason": describe(error)})
            return unavailable_sentence(error) or NO_ANSWER

    @asynccontextmanager
    async def _in_time(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        try:
            async with _connected(engine) as connection:
                yield connection
        except (*ERRORS, TimeoutError) as error:
            sentence = unavailable_sentence(error)
            if sentence is None and refusal_status(error) is None:
                # A statement fails too if its table is not there yet.
                sentence = await self.unavailable_reason()
            if sentence is None:
                raise
            log.warning("the database cannot be used", extra={"reason": describe(error)})
            raise UnavailableError(sentence) from error


class DatabaseStorage:
    """The storage of the service, opened at its start and closed at its end.

    `credential` replaces the one of the managed identity. Raises SettingsError for a URL that
    cannot be used.
    """

    exception_handlers = HANDLERS

    def __init__(self, settings: Settings, credential: Any = None) -> None:
        self._target = parsed(settings.database_url)
        self._credential = credential

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        """Open the database, and close its connections at the end."""
        credential = self._credential
        if credential is None and uses_identity(self._target):
            credential = default_credential()
        database = Database(connect_engine(self._target, credential))
        if reason := await database.unavailable_reason():
            log.error(reason)
        try:
            yield database
        finally:
            await database.engine.dispose()
            if credential is not None:
                await credential.close()


async def open_database(connection: HTTPConnection) -> Database:
    """Return the database of the service; applications that are mounted in it share it."""
    database: Database = connection.state.storage
    return database


OpenDatabase = Annotated[Database, Depends(open_database)]
"""A route with a parameter of this type reaches the database."""


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a connection for four seconds. What takes longer fails, whatever the server does."""
    async with (
        asyncio.timeout(SECONDS_TO_WAIT + SECONDS_TO_HANG_UP) as limit,
        engine.connect() as connection,
    ):
        ends = (limit.when() or 0) - SECONDS_TO_HANG_UP
        hanging_up = asyncio.get_running_loop().call_at(ends, _hang_up, connection)
        try:
            yield connection
        finally:
            hanging_up.cancel()


def _hang_up(connection: AsyncConnection) -> None:
    """End a connection to PostgreSQL, and with it what waits for the server.

    If psycopg is cancelled instead, it first asks the server to cancel the statement, for five
    seconds at most.
    """
    raw = connection.sync_connection
    if raw is None or raw.invalidated or raw.dialect.name != "postgresql":
        return
    driver: Any = raw.connection.driver_connection
    # It may have ended already.
    with (
        suppress(OSError),
        socket.fromfd(driver.pgconn.socket, socket.AF_INET, socket.SOCK_STREAM) as copy,
    ):
        copy.shutdown(socket.SHUT_RDWR)
