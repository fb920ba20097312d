"""What every request meets first: its id, its line in the log, the headers of its answer."""

import logging
import re
import time
from collections.abc import Iterable
from inspect import iscoroutinefunction
from random import getrandbits

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.log import current_request_id, request_log
from app.problems import problem
from app.settings import Settings

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
LENGTH = re.compile(rb"[0-9]{1,18}")
"""A `Content-Length` that can be read: Python refuses a number of thousands of digits."""

SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
TLS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}
API_HEADERS = {"Cache-Control": "no-store"}
# JSON has no links, and whoever frames it is stopped by the policy above.
PAGE_HEADERS = {"Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
HEADERS = {
    (tls, api): Headers(
        SAFE_HEADERS | (TLS_HEADERS if tls else {}) | (API_HEADERS if api else PAGE_HEADERS)
    ).raw
    for tls in (False, True)
    for api in (False, True)
}
"""What is added to an answer, by whether it goes over TLS and whether it is one of the API."""
HEADER_NAMES = {name for headers in HEADERS.values() for name, _ in headers}
FIRST_ERROR = 400
"""The lowest status of an error (RFC 9110, section 15)."""

RawHeaders = Iterable[tuple[bytes, bytes]]


def edge_middleware(settings: Settings) -> list[Middleware]:
    """Return the middleware of the service, outermost first."""
    middleware = [Middleware(Edge), Middleware(HeadAsGet)]
    if settings.cors_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            # There are no cookies, so a page can send nothing that its user did not give it.
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Location", "Retry-After", "WWW-Authenticate", "X-Request-ID"],
        )
        middleware.append(cors)
    if settings.trusted_hosts:
        middleware.append(Middleware(TrustedHosts, settings.trusted_hosts, www_redirect=False))
    middleware.append(Middleware(Innermost, max_body_size=settings.max_body_bytes))
    return middleware


class Edge:
    """The outermost middleware.

    It gives the request an id (that of `X-Request-ID` when well-formed), writes one line to the
    log, adds security headers that the answer does not set itself, and replaces the error body of a
    Starlette middleware with problem details. What a route or a mounted application answers arrives
    as it was made.
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
        current_request_id.set(request_id)
        path = route_path(scope)
        replaced = False

        async def send_safely(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                status = scope["status"] = message["status"]
                headers = message["headers"] = _completed(message.get("headers", ()), scope, path)
                if status >= FIRST_ERROR and not scope.get("answered_by_application"):
                    replaced = True
                    await _send_problem(scope, receive, send, headers)
            if not replaced:
                await send(message)

        try:
            await self.app(scope, receive, send_safely)
        finally:
            request_log.write(scope, time.perf_counter() - started, probe=is_probe(path))


class HeadAsGet:
    """Answers HEAD as GET would, without the body, where no route of its own takes HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        routes = scope["app"].routes
        if any(route.matches(scope)[0] is Match.FULL for route in routes):
            await self.app(scope, receive, send)
            return
        # The server has to see HEAD: it sends no body, whatever length the headers promise.
        inner = {**scope, "method": "GET"}

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            scope.update(inner | {"method": "HEAD"})
            await send(message)

        await self.app(inner, receive, send_without_body)


class TrustedHosts(TrustedHostMiddleware):
    """Answers only to the trusted host names, except for probes, which come by address."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and is_probe(route_path(scope)):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class Innermost(RequestBodyLimitMiddleware):
    """The innermost middleware.

    It limits the request body: by `Content-Length`, and while it is read where that says nothing.
    An exception that nothing else handles is logged, and answered with 500. The answer of the
    application is marked, because it is the user's own.
    """

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        async def marked(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_marked(message: Message) -> None:
                scope["answered_by_application"] = True
                await send(message)

            await app(scope, receive, send_marked)

        self.unlimited = marked
        super().__init__(marked, max_body_size=max_body_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = _content_length(scope)
        try:
            if length is None:
                await super().__call__(scope, receive, send)
            elif length > self.max_body_size:
                await problem(scope, 413)(scope, receive, send)
            else:
                await self.unlimited(scope, receive, send)
        except Exception as error:
            if scope.get("answered_by_application"):
                raise
            log.exception("unexpected error")
            scope["answered_by_application"] = True
            answer = await _unexpected(Request(scope, receive), error)
            await answer(scope, receive, send)


async def _unexpected(request: Request, error: Exception) -> Response:
    """Return the answer of the application's handler for unexpected errors, or our own."""
    handlers = request.app.exception_handlers
    handler = handlers.get(500) or handlers.get(Exception)
    if handler is None:
        return problem(request.scope, 500)
    if iscoroutinefunction(handler):
        answer: Response = await handler(request, error)
        return answer
    return await run_in_threadpool(handler, request, error)


def route_path(scope: Scope) -> str:
    """Return the path of a request without the prefix at which the service is reached."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def is_probe(path: str) -> bool:
    """Return whether a path without prefix is that of a health probe."""
    return path == "/health" or path.startswith("/health/")


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    # It has to be unique, not secret.
    return f"{getrandbits(128):032x}"


def _content_length(scope: Scope) -> int | None:
    """Return how long the body is by the headers, in bytes, or None when only reading it can tell.

    An HTTP/1 server reads no more of it than they say (RFC 9112, section 6.3).
    """
    if not scope["http_version"].startswith("1"):
        return None
    length = b"0"
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = value
    return int(length) if LENGTH.fullmatch(length) else None


def _completed(headers: RawHeaders, scope: Scope, path: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with those that it lacks."""
    wanted = HEADERS[scope["scheme"] == "https", path.startswith("/api/")]
    headers = list(headers)
    given = dict(headers)
    if not HEADER_NAMES.isdisjoint(given):
        wanted = [pair for pair in wanted if pair[0] not in given]
    return [*headers, *wanted, (b"x-request-id", scope["request_id"].encode())]


async def _send_problem(scope: Scope, receive: Receive, send: Send, headers: RawHeaders) -> None:
    answer = problem(scope, scope["status"])
    about_the_body = {b"content-type", b"content-length"}
    answer.raw_headers.extend(pair for pair in headers if pair[0] not in about_the_body)
    await answer(scope, receive, send)
