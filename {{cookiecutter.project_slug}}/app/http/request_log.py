"""The line that the log gets for each request."""

import asyncio
import logging
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, BinaryIO

from pydantic_core import to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.paths import is_probe, route_path

log = logging.getLogger("app.requests")

LEVELS = {logging.DEBUG: "debug", logging.INFO: "info"}

current_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being served; every line that is logged for it has this id."""


class RequestLog:
    """Logs one line for each request.

    The level of a health probe is DEBUG, because probes come every few seconds.
    """

    stream: BinaryIO | None = None
    """Where lines go as JSON, past `logging`, at a fifth of the cost; None logs them as usual."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        level = logging.DEBUG if is_probe(route_path(scope)) else logging.INFO

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["status"] = message["status"]
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
