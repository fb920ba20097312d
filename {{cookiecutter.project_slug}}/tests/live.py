"""The service and a stand-in, served on local ports."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from starlette.types import ASGIApp

from app.factory import create_app
from app.settings import Settings
from dev.__main__ import listen
from dev.directory import docs_page
from dev.entra import StandIn
from tests.waiting import wait_until


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(app: ASGIApp, port: int) -> Iterator[None]:
    """Serve an application on a port of localhost, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    sockets = listen(port, "--port")
    thread = Thread(target=server.run, args=(sockets,))
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
        for bound in sockets:
            bound.close()


@pytest.fixture
def live(values: dict[str, Any]) -> Iterator[Callable[..., str]]:
    """Return a function that starts a stand-in and the service, whose address it returns."""
    with ExitStack() as running:

        def start(stand_in: StandIn | None = None, **changes: Any) -> str:
            port = free_port()
            if stand_in is None:
                stand_in = StandIn(f"http://localhost:{free_port()}", [docs_page(port)])
            entra_port = urlsplit(stand_in.address).port
            running.enter_context(served(stand_in.app, entra_port or 0))
            settings = values | {"entra_authority": stand_in.address} | changes
            app = create_app(Settings.model_validate(settings), entra_client={"trust_env": False})
            running.enter_context(served(app, port))
            return f"http://localhost:{port}"

        yield start
