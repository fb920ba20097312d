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

    Answers of the application are sent unchanged.
    """

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        replaced = False

        async def send_problem(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                is_error = message["status"] >= FIRST_ERROR
                replaced = is_error and not scope.get("answered_by_application")
                if replaced:
                    answer = problem(scope, message["status"])
                    given = message.get("headers", ())
                    answer.raw_headers.extend(
                        pair for pair in given if pair[0] not in ABOUT_THE_BODY
                    )
                    await answer(scope, receive, send)
            if not replaced:
                await send(message)

        await self.app(scope, receive, send_problem)


class UnexpectedErrors(HttpMiddleware):
    """Logs an unhandled exception, and answers with 500.

    A handler that the application registered for 500 or `Exception` creates the answer; otherwise it
    is problem details. This is the innermost middleware, so it also tells `ProblemBodies` which
    answers are the application's.
    """

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope["answered_by_application"] = True
        try:
            await self.app(scope, receive, send)
        except HTTPException:
            # The body is too long. A middleware answers if the application does not.
            scope["answered_by_application"] = False
            raise
        except Exception as error:
            if "status" in scope:  # The answer has begun.
                raise
            log.exception("unexpected error")
            answer = await _unexpected(Request(scope, receive), error)
            await answer(scope, receive, send)


async def _unexpected(request: Request, error: Exception) -> Response:
    handlers = request.app.exception_handlers
    handler = handlers.get(500) or handlers.get(Exception)
    if handler is None:
        return problem(request.scope, 500)
    if iscoroutinefunction(handler):
        answer: Response = await handler(request, error)
        return answer
    return await run_in_threadpool(handler, request, error)
