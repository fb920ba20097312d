"""Microsoft Graph v1.0, with bounded retries."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from registration.aliases import Json
from registration.errors import FAILED, NOT_PERMITTED, NOT_SIGNED_IN, RegisterError

BUSY, PASSING = {429, 503, 504}, {408, 409, 500, 502}
ATTEMPTS, ATTEMPTS_WHEN_PASSING = 6, 3
PERHAPS_DONE = {408, 500, 502, 503, 504}
"""With these, the request may have been carried out and only its answer lost."""
LONGEST_WAIT = 120
PROXY = "Check whether a proxy answered."


class Graph:
    """A signed-in caller of Microsoft Graph."""

    def __init__(
        self, http: httpx2.Client, host: str, token: str, sleep: Callable[[float], None]
    ) -> None:
        self.http, self.host, self.sleep = http, host, sleep
        self.headers = {"Authorization": f"Bearer {token}"}
        self.writes = 0

    def get(self, path: str) -> Json:
        """Read an object that exists."""
        return self.call("GET", path) or {}

    def find(self, path: str) -> Json:
        """Read an object; return an empty one if it does not exist."""
        return self.call("GET", path, ignore="404 ") or {}

    def every(self, path: str) -> Iterator[Json]:
        """Read every page of a list."""
        while path:
            page = self.get(path)
            if not isinstance(page.get("value"), list):
                raise RegisterError(f"GET {path}: the answer contains no list. {PROXY}")
            yield from page["value"]
            path = page.get("@odata.nextLink", "").removeprefix(f"{self.host}/v1.0")

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        ignore: str = "",
        prefer: str = "",
    ) -> Json | None:
        """Send a request and return the body of the answer, or None if it is empty.

        A failure whose message contains `ignore` also returns None; any other raises RegisterError.
        A replica that does not know a new object yet answers 404 or 400. These are therefore tried
        again, a 400 only if this run has written something.
        """
        headers = self.headers | ({"Prefer": prefer} if prefer else {})
        unseen = {400, 404} if self.writes else {404}
        passing, perhaps_done = 0, False
        for attempt in range(ATTEMPTS):
            try:
                answer = self.http.request(
                    method, f"{self.host}/v1.0{path}", json=body, headers=headers
                )
            except httpx2.HTTPError as error:
                raise RegisterError(
                    f"{method} {path}: {self.host} did not answer ({error}). "
                    "Check the network and any proxy."
                ) from None
            if answer.is_success:
                found = content(answer, method, path)
                self.writes += method != "GET"
                return found
            if ignore and ignore in failure(answer):
                return None
            status = answer.status_code
            if method == "DELETE" and status == httpx2.codes.NOT_FOUND and perhaps_done:
                self.writes += 1
                return None
            perhaps_done |= status in PERHAPS_DONE
            passing += status in PASSING
            wait = waiting_time(answer, 2.0**attempt)
            again = passing < ATTEMPTS_WHEN_PASSING and status in BUSY | PASSING | unseen
            if not again or attempt + 1 == ATTEMPTS or wait > LONGEST_WAIT:
                break
            self.sleep(wait)
        raise refusal(answer, method, path)


def content(answer: httpx2.Response, method: str, path: str) -> Json | None:
    """Return the body of a successful answer; only a GET needs one."""
    if method != "GET" and not answer.content:
        return None
    try:
        body: Any = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RegisterError(
            f"{method} {path}: expected a JSON object, but got something else (status "
            f"{answer.status_code}). {PROXY}"
        )
    return body


def refusal(answer: httpx2.Response, method: str, path: str) -> RegisterError:
    """Return the error for a request that failed."""
    kinds = {401: NOT_SIGNED_IN, 403: NOT_PERMITTED}
    text = f"{method} {path} failed: {failure(answer)}{advice(answer)}"
    return RegisterError(text, kinds.get(answer.status_code, FAILED))


def failure(answer: httpx2.Response) -> str:
    """Return the status, the code and the message of an error of Microsoft Graph."""
    try:
        error = answer.json()["error"]
        return f"{answer.status_code} {error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} without an error message from Microsoft Graph. {PROXY}"


def advice(answer: httpx2.Response) -> str:
    """Return how to sign in again, if Microsoft Graph sent a claims challenge."""
    challenge = answer.headers.get("WWW-Authenticate", "")
    claims = re.search(r'\bclaims="([\w+/=-]+)"', challenge, re.ASCII)
    if not claims or answer.status_code != httpx2.codes.UNAUTHORIZED:
        return ""
    return (
        "\nYour tenant requires you to sign in again. Run "
        f"`az login --claims-challenge {claims[1]}`, then run this command again."
    )


def waiting_time(answer: httpx2.Response, otherwise: float) -> float:
    """Return the seconds that `Retry-After` asks for, or `otherwise` if it cannot be read."""
    told = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", told):
        return float(told)
    try:
        until = parsedate_to_datetime(told)
    except ValueError:
        return otherwise
    # -0000 means UTC, but Python returns a date without a zone.
    until = until.replace(tzinfo=until.tzinfo or UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
