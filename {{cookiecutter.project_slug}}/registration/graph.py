"""Microsoft Graph v1.0, with bounded retries."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from registration.aliases import Json
from registration.errors import FAILED, NOT_PERMITTED, NOT_SIGNED_IN, RegisterError
from registration.responses import ERROR, WRITTEN, content, faults

BUSY, PASSING = {429, 503, 504}, {408, 409, 500, 502}
ATTEMPTS, ATTEMPTS_WHEN_PASSING = 6, 3
PERHAPS_DONE = {408, 500, 502, 503, 504}
"""With these, the request may have been carried out and only its response lost."""
LONGEST_WAIT = 120
"""How many seconds the attempts of one request may wait in all."""
DAY = 24 * 60 * 60
NOT_FOUND = "^404 "
PROXY = "Check whether a proxy answered."


class Graph:
    """A signed-in caller of Microsoft Graph."""

    def __init__(
        self,
        http: httpx2.Client,
        host: str,
        token: str,
        tenant: str | None,
        sleep: Callable[[float], None],
    ) -> None:
        self.http, self.host, self.tenant, self.sleep = http, host, tenant, sleep
        self.headers = {"Authorization": f"Bearer {token}"}
        self.writes = 0

    def get(self, path: str, shape: Any) -> Json:
        """Read an object that exists."""
        return self.call("GET", path, shape) or {}

    def find(self, path: str, shape: Any) -> Json:
        """Read an object; return an empty one if it does not exist."""
        return self.call("GET", path, shape, ignore=NOT_FOUND) or {}

    def every(self, path: str, shape: Any) -> Iterator[Json]:
        """Read every page of a list whose items have this shape."""
        seen = set()
        while path:
            seen.add(path)
            page = self.get(path, {"value": [shape], "@odata.nextLink?": str})
            yield from page["value"]
            link = page.get("@odata.nextLink") or ""
            following = link.removeprefix(f"{self.host}/v1.0")
            if link and (following == link or following in seen):
                raise RegisterError(
                    f"GET {path}: the address of the next page is {link[:100]!r}, but should be a "
                    f"new one of {self.host}. {PROXY}"
                )
            path = following

    def call(
        self,
        method: str,
        path: str,
        shape: Any = WRITTEN,
        body: Json | None = None,
        *,
        ignore: str = "",
        prefer: str = "",
    ) -> Json | None:
        """Send a request and return the body of the response, or None if there is none.

        A failure that Microsoft Graph describes in words that match the pattern `ignore` also
        returns None; any other, and a body of another shape, raises RegisterError.
        A replica that does not know a new object yet returns 404 or 400. These are therefore tried
        again, a 400 only if this run may have written something.
        """
        headers = self.headers | ({"Prefer": prefer} if prefer else {})
        passing, waited, perhaps_done = 0, 0.0, False
        # Every request may be repeated: a PATCH and a DELETE have the same result twice, and
        # Microsoft Graph refuses a POST of what already exists, which the callers ignore.
        for attempt in range(ATTEMPTS):
            response = self.send(method, path, body, headers)
            if response.is_success:
                found = usable(response, method, path, shape)
                self.writes += method != "GET"
                return found
            status, told = response.status_code, described(response)
            if told and ignore and re.search(ignore, told):
                return None
            if method == "DELETE" and re.search(NOT_FOUND, told) and perhaps_done:
                self.writes += 1
                return None
            perhaps_done |= status in PERHAPS_DONE
            passing += status in PASSING
            unseen = {400, 404} if self.writes or perhaps_done else {404}
            wait = waiting_time(response, 2.0**attempt)
            again = status in BUSY | PASSING or (told and status in unseen)
            # Unless an attempt of this request created it, another object is in the way.
            taken = "already exists" in told and not perhaps_done
            if (
                not again
                or taken
                or passing == ATTEMPTS_WHEN_PASSING
                or attempt + 1 == ATTEMPTS
                or waited + wait > LONGEST_WAIT
            ):
                break
            self.sleep(wait)
            waited += wait
        doubt = uncertainty(method) if perhaps_done else ""
        raise self.refusal(response, f"{method} {path}", doubt)

    def send(self, method: str, path: str, body: Json | None, headers: Json) -> httpx2.Response:
        """Send a request and return the response; raise RegisterError if none arrives."""
        address = f"{self.host}/v1.0{path}"
        try:
            return self.http.request(method, address, json=body, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise RegisterError(
                f"{method} {path}: {self.host} did not answer ({error}). "
                f"Check the network and any proxy.{uncertainty(method)}"
            ) from None

    def refusal(self, response: httpx2.Response, request: str, doubt: str) -> RegisterError:
        """Return the error for a request that failed."""
        status, told = response.status_code, described(response)
        unknown = f"{status} without an error message from Microsoft Graph. {PROXY}"
        remedy = self.remedy(response) if told or challenged(response) else ""
        text = f"{request} failed: {told or unknown}{doubt}{remedy}"
        kinds = {401: NOT_SIGNED_IN, 403: NOT_PERMITTED}
        return RegisterError(text, kinds.get(status, FAILED) if told or remedy else FAILED)

    def remedy(self, response: httpx2.Response) -> str:
        """Return what to do about a failure that Microsoft Graph itself reported."""
        if response.status_code in BUSY | PASSING:
            wait = waiting_time(response, 0)
            when = f"in {wait:.0f} seconds" if LONGEST_WAIT < wait < DAY else "later"
            return f"\nMicrosoft Graph is busy or failing. Run this command again {when}."
        if response.status_code != httpx2.codes.UNAUTHORIZED:
            return ""
        sign_in = "az login --allow-no-subscriptions"
        if self.tenant:
            sign_in += f" --tenant {self.tenant}"
        reason = ""
        if challenged(response):
            reason = "Conditional Access requires a new sign-in. "
            # Without the scope, Entra ID would apply only the policies of Azure itself.
            sign_in += f" --scope {self.host}/.default"
            claims = re.search(r'\bclaims="([\w+/=-]+)"', challenge(response), re.ASCII)
            sign_in += f" --claims-challenge {claims[1]}" if claims else ""
        return f"\n{reason}Run `{sign_in}`, then run this command again."


def usable(response: httpx2.Response, method: str, path: str, shape: Any) -> Json | None:
    """Return the body of a successful response; only a GET needs one."""
    if method != "GET" and response.status_code == httpx2.codes.NO_CONTENT:
        return None
    found = content(response)
    for fault in faults(found, shape):
        raise RegisterError(
            f"{method} {path}: the response with status {response.status_code} cannot be used: "
            f"{fault}. {PROXY}{uncertainty(method)}"
        )
    body: Json = found
    return body


def uncertainty(method: str) -> str:
    """Return what to add to a message about a request whose result is unknown."""
    return "" if method == "GET" else "\nThe request may have been carried out."


def described(response: httpx2.Response) -> str:
    """Return the status, the code and the message of an error, or "" if another program answered."""
    found = content(response)
    if any(faults(found, ERROR)):
        return ""
    return f"{response.status_code} {found['error']['code']}: {found['error']['message']}"


def challenge(response: httpx2.Response) -> str:
    """Return how Microsoft Graph asks for another token."""
    return str(response.headers.get("WWW-Authenticate", ""))


def challenged(response: httpx2.Response) -> bool:
    """Whether a sign-in has to satisfy a policy first."""
    return "insufficient_claims" in challenge(response)


def waiting_time(response: httpx2.Response, otherwise: float) -> float:
    """Return the seconds that `Retry-After` asks for, or `otherwise` if it cannot be read."""
    told = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", told):
        return float(told)
    try:
        until = parsedate_to_datetime(told)
        # -0000 means UTC, but Python returns a date without a zone.
        until = until.replace(tzinfo=until.tzinfo or UTC)
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    except (OverflowError, ValueError):
        return otherwise
