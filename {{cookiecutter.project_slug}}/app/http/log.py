"""Logging: one JSON object a line in production, coloured text on a developer's screen."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic_core import to_json
from uvicorn.logging import DefaultFormatter

from app.http.request_log import RequestLog, current_request_id

# What every record has, and what formatters and uvicorn add to some.
USUAL = {*vars(logging.makeLogRecord({})), "asctime", "color_message", "levelprefix", "message"}


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
        RequestLog.stream = sys.stderr.buffer
        handler.setFormatter(JsonFormatter())
    else:
        RequestLog.stream = None
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


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record was given as `extra`, and the id of the request that it is about."""
    request_id = current_request_id.get()
    about = {"request_id": request_id} if request_id else {}
    return about | {name: value for name, value in vars(record).items() if name not in USUAL}
