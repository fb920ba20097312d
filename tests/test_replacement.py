"""A rolling restart, or a release with a migration, loses no request under load behind a proxy."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from itertools import chain
from pathlib import Path

import httpx2
import pytest

from tests import note
from tests.conftest import AGENTS, Project, clean_environment, render
from tests.postgresql import Cluster, cluster
from tests.running import STAND_IN, free_ports, process, status_of, wait_until

__all__ = ["cluster"]

pytestmark = pytest.mark.slow

SERVE = os.environ.get("SERVE", "python -m app.serve").split()
"""The command that starts the service; SERVE="uvicorn app.main:app" shows what uvicorn loses."""
CLIENTS = 16
AT_LEAST = 5_000
SECONDS_FOR_ALL = 120
GRACE = 30
"""The seconds from SIGTERM to SIGKILL, as in Kubernetes and Container Apps."""
PROBE_EVERY = 1.0

TOOL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_todos","arguments":{"limit":5}}}'
CALL = f"Content-Length: {len(TOOL)}\r\n\r\n{TOOL}"
"""The end of a request that calls a tool, as agents do."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def message(reader: asyncio.StreamReader) -> bytes:
    """Read a request or a response, whose body has a `Content-Length`."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


def keeps_alive(response: bytes) -> bool:
    """Return whether the connection can be used again."""
    return b"\r\nconnection: close\r\n" not in response.lower()


class Proxy:
    """A proxy that reuses connections, probes readiness, and repeats no request."""

    def __init__(self) -> None:
        self.idle: dict[int, list[Stream]] = {}
        self.ready: list[int] = []
        self.fewest_ready = 0
        self.lost: list[str] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listen on a port and probe readiness until the end of the block; yield the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        probing = asyncio.create_task(self._probe())
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            probing.cancel()
            server.close()
            for _, writer in chain(*self.idle.values()):
                writer.close()
            # The event loop closes them a moment later.
            await asyncio.sleep(0.1)

    async def _probe(self) -> None:
        while True:
            for port in list(self.idle):
                fit = await asyncio.to_thread(status_of, f"http://127.0.0.1:{port}/health/ready")
                if fit == 200 and port not in self.ready:
                    self.ready.append(port)
                elif fit != 200 and port in self.ready:
                    self.ready.remove(port)
                self.fewest_ready = min(self.fewest_ready, len(self.ready))
            await asyncio.sleep(PROBE_EVERY)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await message(reader)
                try:
                    writer.write(await self._forwarded(request))
                except (OSError, EOFError) as error:
                    self.lost.append(repr(error))
                    writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def _forwarded(self, request: bytes) -> bytes:
        # In turn, so that every process has idle connections.
        self.ready.append(port := self.ready.pop(0))
        idle = self.idle[port]
        stream = idle.pop(0) if idle else await asyncio.open_connection("127.0.0.1", port)
        stream[1].write(request)
        response = await message(stream[0])
        if keeps_alive(response):
            idle.append(stream)
        else:
            stream[1].close()
        return response


class Load:
    """Clients that use the service without pause."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        head = f"HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        body = '{"title": "milk"}'
        typed = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        call = f"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n{CALL}"
        self.requests = [
            (f"POST /api/todos {head}{typed}".encode(), b"201"),
            (f"GET /api/todos?limit=5 {head}\r\n".encode(), b"200"),
            (f"GET /api/me {head}\r\n".encode(), b"200"),
            (f"POST /mcp {head}{call}".encode(), b"200"),
        ]
        self.enough = False
        self.answered = 0
        self.failed: list[bytes] = []

    async def client(self) -> None:
        """Send requests until there are enough."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while not self.enough:
            for request, status in self.requests:
                writer.write(request)
                response = await message(reader)
                self.answered += 1
                if response.split(b" ", 2)[1] != status or b'"isError":true' in response:
                    self.failed.append(response)
        writer.close()


@pytest.fixture
def project(tmp_path: Path, uv: str) -> Project:
    """Return the default variant, with tools for agents, installed."""
    project = render(tmp_path, AGENTS["single-tenant, roles, database, agents"])
    project.run(uv, "sync", "--locked")
    return project


@pytest.fixture
def service(project: Project, cluster: Cluster, uv: str) -> Iterator["Service"]:
    """Return the service with a stand-in and a migrated database, but no process yet."""
    # Only at this level does the log mention connections that a client dropped.
    cluster.configure("log_min_messages", "debug1")
    with ExitStack() as stack:
        yield Service(project, cluster, uv, stack)


class Service:
    """The service; a test starts as many processes as it needs."""

    def __init__(self, project: Project, cluster: Cluster, uv: str, stack: ExitStack) -> None:
        self.project, self.stack = project, stack
        port, entra_port = free_ports()
        self.environment = {
            "ENTRA_TENANT_ID": "c0000000-0000-4000-8000-00000000c050",
            "API_CLIENT_ID": "a9100000-0000-4000-8000-000000000001",
            "ENTRA_AUTHORITY": f"http://localhost:{entra_port}",
            "DOCS_ENABLED": "false",
            "LOG_LEVEL": "WARNING",
            "DATABASE_URL": cluster.url,
            "PUBLIC_URL": "http://localhost",
        }
        self.migrate(project.path)
        run = [uv, "run", "python"]
        stack.enter_context(process(project, {}, *run, "-c", STAND_IN, str(entra_port), str(port)))
        ask = ["-m", "dev", "token", "--as", "bob", "--entra-port", str(entra_port)]
        wait_until(lambda: status_of(f"http://localhost:{entra_port}/x") != 0, 30)
        self.token = project.run(*run, *ask).strip()

    def program(self, name: str) -> Path:
        """Return the path of a program that is installed with the project."""
        return self.project.path / ".venv" / "bin" / name

    def migrate(self, version: Path) -> None:
        """Migrate the database to the newest revision of a version of the project."""
        command = [str(self.program("alembic")), "upgrade", "head"]
        environment = clean_environment() | self.environment
        subprocess.run(command, cwd=version, env=environment, check=True)

    def start(self, version: Path | None = None) -> tuple[int, subprocess.Popen[bytes]]:
        """Start a process and wait until it is ready; return its port and the process."""
        port = free_ports()[0]
        started = subprocess.Popen(
            [self.program(SERVE[0]), *SERVE[1:], "--port", str(port)],
            cwd=version or self.project.path,
            env=clean_environment() | self.environment,
            start_new_session=True,
        )
        self.stack.callback(started.wait)
        self.stack.callback(started.kill)
        wait_until(lambda: status_of(f"http://127.0.0.1:{port}/health/ready") == 200, 30)
        return port, started


async def replaced(service: Service, version: Path | None = None) -> tuple[Proxy, Load, list[int]]:
    """Replace two processes in turn under load, after the migration of a new version, if any.

    Return the proxy, the load and exit statuses.
    """
    proxy, statuses = Proxy(), []
    old = [await asyncio.to_thread(service.start) for _ in range(2)]
    proxy.idle = {port: [] for port, _ in old}
    proxy.ready = list(proxy.idle)
    proxy.fewest_ready = len(proxy.ready)
    async with proxy.listening() as port, asyncio.timeout(SECONDS_FOR_ALL):
        load = Load(port, service.token)
        clients = [asyncio.create_task(load.client()) for _ in range(CLIENTS)]
        await asyncio.sleep(2)
        if version:
            await asyncio.to_thread(service.migrate, version)
            # For a while, only old processes use the new table.
            await asyncio.sleep(3 * PROBE_EVERY)
            assert sorted(proxy.ready) == sorted(port for port, _ in old)
        for _, leaving in old:
            joining, _ = await asyncio.to_thread(service.start, version)
            proxy.idle[joining] = []
            await asyncio.sleep(2 * PROBE_EVERY)
            leaving.send_signal(signal.SIGTERM)
            statuses.append(await asyncio.to_thread(leaving.wait, GRACE))
        while load.answered < AT_LEAST:
            await asyncio.sleep(0.1)
        load.enough = True
        await asyncio.gather(*clients)
    return proxy, load, statuses


def test_rolling_restart_loses_no_request(service: Service, cluster: Cluster) -> None:
    proxy, load, statuses = asyncio.run(replaced(service))
    print(f"{len(load.failed)} of {load.answered} requests failed; exit statuses {statuses}")
    assert not proxy.lost, set(proxy.lost)
    assert not load.failed, set(load.failed)
    assert load.answered >= AT_LEAST
    assert statuses == [0, 0]
    assert "unexpected EOF on client connection" not in cluster.log()


def test_release_with_a_new_column_loses_no_request(
    service: Service, cluster: Cluster, tmp_path: Path
) -> None:
    version = tmp_path / "new version"
    shutil.copytree(service.project.path, version, ignore=shutil.ignore_patterns(".venv", ".git"))
    note.apply_edits(version, note.EDITS)
    proxy, load, statuses = asyncio.run(replaced(service, version))
    print(f"{len(load.failed)} of {load.answered} requests failed; exit statuses {statuses}")
    print(f"At least {proxy.fewest_ready} processes were ready")
    assert not proxy.lost, set(proxy.lost)
    assert not load.failed, set(load.failed)
    assert load.answered >= AT_LEAST
    assert proxy.fewest_ready >= 1
    assert statuses == [0, 0]
    assert "unexpected EOF on client connection" not in cluster.log()
    port = proxy.ready[-1]
    created = httpx2.post(
        f"http://127.0.0.1:{port}/api/todos",
        json={"title": "milk", "note": "oat"},
        headers={"Authorization": f"Bearer {service.token}"},
        trust_env=False,
    )
    assert created.json()["note"] == "oat"


def test_sigterm_lets_requests_finish_and_closes_idle_connections(service: Service) -> None:
    port, running = service.start()
    body = b'{"title": "slow"}'
    with (
        socket.create_connection(("127.0.0.1", port), timeout=GRACE) as slow,
        socket.create_connection(("127.0.0.1", port), timeout=GRACE) as idle,
    ):
        idle.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert until(idle, b'{"status":"ok"}').startswith(b"HTTP/1.1 200")
        slow.sendall(
            b"POST /api/todos HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer " + service.token.encode() + b"\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body[:5]
        )
        told = time.monotonic()
        running.send_signal(signal.SIGTERM)
        wait_until(lambda: status_of(f"http://127.0.0.1:{port}/health/ready") == 503, 2)
        assert status_of(f"http://127.0.0.1:{port}/health/live") == 200

        assert idle.recv(4096) == b""
        slow.sendall(body[5:])
        assert until(slow, b"").startswith(b"HTTP/1.1 201")
    assert running.wait(GRACE) == 0
    assert time.monotonic() - told < GRACE


def until(connection: socket.socket, end: bytes) -> bytes:
    """Read until the response ends with `end`; if that is empty, until the connection is closed."""
    read = b""
    while part := connection.recv(4096):
        read += part
        if end and read.endswith(end):
            break
    return read


def test_sigterm_during_the_start_stops_the_process(service: Service) -> None:
    program = service.project.path / ".venv" / "bin" / "python"
    starting = subprocess.Popen(
        [program, "-m", "app.serve", "--port", str(free_ports()[0])],
        cwd=service.project.path,
        env=clean_environment() | service.environment,
    )
    time.sleep(0.3)
    starting.send_signal(signal.SIGTERM)
    assert starting.wait(GRACE) in {0, -signal.SIGTERM}
