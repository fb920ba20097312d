"""The id of each request, and its line in the log."""

import asyncio
import logging
import re
import time
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from random import getrandbits
from typing import Any

from pydantic_core import to_json
from starlette.types import Message, Receive, Scope, Send

from app.http.asgi import HttpMiddleware
from app.http.log_stream import LogStream
from app.http.paths import is_probe, route_path

log = logging.getLogger("app.requests")

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
LEVELS = {logging.DEBUG: "debug", logging.INFO: "info"}

current_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the current request, which every line about it contains."""


class RequestLog(HttpMiddleware):
    """Gives each request and its response an id, and writes a line to the log.

    The client's `X-Request-ID` is used if it consists of 8 to 64 letters, digits, dots,
    underscores or hyphens. Health probes are logged at DEBUG, because they come every few seconds.
    """

    stream: LogStream | None = None
    """Where to write lines as JSON, without `logging`, at a fifth of the cost; None uses `logging`."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        started = time.perf_counter()
        request_id = scope["request_id"] = _request_id(scope["headers"])
        current_request_id.set(request_id)
        level = logging.DEBUG if is_probe(route_path(scope)) else logging.INFO

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["status"] = message["status"]
                given = message.get("headers", ())
                message["headers"] = [*given, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        finally:
            self._write(scope, time.perf_counter() - started, level)

    def _write(self, scope: Scope, seconds: float, level: int) -> None:
        if not log.isEnabledFor(level):
            return
        if self.stream is None:
            log.log(level, "request", extra=_about(scope, seconds))
        else:
            # After the other requests of this turn of the event loop, because lines that are
            # written together cost less.
            loop = asyncio.get_running_loop()
            loop.call_soon(_write_json, self.stream, scope, seconds, level)


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    # It must be unique, but is not a secret.
    return f"{getrandbits(128):032x}"


def _write_json(stream: LogStream, scope: Scope, seconds: float, level: int) -> None:
    line = _about(scope, seconds)
    line["event"] = "request"
    line["level"] = LEVELS[level]
    line["timestamp"] = datetime.now(UTC)
    stream.write(to_json(line) + b"\n")


def _about(scope: Scope, seconds: float) -> dict[str, Any]:
    """Return the fields of a request's line."""
    line = {
        "request_id": scope["request_id"],
        "method": scope["method"],
        # The template of the path, because the path itself is untrusted text.
        "route": getattr(scope.get("route"), "path", None),
        "status": scope.get("status", 0),
        "milliseconds": round(seconds * 1000, 1),
    }
    if caller := scope.get("caller"):
        line |= caller.log_fields
    # Why the service refused it, and which tool for agents it called, if there are any.
    for name in ("refused", "tool"):
        if value := scope.get(name):
            line[name] = value
    return line
