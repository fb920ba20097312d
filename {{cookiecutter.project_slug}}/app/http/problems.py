"""Error responses: problem details (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.utils import is_body_allowed_for_status_code
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount
from starlette.types import Scope

MEDIA_TYPE = "application/problem+json"

DETAILS = {
    400: "The request cannot be understood.",
    404: "There is nothing at this path.",
    405: "This path does not support this method.",
    413: "The request body is too long.",
    415: "Send the body with Content-Type: application/json.",
    500: "Something went wrong here. It has been logged.",
}
"""The detail of an error that has none of its own."""
EXAMPLES = DETAILS | {
    401: "Sign in and send the access token as a bearer token.",
    403: "Guests may not sign in.",
    503: "The service has no current signing keys from Entra ID.",
}
"""A detail for the documentation of each error."""

FIRST_SERVER_ERROR = 500
UNREADABLE = "There was an error parsing the body"
"""FastAPI's detail, with 400, for a body that it cannot decode."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Fault(BaseModel):
    """A fault in one part of a request."""

    location: str = Field(description="Where: body, query, path or header.")
    field: str = Field(description="The field or parameter; empty for the body as a whole.")
    detail: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """The body of every error response (RFC 9457)."""

    type: str = Field("about:blank", description="The kind of problem.")
    title: str = Field(description="What the status means.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened here.")
    instance: str = Field(description="The path of the request.")
    request_id: str | None = Field(None, description="Identifies the request in the log.")
    errors: list[Fault] | None = Field(None, description="The faults of an invalid request.")


class ProblemResponse(JSONResponse):
    """A response whose body is a problem."""

    media_type = MEDIA_TYPE


class UnavailableError(HTTPException):
    """Something that the service depends on is unavailable: 503 with `Retry-After`, in seconds."""

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(503, detail, {"Retry-After": str(retry_after)})


def problem(
    scope: Scope,
    status: int,
    detail: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Fault] | None = None,
) -> ProblemResponse:
    """Return the error response to the request of this ASGI scope.

    `detail` is a sentence, or any other JSON that an `HTTPException` was given.
    """
    title = _phrase(status)
    body = Problem(
        title=title,
        status=status,
        detail=detail if isinstance(detail, str) else DETAILS.get(status, title),
        instance=quote(scope["path"], safe="/:@!$&'()*+,;=~"),
        request_id=scope.get("request_id"),
        errors=list(errors) if errors else None,
    )
    content = body.model_dump(exclude_none=True)
    if detail is not None:
        content["detail"] = jsonable_encoder(detail)
    return ProblemResponse(content, status, headers=dict(headers) if headers else None)


def _phrase(status: int) -> str:
    """Return the phrase of the status, or that of its class if it is not registered."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Error" if status < FIRST_SERVER_ERROR else "Server Error"


def responses(
    *statuses: int, details: Mapping[int, str] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that document these errors, each with an example.

    `details` has the detail of an example, by status, where the usual one does not fit.
    """
    examples = EXAMPLES | dict(details or {})
    return {
        status: {
            "model": Problem,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"example": _example(status, examples.get(status))}},
        }
        for status in statuses
    }


def _example(status: int, detail: str | None) -> dict[str, Any]:
    title = _phrase(status)
    example = Problem(
        title=title,
        status=status,
        detail=detail or title,
        # `app.public.docs` knows the path of the route.
        instance="/",
        request_id="0f8fad5bd9cb469fa16570867728950e",
    )
    return example.model_dump(exclude_none=True)


def answer_errors_with_problems(app: FastAPI) -> None:
    """Respond with problem details where FastAPI handles an exception."""

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        detail: object = error.detail
        # For the request's log line: see app/identity/errors.py.
        request.scope["refused"] = getattr(error, "log_code", None)
        if not is_body_allowed_for_status_code(error.status_code):
            return Response(status_code=error.status_code, headers=error.headers)
        if detail == UNREADABLE:
            wrong = "It cannot be read: send UTF-8 JSON that is not deeply nested"
            return _invalid(request, [Fault(location="body", field="", detail=wrong)])
        # Starlette's own detail is only the name of the status.
        if detail in (None, "", _phrase(error.status_code), "Content Too Large"):
            detail = None
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and "Allow" in headers:
            headers["Allow"] = ", ".join(_methods_of(request.scope))
        return problem(request.scope, error.status_code, detail, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> ProblemResponse:
        if error.errors()[0]["loc"] == ("body",) and not _says_json(request):
            return problem(request.scope, 415)
        return _invalid(request, [_fault(fault) for fault in error.errors()])


def _invalid(request: Request, faults: Sequence[Fault]) -> ProblemResponse:
    return problem(request.scope, 422, invalid_detail(faults), errors=faults)


def invalid_detail(faults: Sequence[Fault]) -> str:
    """Return the detail of an invalid request with these faults."""
    return "; ".join(f"{fault.field or fault.location}: {fault.detail}" for fault in faults)


def _methods_of(scope: Scope) -> list[str]:
    """Return the methods that this path supports, in all routes (RFC 9110, section 15.5.6)."""
    routes = [route for route in scope["app"].routes if not isinstance(route, Mount)]
    taken = {
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    }
    if "GET" in taken:
        taken.add("HEAD")
    # A path without a route is a mounted file.
    return [method for method in METHODS if method in taken] or ["GET", "HEAD"]


def _says_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().endswith("json")


def _fault(error: Mapping[str, Any]) -> Fault:
    location, *path = error["loc"]
    # The position in a body that is not JSON is not a field.
    field = "" if error["type"] == "json_invalid" else ".".join(str(part) for part in path)
    # A pattern explains nothing to people.
    unlike = error["type"] == "string_pattern_mismatch"
    detail = "It has characters that are not allowed here" if unlike else error["msg"]
    return Fault(location=location, field=field, detail=detail)
