"""Why a request is not signed in, or may not do what it asks for (RFC 6750)."""

import logging

from fastapi_azure_auth.exceptions import ForbiddenHttp, UnauthorizedHttp

log = logging.getLogger(__name__)


class NotSignedInError(UnauthorizedHttp):
    """The request has no bearer token."""

    def __init__(self) -> None:
        detail = "Sign in and send the access token as a bearer token."
        super().__init__(detail)
        # The library puts the sentence beside an error code.
        self.detail = detail


class InvalidTokenError(UnauthorizedHttp):
    """The service does not accept the token (`invalid_token`).

    `reason` goes to the log, at DEBUG; the caller learns the description only.
    """

    def __init__(
        self, reason: str, description: str = "The access token is not valid for this service."
    ) -> None:
        super().__init__(description)
        self.detail = description
        self.headers = {
            "WWW-Authenticate": f'Bearer error="invalid_token", error_description="{description}"'
        }
        log.debug("token refused", extra={"reason": reason})


class ForbiddenError(ForbiddenHttp):
    """The token is valid and does not allow this (`insufficient_scope`).

    `scope` is the one to ask for, in full. The caller learns the detail; the log, at DEBUG, also
    the remedy.
    """

    def __init__(self, detail: str, *, scope: str, remedy: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        log.debug("caller refused", extra={"reason": detail, "remedy": remedy})
