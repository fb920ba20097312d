"""The errors of a request that is not authenticated, or not allowed (RFC 6750)."""

import logging

from fastapi_azure_auth.exceptions import ForbiddenHttp, UnauthorizedHttp

log = logging.getLogger(__name__)


class NotSignedInError(UnauthorizedHttp):
    """The request has no bearer token."""

    log_code = "no_token"

    def __init__(self) -> None:
        detail = "Sign in and send the access token as a bearer token."
        super().__init__(detail)
        # The library adds an error code to the sentence.
        self.detail = detail


class InvalidTokenError(UnauthorizedHttp):
    """The service does not accept the token (`invalid_token`).

    The request's log line contains `code`, and `reason` is logged at DEBUG; the caller receives only
    the description.
    """

    def __init__(
        self,
        code: str,
        reason: str,
        description: str = "The access token is not valid for this service.",
    ) -> None:
        super().__init__(description)
        self.log_code = code
        self.detail = description
        self.headers = {
            "WWW-Authenticate": f'Bearer error="invalid_token", error_description="{description}"'
        }
        log.debug("token refused", extra={"reason": reason})


class ForbiddenError(ForbiddenHttp):
    """The token is valid, but does not allow this (`insufficient_scope`).

    `scope` is the full scope to request. The caller receives the detail; the request's
    log line contains `code`, and the remedy is logged at DEBUG.
    """

    def __init__(self, code: str, detail: str, *, scope: str, remedy: str) -> None:
        super().__init__(detail)
        self.log_code = code
        self.detail = detail
        self.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        log.debug("caller refused", extra={"reason": detail, "remedy": remedy})
