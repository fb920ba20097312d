"""The one database of the service, with any number of resources on it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.requests import HTTPConnection

from app.database.engine import LOCKED, SECONDS_TO_WAIT, connect_engine, parsed
from app.database.managed_identity import default_credential, uses_identity
from app.database.revision import Revisions
from app.http.problems import UnavailableError
from app.settings import Settings

log = logging.getLogger(__name__)

CANNOT_SERVE = (InterfaceError, OperationalError, ProgrammingError, TimeoutError)


class Database:
    """The connections to the database, which all resources share.

    `engine` is a plain SQLAlchemy engine with transactions. `transaction()` and `autocommit()` are for
    requests: they give up after four seconds, and turn an outage into a 503.
    """

    def __init__(self, autocommit: AsyncEngine) -> None:
        level = "SERIALIZABLE" if autocommit.dialect.name == "sqlite" else "READ COMMITTED"
        # The same connections. Switching one to transactions costs more than not switching it.
        self.engine = autocommit.execution_options(isolation_level=level)
        self._autocommit = autocommit
        self._transactions = self.engine.execution_options(**LOCKED)
        self._revisions = Revisions()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction, which is committed at the end; an exception rolls it back.

        Raises UnavailableError if the database cannot serve in time.
        """
        async with _in_time(), self._transactions.begin() as connection:
            yield connection

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection on which every statement is a transaction of its own.

        For a single statement, this avoids two round trips. Raises UnavailableError if the database
        cannot serve in time.
        """
        async with _in_time(), self._autocommit.connect() as connection:
            yield connection

    async def unavailable_reason(self) -> str | None:
        """Return a sentence that says why the database cannot be used at present, or None."""
        try:
            async with asyncio.timeout(SECONDS_TO_WAIT), self._autocommit.connect() as connection:
                return await self._revisions.behind(connection)
        except (SQLAlchemyError, TimeoutError) as error:
            log.warning("the database cannot be used", extra={"reason": _cause(error)})
            return "The database does not answer."


class DatabaseStorage:
    """The storage of the service, opened at its start and closed at its end.

    `credential` replaces the one of the managed identity. Raises SettingsError for a URL that
    cannot be used.
    """

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
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(SECONDS_TO_WAIT):
            yield
    except CANNOT_SERVE as error:
        log.warning("the database cannot be used", extra={"reason": _cause(error)})
        raise UnavailableError("The database does not answer at present.") from error


def _cause(error: Exception) -> str:
    """Return the driver's error, without the statement and its data."""
    return repr(getattr(error, "orig", None) or error)
