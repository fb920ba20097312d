"""Logging: one JSON object a line in production, coloured text on a developer's screen."""

import asyncio
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, BinaryIO, Literal

from pydantic_core import to_json
from starlette.types import Scope
from uvicorn.logging import DefaultFormatter

log = logging.getLogger("app.requests")

LEVELS = {logging.DEBUG: "debug", logging.INFO: "info"}
# What every record has, and what formatters and uvicorn add to some.
USUAL = {*vars(logging.makeLogRecord({})), "asctime", "color_message", "levelprefix", "message"}

current_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being served; every line that is logged for it names it."""


class RequestLog:
    """Takes the line for each request; with JSON it goes past `logging`, at a fifth of the cost."""

    stream: BinaryIO | None = None
    """Where JSON goes; without it, the line is logged like every other."""

    def write(self, scope: Scope, seconds: float, *, probe: bool) -> None:
        """Write a line for this request, which took so long, unless its level is below `LOG_LEVEL`.

        The level of a health probe is DEBUG, because probes come every few seconds.
        """
        level = logging.DEBUG if probe else logging.INFO
        if not log.isEnabledFor(level):
            return
        if self.stream is None:
            log.log(level, "request", extra=_about(scope, seconds))
        else:
            # Behind the other requests of this turn of the event loop: written one after another,
            # lines cost less.
            loop = asyncio.get_running_loop()
            loop.call_soon(_write_json, self.stream, scope, seconds, level)


request_log = RequestLog()


class JsonFormatter(logging.Formatter):
    """Writes a record, with what it was given as `extra`, as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.fromtimestamp(record.created, UTC),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return to_json(line, serialize_unknown=True).decode()


class ConsoleFormatter(DefaultFormatter):
    """Writes a record for people, in uvicorn's colours where the log is a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line."""
        extra = (f"{name}={value}" for name, value in _extra(record).items())
        return " ".join([super().formatMessage(record), *extra])


def configure_logging(level: str, style: Literal["json", "console"]) -> None:
    """Send the log of the service, of uvicorn and of every library to stderr in one style.

    `level` is that of the service's own lines; libraries write from INFO on.
    """
    handler = logging.StreamHandler()
    if style == "json":
        request_log.stream = sys.stderr.buffer
        handler.setFormatter(JsonFormatter())
    else:
        request_log.stream = None
        handler.setFormatter(
            ConsoleFormatter("%(asctime)s %(levelprefix)s %(message)s", "%H:%M:%S")
        )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("app").setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # The service writes a line for each request itself, with who called.
    logging.getLogger("uvicorn.access").disabled = True
    # These write a line for each request of their own; one writes tokens that it cannot read.
    logging.getLogger("fastapi_azure_auth").setLevel(logging.CRITICAL)
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def _write_json(stream: BinaryIO, scope: Scope, seconds: float, level: int) -> None:
    line = _about(scope, seconds)
    line["event"] = "request"
    line["level"] = LEVELS[level]
    line["timestamp"] = datetime.now(UTC)
    try:
        stream.write(to_json(line) + b"\n")
        stream.flush()
    except OSError:
        # A log that cannot be written loses lines, and no requests.
        pass


def _about(scope: Scope, seconds: float) -> dict[str, Any]:
    """Return what the log says of a request."""
    line = {
        "request_id": scope["request_id"],
        "method": scope["method"],
        # The template of the path, because the path itself is the client's text.
        "route": getattr(scope.get("route"), "path", None),
        "status": scope.get("status", 0),
        "milliseconds": round(seconds * 1000, 1),
    }
    if caller := scope.get("caller"):
        line["tenant_id"], line["object_id"] = caller.tenant_id, caller.object_id
    return line


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record was given as `extra`, and the id of the request that it is about."""
    request_id = current_request_id.get()
    about = {"request_id": request_id} if request_id else {}
    return about | {name: value for name, value in vars(record).items() if name not in USUAL}
