"""The id of each request, and the line that the log gets for it."""

import asyncio
import logging
import re
import time
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from random import getrandbits
from typing import Any, BinaryIO

from pydantic_core import to_json
from starlette.types import Message, Receive, Scope, Send

from app.http.asgi import HttpMiddleware
from app.http.paths import is_probe, route_path

log = logging.getLogger("app.requests")

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
LEVELS = {logging.DEBUG: "debug", logging.INFO: "info"}

current_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being served; every line that is logged for it has this id."""


class RequestLog(HttpMiddleware):
    """Gives each request an id, and the log a line for it; the answer has the id, too.

    The client's own `X-Request-ID` is used if it has 8 to 64 letters, digits, dots, underscores and
    hyphens. The level of a health probe is DEBUG, because probes come every few seconds.
    """

    stream: BinaryIO | None = None
    """Where lines go as JSON, past `logging`, at a fifth of the cost; None logs them as usual."""

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
            # After the other requests of this turn of the event loop: lines that are written
            # together cost less.
            loop = asyncio.get_running_loop()
            loop.call_soon(_write_json, self.stream, scope, seconds, level)


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    # It has to be unique, not secret.
    return f"{getrandbits(128):032x}"


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
    """Return what the log says about a request."""
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
