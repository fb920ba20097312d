"""What every request meets first: its id, its line in the log, the headers of its answer."""

import logging
import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from app.problems import MEDIA_TYPE, problem
from app.settings import Settings

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
TLS_HEADERS = SAFE_HEADERS | {"Strict-Transport-Security": "max-age=31536000"}
PRIVATE_HEADERS = {"Cache-Control": "no-store"}


def edge_middleware(settings: Settings) -> list[Middleware]:
    """Return the middleware of the service, outermost first."""
    middleware = [Middleware(Edge)]
    if settings.cors_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["Location", "Retry-After", "WWW-Authenticate", "X-Request-ID"],
        )
        middleware.append(cors)
    if settings.trusted_hosts:
        middleware.append(Middleware(TrustedHosts, settings.trusted_hosts, www_redirect=False))
    middleware.append(Middleware(RequestBodyLimitMiddleware, max_body_size=settings.max_body_bytes))
    middleware.append(Middleware(UnexpectedErrors))
    return middleware


class Edge:
    """The outermost middleware.

    It gives the request an id (that of `X-Request-ID` when well-formed), writes one line to the
    log, adds security headers that the answer does not set itself, and replaces an error body
    that is not a problem, such as that of a Starlette middleware, with one that is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = scope["request_id"] = _request_id(scope)
        # Every line that is logged for this request names it.
        bind_contextvars(request_id=request_id)
        status = 0
        replaced = False

        async def send_safely(message: Message) -> None:
            nonlocal status, replaced
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                _add_missing(headers, _headers_for(scope))
                headers["X-Request-ID"] = request_id
                if status >= HTTPStatus.BAD_REQUEST and headers.get("content-type") != MEDIA_TYPE:
                    replaced = True
                    await _send_problem(scope, receive, send, status, headers)
            if not replaced:
                await send(message)

        try:
            await self.app(scope, receive, send_safely)
        finally:
            _log_request(scope, status, time.perf_counter() - started)


class TrustedHosts(TrustedHostMiddleware):
    """Answers to the trusted host names alone, save probes, which come by address."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith("/health"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class UnexpectedErrors:
    """The innermost middleware: an exception that nothing else handles is logged and is a 500."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        started = False

        async def send_noting_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_noting_start)
        except Exception:
            if scope["type"] != "http" or started:
                raise
            log.exception("unexpected error")
            answer = problem(scope, 500)
            await answer(scope, receive, send)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid4().hex


def _headers_for(scope: Scope) -> Mapping[str, str]:
    headers = TLS_HEADERS if scope["scheme"] == "https" else SAFE_HEADERS
    return headers | PRIVATE_HEADERS if scope["path"].startswith("/api/") else headers


def _add_missing(headers: MutableHeaders, wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        headers.setdefault(name, value)


async def _send_problem(
    scope: Scope, receive: Receive, send: Send, status: int, headers: MutableHeaders
) -> None:
    answer = problem(scope, status)
    about_the_body = {"content-type", "content-length"}
    kept = [pair for pair in headers.raw if pair[0].decode("latin-1") not in about_the_body]
    answer.raw_headers.extend(kept)
    await answer(scope, receive, send)


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    line = {
        "method": scope["method"],
        # The template of the path, because the path itself is the client's text.
        "route": getattr(scope.get("route"), "path", None),
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
    }
    if caller := scope.get("caller"):
        line |= {"tenant_id": str(caller.tenant_id), "object_id": str(caller.object_id)}
    # Probes come every few seconds.
    level = logging.DEBUG if scope["path"].startswith("/health") else logging.INFO
    log.log(level, "request", extra=line)
