"""The middleware between the server and the routes: one class for each purpose."""

from collections.abc import Awaitable

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from app.http.asgi import HttpMiddleware
from app.http.body_limit import BodyLimit
from app.http.errors import ProblemBodies, UnexpectedErrors
from app.http.paths import is_probe, route_path
from app.http.request_log import RequestLog
from app.settings import Settings

SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
TLS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}
API_HEADERS = {"Cache-Control": "no-store"}
# JSON contains no links, and the policy above already keeps it out of frames.
PAGE_HEADERS = {"Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
SECURITY_HEADERS = {
    (tls, api): Headers(
        SAFE_HEADERS | (TLS_HEADERS if tls else {}) | (API_HEADERS if api else PAGE_HEADERS)
    ).raw
    for tls in (False, True)
    for api in (False, True)
}
"""The headers, by whether the request came over TLS and whether its path is below `/api/`."""


def middleware(settings: Settings) -> list[Middleware]:
    """Return the middleware of the service, outermost first."""
    stack = [Middleware(RequestLog), Middleware(SecurityHeaders), Middleware(HeadAsGet)]
    if settings.cors_origins or settings.trusted_hosts:
        stack.append(Middleware(ProblemBodies))
    if settings.cors_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            # There are no cookies, so a page can only send what its user gave it.
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Location", "Retry-After", "WWW-Authenticate", "X-Request-ID"],
        )
        stack.append(cors)
    if settings.trusted_hosts:
        stack.append(Middleware(TrustedHosts, settings.trusted_hosts, www_redirect=False))
    stack.append(Middleware(BodyLimit, max_body_size=settings.max_body_bytes))
    stack.append(Middleware(UnexpectedErrors))
    return stack


class SecurityHeaders(HttpMiddleware):
    """Adds the security headers that a response does not set itself."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_api = route_path(scope).startswith("/api/")
        headers = SECURITY_HEADERS[scope["scheme"] == "https", is_api]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}
                message["headers"] = given + [pair for pair in headers if pair[0] not in names]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class HeadAsGet(HttpMiddleware):
    """Handles HEAD like GET, without the body, unless a route handles HEAD itself."""

    def serve(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        is_head = scope["method"] == "HEAD"
        if is_head and not any(
            route.matches(scope)[0] is Match.FULL for route in scope["app"].routes
        ):
            return self._serve_as_get(scope, receive, send)
        return self.app(scope, receive, send)

    async def _serve_as_get(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The server must see HEAD, so that it sends no body although the headers have a length.
        inner = {**scope, "method": "GET"}

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                inner["status"] = message["status"]
            elif message["type"] == "http.response.body":
                message = {**message, "body": b""}
            scope.update(inner | {"method": "HEAD"})
            await send(message)

        await self.app(inner, receive, send_without_body)


class TrustedHosts(TrustedHostMiddleware):
    """Serves the trusted host names only, and probes, whose host is an IP address."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and is_probe(route_path(scope)):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
