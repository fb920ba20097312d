"""Configures logging: JSON, one object per line, in production; coloured text for developers."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic_core import to_json
from uvicorn.logging import DefaultFormatter

from app.http.log_stream import LogHandler, LogStream
from app.http.request_log import RequestLog, current_request_id

# Attributes of every record, and those that formatters and uvicorn add to some.
USUAL = {*vars(logging.makeLogRecord({})), "asctime", "color_message", "levelprefix", "message"}


def _json(line: dict[str, Any]) -> str:
    """Return an object as JSON (RFC 8259) in one line, whatever the object contains."""
    try:
        return to_json(line, serialize_unknown=True, inf_nan_mode="strings").decode()
    except ValueError:
        # A lone surrogate, bytes that are not text, or objects that are nested too deeply.
        return to_json({name: _readable(value) for name, value in line.items()}).decode()


def _readable(value: object) -> str:
    """Return Python's notation of a value, in ASCII."""
    try:
        return ascii(value)
    except (ValueError, RecursionError):
        return f"a value of the type {type(value).__name__}"


class JsonFormatter(logging.Formatter):
    """Formats a record and its `extra` as one JSON object."""

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
        return _json(line)


class ConsoleFormatter(DefaultFormatter):
    """Formats a record for people, with uvicorn's colours if the log is a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line."""
        extra = (f"{name}={value}" for name, value in _extra(record).items())
        return " ".join([super().formatMessage(record), *extra])


def configure_logging(level: str, style: Literal["json", "console"]) -> None:
    """Send the log of the service, of uvicorn and of all libraries to stderr in one style.

    `level` is for the service's own lines. Libraries log from INFO up, or less if they log too much.
    """
    stream = LogStream(sys.stderr)
    handler = LogHandler(stream)
    if style == "json":
        RequestLog.stream = stream
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
    # The service writes its own line for each request, with the caller.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").addFilter(_drop_query)
    # These log each of their requests; the first one also logs tokens that it cannot read.
    logging.getLogger("fastapi_azure_auth").setLevel(logging.CRITICAL)
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def _drop_query(record: logging.LogRecord) -> bool:
    """Remove the query string, where clients may send a token, from a line about a WebSocket."""
    match record.args:
        case (str(client), str(address), *rest) if '"WebSocket ' in record.msg:
            record.args = (client, address.partition("?")[0], *rest)
    return True


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """Return the `extra` of a record, and the id of the current request."""
    request_id = current_request_id.get()
    about = {"request_id": request_id} if request_id else {}
    return about | {name: value for name, value in vars(record).items() if name not in USUAL}
