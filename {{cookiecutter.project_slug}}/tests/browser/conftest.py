"""A browser."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.browser.visit import Visit
from tests.missing import missing

ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    # Root, as in a container, cannot have the sandbox.
    "--no-sandbox",
    # Only localhost is resolved.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Return a Chromium: Playwright's own, one that is installed, or Edge on Windows."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415  may not be installed
    except ImportError:
        missing("Playwright is not installed", "run `uv sync --inexact --group browser`")
    with sync_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, NAMES)), None)
        if Path(playwright.chromium.executable_path).exists():
            browser = playwright.chromium.launch(args=ARGUMENTS)
        elif installed:
            browser = playwright.chromium.launch(executable_path=installed, args=ARGUMENTS)
        elif sys.platform == "win32":
            browser = playwright.chromium.launch(channel="msedge", args=ARGUMENTS)
        else:
            missing("There is no browser", "run `uv run playwright install chromium`")
        yield browser
        browser.close()


@pytest.fixture
def visit(
    chromium: Any, live: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens the docs page; what happened there is checked at the end.

    `browser` has the options of the browser's context, such as its window's size.
    """
    visits = []

    def start(
        service: str | None = None, browser: Mapping[str, Any] | None = None, **changes: Any
    ) -> Visit:
        visits.append(Visit(chromium, service or live(**changes), **(browser or {})))
        return visits[-1]

    yield start
    for each in visits:
        each.ends_well(caplog.text)
