"""Middleware for errors of other middleware, and for unexpected errors."""

import logging
from inspect import iscoroutinefunction

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.http.asgi import HttpMiddleware
from app.http.problems import problem

log = logging.getLogger(__name__)

FIRST_ERROR = 400
"""The lowest status of an error (RFC 9110, section 15)."""
ABOUT_THE_BODY = {b"content-type", b"content-length"}


class ProblemBodies(HttpMiddleware):
    """Turns the plain text with which a middleware refuses a request into problem details.

    Responses of the application are sent unchanged.
    """

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        replaced = False

        async def send_problem(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                is_error = message["status"] >= FIRST_ERROR
                replaced = is_error and not scope.get("application_responded")
                if replaced:
                    response = problem(scope, message["status"])
                    given = message.get("headers", ())
                    response.raw_headers.extend(
                        pair for pair in given if pair[0] not in ABOUT_THE_BODY
                    )
                    await response(scope, receive, send)
            if not replaced:
                await send(message)

        await self.app(scope, receive, send_problem)


class UnexpectedErrors(HttpMiddleware):
    """Logs an unhandled exception and responds with 500, or only re-raises it if a response has begun.

    A handler that the application registered for 500 or `Exception` creates the response; otherwise it
    is problem details. This is the innermost middleware, so it also tells `ProblemBodies` which
    responses are the application's.
    """

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope["application_responded"] = True
        try:
            await self.app(scope, receive, send)
        except HTTPException:
            # The body is too long. A middleware responds if the application does not.
            scope["application_responded"] = False
            raise
        except Exception as error:
            if "status" in scope:  # The response has begun.
                raise
            log.exception("unexpected error")
            response = await _unexpected(Request(scope, receive), error)
            await response(scope, receive, send)


async def _unexpected(request: Request, error: Exception) -> Response:
    handlers = request.app.exception_handlers
    handler = handlers.get(500) or handlers.get(Exception)
    if handler is None:
        return problem(request.scope, 500)
    if iscoroutinefunction(handler):
        response: Response = await handler(request, error)
        return response
    return await run_in_threadpool(handler, request, error)
