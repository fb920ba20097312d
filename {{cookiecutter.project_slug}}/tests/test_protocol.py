"""Limits on the size and the duration of requests, over real connections."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Thread

import httpx2
import pytest
from fastapi import APIRouter, Request, WebSocket
from websockets.sync.client import connect

from app import protocol
from app.serve import Server
from tests.conftest import Build
from tests.waiting import wait_until

router = APIRouter()


@router.post("/length")
async def length(request: Request) -> int:
    """Return the length of the body."""
    return len(await request.body())


@router.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Send back the first message."""
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())


@pytest.fixture
def port(build: Build) -> Iterator[int]:
    """Return the port of a server that runs in a thread."""
    server = Server(build(routers=[router]), "127.0.0.1", 0)
    thread = Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give clients less time than in production."""
    monkeypatch.setattr(protocol, "SECONDS_TO_RECEIVE", 0.4)


Talk = Callable[..., bytes]


@pytest.fixture
def talk(port: int) -> Talk:
    """Return a function that sends a request in parts and returns everything it receives."""

    def talked(*parts: bytes, pause: float = 0.0) -> bytes:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection:
            received = b""
            try:
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)
                while chunk := connection.recv(65536):
                    received += chunk
            except ConnectionError:
                # The server has closed the connection.
                pass
            return received

    return talked


HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
POST = (
    b"POST /length HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 30\r\n\r\n"
)


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        HEAD + b"X: y\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["long header", "many headers", "long request line"],
)
@pytest.mark.parametrize("parts", [1, 2, 10])
def test_head_over_the_limit_is_refused(talk: Talk, head: bytes, parts: int) -> None:
    size = len(head) // parts + 1
    pieces = [head[start : start + size] for start in range(0, len(head), size)]
    response = talk(*pieces, pause=0.01)
    assert not response or response.startswith(b"HTTP/1.1 431 "), response


def test_endless_head_is_refused(talk: Talk) -> None:
    response = talk(HEAD, b"X: ", *[b"x" * 10_000] * 100)
    assert not response or response.startswith(b"HTTP/1.1 431 "), response


def test_long_head_within_the_limit_is_served(talk: Talk) -> None:
    response = talk(HEAD + b"X: " + b"x" * 60_000 + b"\r\n", b"\r\n", pause=0.05)
    assert response.startswith(b"HTTP/1.1 200 ")


def test_probes_are_answered_while_clients_send_endless_heads(port: int, talk: Talk) -> None:
    parts = [HEAD, b"X: ", *[b"x" * 1_000_000] * 100]
    with ThreadPoolExecutor() as clients:
        floods = [clients.submit(talk, *parts) for _ in range(4)]
        slowest = 0.0
        with httpx2.Client(trust_env=False) as client:
            for _ in range(20):
                started = time.monotonic()
                assert client.get(f"http://127.0.0.1:{port}/health/live").status_code == 200
                slowest = max(slowest, time.monotonic() - started)
        assert all(len(flood.result()) < 1000 for flood in floods)
    assert slowest < 2


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "part",
    [b"", b"GET", HEAD, POST, POST + b"x" * 29],
    ids=["nothing", "method", "incomplete head", "head without a body", "incomplete body"],
)
def test_request_that_never_completes_times_out(talk: Talk, part: bytes) -> None:
    started = time.monotonic()
    response = talk(part)
    assert 0.3 < time.monotonic() - started < 2
    assert response.startswith(b"HTTP/1.1 408 ") or (part == response == b"")


@pytest.mark.usefixtures("impatient")
def test_slow_but_steady_body_is_served(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "BYTES_PER_SECOND", 10)
    response = talk(POST + b"x" * 10, b"x" * 10, b"x" * 10, pause=0.25)
    assert response.startswith(b"HTTP/1.1 200 ")
    assert response.endswith(b"30")


def test_pipelined_requests_are_all_served(talk: Talk) -> None:
    pipelined = HEAD.replace(b"Connection: close\r\n", b"") + b"\r\n"
    response = talk(pipelined * 3 + HEAD + b"\r\n")
    assert response.count(b"HTTP/1.1 200 ") == 4


@pytest.mark.usefixtures("impatient")
def test_websocket_outlives_the_time_limit_for_requests(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/echo", proxy=None) as connection:
        time.sleep(0.8)
        connection.send("still here")
        assert connection.recv() == "still here"
