"""What every request meets first: its id, its line in the log, the headers of its answer."""

import logging
import re
import time
from collections.abc import Iterable
from random import getrandbits

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.log import current_request_id, request_log
from app.problems import MEDIA_TYPE, problem
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
CONTENT_TYPE = (b"content-type", MEDIA_TYPE.encode())
FIRST_ERROR = 400
"""The lowest status of an error (RFC 9110, section 15)."""

RawHeaders = Iterable[tuple[bytes, bytes]]


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
    middleware.append(Middleware(Innermost, max_body_size=settings.max_body_bytes))
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
        current_request_id.set(request_id)
        replaced = False

        async def send_safely(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                status = scope["status"] = message["status"]
                headers = message["headers"] = _completed(message.get("headers", ()), scope)
                if status >= FIRST_ERROR and CONTENT_TYPE not in headers:
                    replaced = True
                    await _send_problem(scope, receive, send, headers)
            if not replaced:
                await send(message)

        try:
            await self.app(scope, receive, send_safely)
        finally:
            request_log.write(scope, time.perf_counter() - started)


class TrustedHosts(TrustedHostMiddleware):
    """Answers to the trusted host names alone, save probes, which come by address."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith("/health"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class Innermost(RequestBodyLimitMiddleware):
    """The innermost middleware.

    It limits the request body: by `Content-Length`, and while it is read where that says nothing.
    An exception that nothing else handles it logs, and answers with 500.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            if scope["type"] == "http" and _promises_at_most(scope, self.max_body_size):
                await self.app(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)
        except Exception:
            answering = "status" in scope
            if scope["type"] != "http" or answering:
                raise
            log.exception("unexpected error")
            answer = problem(scope, 500)
            await answer(scope, receive, send)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    # It has to be unique, not secret.
    return f"{getrandbits(128):032x}"


def _promises_at_most(scope: Scope, size: int) -> bool:
    """Return whether the body cannot be longer than `size`, because the headers say so.

    An HTTP/1 server reads no more of it than they say (RFC 9112, section 6.3).
    """
    length = None
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return False
        if name == b"content-length":
            length = value
    if not scope["http_version"].startswith("1"):
        return False
    return length is None or (bool(LENGTH.fullmatch(length)) and int(length) <= size)


def _completed(headers: RawHeaders, scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with those that it lacks."""
    wanted = HEADERS[scope["scheme"] == "https", scope["path"].startswith("/api/")]
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
