"""`python -m app.serve`: its options, and how it stops."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from types import SimpleNamespace

import httpx2
import pytest
from fastapi import WebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app import serve
from app.http.log import configure_logging
from app.serve import Server
from tests.conftest import Build
from tests.waiting import wait_until


@pytest.fixture
def server(build: Build, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Return a server that runs in a thread."""
    monkeypatch.setattr(serve, "SECONDS_TO_DRAIN", 0.5)
    # It would end the process of the tests.
    monkeypatch.setattr(serve, "end_in_time", lambda: None)
    server = Server(build(), "127.0.0.1", 0)
    thread = Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield server
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def http(server: Server) -> Iterator[httpx2.Client]:
    """Return a client of the server."""
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        wait_until(
            lambda: client.get("/health/ready").status_code == 200,
            state=lambda: client.get("/health/ready").text,
        )
        yield client


def test_after_sigterm_the_server_is_not_ready_but_still_serves(
    server: Server, http: httpx2.Client
) -> None:
    server.handle_exit(signal.SIGTERM, None)
    draining = http.get("/health/ready")
    assert draining.status_code == 503
    assert "about to stop" in draining.json()["detail"]
    wait_until(lambda: "close" in http.get("/health/live").headers.get("connection", ""), seconds=1)


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("path", ["accepted", "refused", "api/me"])
def test_log_contains_no_query_string_of_a_websocket(
    server: Server, http: httpx2.Client, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    @server.app.websocket("/accepted")
    async def accept(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")

    @server.app.websocket("/refused")
    async def refuse(socket: WebSocket) -> None:
        await socket.close()

    configure_logging("INFO", "json")
    address = f"ws://{http.base_url.netloc.decode()}/{path}?access_token=secret"
    with suppress(InvalidStatus), connect(address, proxy=None) as socket:
        assert socket.recv() == "hello"
    text = capsys.readouterr().err
    assert f'WebSocket /{path}\\"' in text
    assert "secret" not in text


def test_ctrl_c_stops_the_server_at_once(server: Server) -> None:
    server.handle_exit(signal.SIGINT, None)
    wait_until(lambda: not server.servers[0].is_serving(), seconds=0.9)


def test_command_accepts_an_address_and_exits_with_0_after_sigterm(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "app.main", SimpleNamespace(app=build()))
    monkeypatch.setattr(sys, "argv", ["serve", "--host", "127.0.0.1", "--port", "8123"])
    served = []
    monkeypatch.setattr(Server, "run", lambda server: served.append(server.config))
    before = signal.getsignal(signal.SIGTERM)
    try:
        serve.main()
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (served[0].host, served[0].port) == ("127.0.0.1", 8123)
    assert ended.value.code == 0


@pytest.mark.parametrize(
    ("headers", "over_https"),
    [
        ([("X-Forwarded-Proto", "https")], True),
        ([("X-Forwarded-Proto", "http")], False),
        ([("X-Forwarded-Proto", "https, http")], False),
        ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")], False),
        ([], False),
    ],
    ids=["https", "http", "a list", "the nearest says http", "none"],
)
def test_proxy_on_this_machine_says_whether_a_request_came_over_https(
    http: httpx2.Client, headers: list[tuple[str, str]], over_https: bool
) -> None:
    response = http.get("/health/live", headers=headers)
    assert response.status_code == 200
    assert ("strict-transport-security" in response.headers) == over_https


def test_default_is_every_address_of_both_ip_versions(build: Build) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(build(), serve.EVERY_ADDRESS, port)
    thread = Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    families = {listening.family for listening in server.servers[0].sockets}
    server.should_exit = True
    thread.join(20)
    assert families == {socket.AF_INET} | ({socket.AF_INET6} if has_ipv6() else set())


def has_ipv6() -> bool:
    """Return whether this machine has IPv6: some containers do not."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


SILENT_COLLECTOR = """
import atexit, signal, time
from types import SimpleNamespace
from app import serve
serve.SECONDS_TO_END = 0.5
atexit.register(time.sleep, 50)
app = SimpleNamespace(state=SimpleNamespace())
serve.Server(app, "127.0.0.1", 0).handle_exit(signal.SIGTERM, None)
"""


def test_process_ends_in_time_while_something_else_does_not_end() -> None:
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", SILENT_COLLECTOR], timeout=40, check=False)
    assert ended.returncode == 0
    assert time.monotonic() - started < 30
