"""Runs what a rendered project starts, and waits until it answers."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.conftest import Project, clean_environment

STAND_IN = """
import sys, uvicorn
from dev.directory import COMMAND, docs_page
from dev.entra import StandIn
port, service = map(int, sys.argv[1:])
app = StandIn(f"http://localhost:{port}", [COMMAND, docs_page(service)]).app
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
"""
"""A program that serves the stand-in for Entra ID; its arguments are its port and the service's."""


def python_of(project: Project) -> str:
    """Return the path of an installed project's interpreter."""
    folder, suffix = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
    return str(project.path / ".venv" / folder / f"python{suffix}")


def free_ports() -> tuple[int, int]:
    """Return two free ports."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


@contextmanager
def running(project: Project, uv: str, *options: str) -> Iterator[tuple[str, int, Path]]:
    """Run `python -m dev`; yield the service's address, the stand-in's port and the log."""
    port, entra_port = free_ports()
    log = project.path.parent / "dev.log"
    ports = ["--port", str(port), "--entra-port", str(entra_port)]
    # Local sign-in must ignore these settings, and must not touch this database.
    foreign = {"API_CLIENT_ID": "x", "DATABASE_URL": "postgresql+psycopg://x@127.0.0.1:1/x"}
    with log.open("wb") as output:
        started = subprocess.Popen(
            [uv, "run", "python", "-m", "dev", *ports, *options],
            cwd=project.path,
            env=clean_environment() | foreign,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_ready(f"http://localhost:{port}", started, log)
            yield f"http://localhost:{port}", entra_port, log
        finally:
            os.killpg(started.pid, signal.SIGINT)
            assert started.wait(20) in {0, 130}


def wait_until_ready(
    service: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 60
) -> None:
    """Wait until the service is ready, at most this many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            if httpx2.get(f"{service}/health/ready", trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"The service is not ready in time:\n{log.read_text(encoding='utf-8')}")


@contextmanager
def process(
    project: Project, environment: dict[str, str], *command: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in the project until the end of the block."""
    environment = clean_environment() | environment
    started = subprocess.Popen(command, cwd=project.path, env=environment, start_new_session=True)
    try:
        yield started
    finally:
        os.killpg(started.pid, signal.SIGINT)
        started.wait(20)


def status_of(url: str) -> int:
    """Return the status of the response, or 0 if there is none."""
    try:
        return httpx2.get(url, trust_env=False).status_code
    except httpx2.TransportError:
        return 0


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition holds, at most this many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "The condition was not met in time."
        time.sleep(0.1)
