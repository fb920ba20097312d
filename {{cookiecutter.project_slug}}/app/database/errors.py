"""What an error of the database means: one place judges the codes of PostgreSQL and SQLite.

PostgreSQL has SQLSTATE codes, whose first two characters are their class
(https://www.postgresql.org/docs/current/errcodes-appendix.html); SQLite has result codes, whose
lowest byte is the primary one (https://www.sqlite.org/rescode.html).
"""

import logging
import sqlite3
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from sqlalchemy import ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from app.http.problems import UnavailableError, problem

log = logging.getLogger(__name__)

NO_ANSWER = "The database does not answer at present."
READ_ONLY = "The database is read-only at present."
DENIED = "The database denies the service access."
FULL = "The database has no space left."
CONFLICT = "The request conflicts with data that is already stored."
UNFIT = "The database cannot store a value in this request."

ERRORS = (DBAPIError, NoConnectionError)
"""The exceptions of SQLAlchemy that a database error causes."""
STATES = {
    "08": NO_ANSWER,
    "25006": READ_ONLY,
    "28": DENIED,
    "3D": DENIED,
    "40": NO_ANSWER,
    "42501": DENIED,
    "53": NO_ANSWER,
    "53100": FULL,
    "55": NO_ANSWER,
    "57": NO_ANSWER,
    "58": NO_ANSWER,
    "XX": NO_ANSWER,
    sqlite3.SQLITE_PERM: DENIED,
    sqlite3.SQLITE_BUSY: NO_ANSWER,
    sqlite3.SQLITE_LOCKED: NO_ANSWER,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_IOERR: NO_ANSWER,
    sqlite3.SQLITE_CORRUPT: NO_ANSWER,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_CANTOPEN: NO_ANSWER,
    sqlite3.SQLITE_NOTADB: NO_ANSWER,
}
"""The error codes that describe the state of the database, each with its message."""
REFUSALS = {
    "22": 422,
    "23": 422,
    "23001": 409,
    "23503": 409,
    "23505": 409,
    "23P01": 409,
    sqlite3.SQLITE_TOOBIG: 422,
    sqlite3.SQLITE_MISMATCH: 422,
    sqlite3.SQLITE_CONSTRAINT: 422,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: 409,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: 409,
    # SQLite implements ON DELETE RESTRICT as a trigger.
    sqlite3.SQLITE_CONSTRAINT_TRIGGER: 409,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: 409,
}
"""The codes with which the database refuses a request, and the status to return."""


def unavailable_sentence(error: Exception) -> str | None:
    """Return a sentence if the error tells the state of the database, otherwise None."""
    if isinstance(error, NoConnectionError | TimeoutError):
        return NO_ANSWER
    if not isinstance(error, DBAPIError):
        return None
    codes = _codes(error)
    if not codes and isinstance(error, OperationalError | InterfaceError):
        # There is no code without a connection.
        return NO_ANSWER
    return next((STATES[code] for code in codes if code in STATES), None)


def refusal_status(error: Exception) -> int | None:
    """Return 409 or 422 if the database refuses values of the request, otherwise None."""
    if not isinstance(error, DBAPIError):
        return None
    codes = _codes(error)
    if not codes and isinstance(error, DataError):
        # The driver itself refuses a value that the database cannot represent.
        return 422
    return next((REFUSALS[code] for code in codes if code in REFUSALS), None)


def wrap_refusal(context: ExceptionContext) -> None:
    """Raise SQLAlchemy's DataError if the driver refuses a value with a built-in exception.

    Both drivers do so with text that contains a lone surrogate, and sqlite3 with an integer of more
    than 64 bits.
    """
    error = context.original_exception
    if isinstance(error, OverflowError | UnicodeEncodeError):
        raise DataError(context.statement, None, error, hide_parameters=True) from error


def describe(error: Exception) -> str:
    """Return the driver's error for the log, without the statement and its data."""
    return repr(getattr(error, "orig", None) or error)


async def answer_database_error(request: Request, error: Exception) -> Response:
    """Respond with 503, 409 or 422 to an error that is not the service's own fault.

    Raises the error if it is.
    """
    if sentence := unavailable_sentence(error):
        log.warning("the database cannot be used", extra={"reason": describe(error)})
        return problem(request.scope, 503, sentence, headers=UnavailableError(sentence).headers)
    status = refusal_status(error)
    if status is None:
        raise error
    return problem(request.scope, status, CONFLICT if status == HTTPStatus.CONFLICT else UNFIT)


def _codes(error: DBAPIError) -> list[Any]:
    """Return the codes of an error, the most specific first."""
    if sqlstate := getattr(error.orig, "sqlstate", None):
        return [sqlstate, sqlstate[:2]]
    if code := getattr(error.orig, "sqlite_errorcode", None):
        return [code, code & 0xFF]
    return []


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]]
HANDLERS = dict.fromkeys(ERRORS, answer_database_error)
"""The exception handlers of the application."""
