"""Visiting the docs page: what a person does there, and what must never be seen."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit


@contextmanager
def until_closed(picker: Any) -> Iterator[Any]:
    """Wait for the account picker to close after the last action in it."""
    from playwright.sync_api import Error  # noqa: PLC0415  may not be installed

    with picker.expect_event("close"):
        try:
            yield picker
        except Error as error:
            # The page may be gone before the browser has confirmed the key.
            if "has been closed" not in error.message:
                raise


class Visit:
    """A browser of its own on the docs page of a service, and all that it sent and said."""

    def __init__(self, chromium: Any, service: str, **browser: Any) -> None:
        self.service = service
        self.context = chromium.new_context(**browser)
        self.context.set_default_timeout(15_000)
        self.requests: list[str] = []
        self.token_responses: list[Any] = []
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.context.on("response", self._note_token)
        self.context.on("console", self._note_complaint)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page = self.open_docs()

    def open_docs(self) -> Any:
        """Open the docs page in a new tab; return the tab."""
        page = self.context.new_page()
        page.goto(f"{self.service}/docs")
        page.locator(".btn.authorize").wait_for()
        return page

    def open_dialog(self) -> Any:
        """Press Authorize; return the dialog."""
        self.page.locator(".scheme-container .btn.authorize").click()
        return self.page.get_by_role("dialog", name="Sign in")

    def open_picker(self, page: Any = None) -> Any:
        """Press Authorize, and again in the dialog; return the account picker's page."""
        page = page or self.page
        page.locator(".btn.authorize").click()
        with self.context.expect_page() as opened:
            page.locator(".modal-ux .btn.authorize").click()
        opened.value.get_by_role("heading", name="Pick an account").wait_for()
        return opened.value

    def says(self, text: str, page: Any = None) -> None:
        """Wait until the page says this about who is signed in, to screen readers too."""
        status = (page or self.page).get_by_role("status")
        if text:
            status.filter(has_text=text).wait_for()
        else:
            status.and_((page or self.page).locator(":empty")).wait_for(state="attached")

    def sign_in(self, person: str) -> None:
        """Sign in as this person, and close the dialog."""
        with until_closed(self.open_picker()) as picker:
            picker.get_by_role("button", name=f"{person}@").click()
        self.is_signed_in()

    def is_signed_in(self) -> None:
        """Wait until the page shows that somebody is signed in, and close the dialog."""
        self.page.locator(".modal-ux button", has_text="Logout").wait_for()
        self.page.locator(".modal-ux .btn-done").click()

    def log_out(self) -> None:
        """Forget the token."""
        self.page.locator(".btn.authorize").click()
        self.page.locator(".modal-ux button", has_text="Logout").click()
        self.page.locator(".modal-ux .btn-done").click()

    def execute(self, operation: str, *, body: object = None, **parameters: str) -> tuple[int, Any]:
        """Try an operation out; return the status and the body that the page shows."""
        block = self.page.locator(f".opblock[id$='-{operation}']")
        if "is-open" not in block.get_attribute("class"):
            block.locator(".opblock-summary-control").click()
            block.locator(".try-out__btn").click()
        if body is not None:
            block.locator("textarea.body-param__text").fill(json.dumps(body))
        for name, value in parameters.items():
            block.locator(f"tr[data-param-name={name}] input").fill(value)
        with self.page.expect_response(lambda response: "/api/" in response.url) as received:
            block.locator(".btn.execute").click()
        response = received.value
        shown = block.locator(".live-responses-table .response .response-col_status").first
        shown.filter(has_text=str(response.status)).wait_for()
        return response.status, (response.json() if response.status != 204 else None)

    def ends_well(self, log: str) -> None:
        """Check what must hold for every visit, and close it."""
        questions = [parse_qs(urlsplit(url).query) for url in self.requests if "/authorize?" in url]
        for question in questions:
            assert question["code_challenge_method"] == ["S256"]
            assert re.fullmatch(r"[\w-]{43}", question["code_challenge"][0])
            assert question["state"][0]
            assert "client_secret" not in question
        assert {urlsplit(url).hostname for url in self.requests} <= {"localhost", None}
        assert self.complaints == []

        kept = json.dumps(self.context.storage_state())
        assert self.page.evaluate("indexedDB.databases()") == []
        for token in (response.json()["access_token"] for response in self.token_responses):
            for place in (*self.requests, self.page.url, kept, log):
                assert token not in place
                assert token.rpartition(".")[2] not in place
        self.context.close()

    def _note_token(self, response: Any) -> None:
        if response.url.endswith("/oauth2/v2.0/token") and response.request.method == "POST":
            self.token_responses.append(response)

    def _note_complaint(self, message: Any) -> None:
        # The browser reports every error response; the tests provoke those of the API.
        expected = "Failed to load resource" in message.text and "/api/" in message.location["url"]
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(message.text)
