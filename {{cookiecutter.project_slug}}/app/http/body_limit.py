"""Limits request bodies."""

import re

from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.errors import ProblemBodies
from app.http.problems import problem


class BodyLimit(RequestBodyLimitMiddleware):
    """Refuses a request body that is too long, judging by `Content-Length` or while it is being read."""

    LENGTH = re.compile(rb"[0-9]{1,18}")
    """A valid `Content-Length`. Python refuses to convert thousands of digits to a number."""

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        super().__init__(app, max_body_size=max_body_size)
        self._while_it_is_read = ProblemBodies(super().__call__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = self._content_length(scope)
        if length is None:
            await self._while_it_is_read(scope, receive, send)
        elif length > self.max_body_size:
            await problem(scope, 413)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _content_length(self, scope: Scope) -> int | None:
        """Return the length of the body in bytes, or None if it is not known before the body is read.

        An HTTP/1 server reads no more than the headers say (RFC 9112, section 6.3).
        """
        if not scope["http_version"].startswith("1"):
            return None
        length = b"0"
        for name, value in scope["headers"]:
            if name == b"transfer-encoding":
                return None
            if name == b"content-length":
                length = value
        return int(length) if self.LENGTH.fullmatch(length) else None
