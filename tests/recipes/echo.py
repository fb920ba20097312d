"""A WebSocket of a running service, opened by a page and by a program."""

import socket
from collections.abc import Callable
from typing import NamedTuple

import pytest
from dev.directory import COMMAND
from dev.entra import StandIn
from dev.token import fetch_token
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol


class Running(NamedTuple):
    """A running service."""

    url: str
    entra_port: int

    def token_of(self, name: str) -> str:
        """Return an access token of a person."""
        return str(fetch_token(name, self.entra_port))


@pytest.fixture
def running(live: Callable[..., str]) -> Running:
    """Start the service."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = live(StandIn(f"http://localhost:{port}", [COMMAND]))
    return Running(service.replace("http:", "ws:") + "/api/echo", port)


def test_page_sends_the_token_as_a_subprotocol(running: Running) -> None:
    offered = [Subprotocol("bearer"), Subprotocol(running.token_of("bob"))]
    with connect(running.url, subprotocols=offered, proxy=None) as connection:
        assert connection.subprotocol == "bearer"
        connection.send("hello")
        assert connection.recv() == "Bob: hello"


def test_program_sends_the_token_as_a_header(running: Running) -> None:
    headers = {"Authorization": f"Bearer {running.token_of('bob')}"}
    with connect(running.url, additional_headers=headers, proxy=None) as connection:
        assert connection.subprotocol is None
        connection.send("hello")
        assert connection.recv() == "Bob: hello"


@pytest.mark.parametrize(
    ("name", "suffix", "status"),
    [("gita", "", 403), ("bob", "x", 401)],
    ids=["guest", "changed signature"],
)
def test_handshake_is_refused(running: Running, name: str, suffix: str, status: int) -> None:
    offered = [Subprotocol("bearer"), Subprotocol(running.token_of(name) + suffix)]
    with pytest.raises(InvalidStatus) as refused:
        connect(running.url, subprotocols=offered, proxy=None)
    assert refused.value.response.status_code == status


def test_handshake_without_a_token_is_refused(running: Running) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(running.url, proxy=None)
    assert refused.value.response.status_code == 401
