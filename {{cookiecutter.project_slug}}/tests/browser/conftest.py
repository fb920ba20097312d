"""A browser, and the service with its stand-in on ports of this machine."""

import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp

from app.factory import create_app
from app.settings import Settings
from dev.__main__ import listen
from dev.directory import docs_page
from dev.entra import StandIn
from tests.conftest import Values
from tests.missing import missing

ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    # Root, as in a container, cannot have the sandbox.
    "--no-sandbox",
    # No name but this machine's is looked up.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Return a Chromium: Playwright's own, one that is installed, or Edge on Windows."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415  may not be installed
    except ImportError:
        missing("Playwright is not installed", "run `uv sync --group browser`")
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


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(app: ASGIApp, port: int) -> Iterator[None]:
    """Serve an application on this port of localhost, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    sockets = listen(port, "--port")
    thread = Thread(target=server.run, args=(sockets,))
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        for bound in sockets:
            bound.close()


@pytest.fixture
def live(values: Values) -> Iterator[Callable[..., str]]:
    """Return a function that starts the service and a stand-in; it returns the address."""
    with ExitStack() as running:

        def start(**changes: Any) -> str:
            port, entra_port = free_port(), free_port()
            address = f"http://localhost:{entra_port}"
            stand_in = StandIn(address, [docs_page(port)])
            running.enter_context(served(stand_in.app, entra_port))
            settings = values | {"entra_authority": address} | changes
            app = create_app(Settings.model_validate(settings), entra_client={"trust_env": False})
            running.enter_context(served(app, port))
            return f"http://localhost:{port}"

        yield start
