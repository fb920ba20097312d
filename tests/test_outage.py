"""PostgreSQL is stopped hard and started again while people write: nothing acknowledged is lost."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest

from tests.conftest import VARIANTS, Project, clean_environment, render
from tests.missing import missing
from tests.test_variants import free_ports

pytestmark = pytest.mark.slow

WRITERS = 8
SECONDS_BEFORE, SECONDS_AWAY, SECONDS_AFTER = 1.5, 3.0, 6.0
ANSWER_WITHIN = 5.0

STAND_IN = """
import sys, uvicorn
from dev.directory import COMMAND, docs_page
from dev.entra import StandIn
port, service = map(int, sys.argv[1:])
app = StandIn(f"http://localhost:{port}", [COMMAND, docs_page(service)]).app
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
"""


class Cluster:
    """A PostgreSQL of this test, which can be stopped as by a power cut."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self.programs, self.data, self.port = programs, folder / "data", port
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)
        self._run("initdb", "-D", self.data, "-U", "test", "--auth=trust", "-E", "UTF8")
        options = f"listen_addresses=127.0.0.1 port={port} unix_socket_directories="
        self.options = " ".join(f"-c {option}" for option in options.split())

    @property
    def url(self) -> str:
        """The URL of the database."""
        return f"postgresql+psycopg://test:none@127.0.0.1:{self.port}/postgres"  # pragma: allowlist secret

    def configure(self, name: str, value: str) -> None:
        """Set a parameter of the running server."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"{name} = '{value}'\n")
        self._run("pg_ctl", "-D", self.data, "reload")

    def log(self) -> str:
        """Return what the server has written to its log."""
        return (self.data.parent / "log").read_text(encoding="utf-8")

    def start(self) -> None:
        """Start, and wait until connections are taken."""
        log = self.data.parent / "log"
        self._run("pg_ctl", "-D", self.data, "-l", log, "-w", "-o", self.options, "start")

    def stop_hard(self) -> None:
        """Stop at once, without a checkpoint; what follows is recovery from the log."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self.programs / program), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, user=self.user, cwd="/")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Return a running PostgreSQL; skip the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        missing("there is no PostgreSQL: install it (Debian: apt install postgresql)")
    programs = Path(on_path).parent if on_path else found[-1].parent
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        cluster = Cluster(programs, Path(folder), free_ports()[0])
        cluster.start()
        yield cluster
        cluster.stop_hard()


@contextmanager
def process(
    project: Project, environment: dict[str, str], *command: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in the project until the end of the block."""
    environment = clean_environment() | environment
    running = subprocess.Popen(command, cwd=project.path, env=environment, start_new_session=True)
    try:
        yield running
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.wait(20)


class Probe(threading.Thread):
    """Asks for something again and again, and notes when each answer came, and which."""

    def __init__(self, service: str, headers: dict[str, str], path: str) -> None:
        super().__init__(daemon=True)
        self.http = httpx2.Client(base_url=service, headers=headers, trust_env=False, timeout=30)
        self.path = path
        self.stopped = threading.Event()
        self.answers: list[tuple[float, int]] = []
        self.acknowledged: list[str] = []
        self.slowest = 0.0

    def run(self) -> None:
        """Ask until told to stop."""
        while not self.stopped.is_set():
            started = time.monotonic()
            if self.path == "/api/todos":
                answer = self.http.post(self.path, json={"title": "milk"})
            else:
                answer = self.http.get(self.path)
            ended = time.monotonic()
            self.slowest = max(self.slowest, ended - started)
            self.answers.append((ended, answer.status_code))
            if answer.status_code == 201:
                self.acknowledged.append(answer.json()["id"])
            if answer.status_code == 503:
                assert answer.headers["retry-after"]
                assert answer.headers["content-type"] == "application/problem+json"
            if self.path != "/api/todos" or answer.status_code == 503:
                time.sleep(0.05)
        self.http.close()

    def end(self) -> None:
        """Stop asking, and wait for the last answer."""
        self.stopped.set()
        self.join(40)
        assert not self.is_alive(), f"{self.path} hangs"

    def statuses(self, since: float = 0.0, until: float = float("inf")) -> set[int]:
        """Return the statuses of the answers of this time."""
        return {status for at, status in self.answers if since <= at <= until}


def test_no_acknowledged_write_is_lost(cluster: Cluster, tmp_path: Path, uv: str) -> None:
    project = render(tmp_path, VARIANTS["single-tenant, roles, database"])
    project.run(uv, "sync", "--locked")
    port, entra_port = free_ports()
    service = f"http://localhost:{port}"
    environment = {
        "ENTRA_TENANT_ID": "c0000000-0000-4000-8000-00000000c050",
        "API_CLIENT_ID": "a9100000-0000-4000-8000-000000000001",
        "ENTRA_AUTHORITY": f"http://localhost:{entra_port}",
        "DOCS_ENABLED": "false",
        "LOG_LEVEL": "ERROR",
        "DATABASE_URL": cluster.url,
    }
    stand_in = [uv, "run", "python", "-c", STAND_IN, str(entra_port), str(port)]
    serve = [uv, "run", "uvicorn", "app.main:app", "--port", str(port), "--log-level", "warning"]
    migrate = [uv, "run", "alembic", "upgrade", "head"]
    subprocess.run(migrate, cwd=project.path, env=clean_environment() | environment, check=True)
    with process(project, {}, *stand_in), process(project, environment, *serve):
        wait_until(lambda: status_of(f"{service}/health/ready") == 200, 30)
        token = project.run(
            uv,
            "run",
            "python",
            "-m",
            "dev",
            "token",
            "--as",
            "bob",
            "--entra-port",
            str(entra_port),
        )
        headers = {"Authorization": f"Bearer {token.strip()}"}
        writers = [Probe(service, headers, "/api/todos") for _ in range(WRITERS)]
        live = Probe(service, {}, "/health/live")
        ready = Probe(service, {}, "/health/ready")
        for probe in (*writers, live, ready):
            probe.start()

        time.sleep(SECONDS_BEFORE)
        stopped = time.monotonic()
        cluster.stop_hard()
        gone = time.monotonic()
        time.sleep(SECONDS_AWAY)
        returning = time.monotonic()
        cluster.start()
        back = time.monotonic()
        time.sleep(SECONDS_AFTER)
        for probe in (*writers, live, ready):
            probe.end()

        kept = everything(service, headers)
    acknowledged = [todo for writer in writers for todo in writer.acknowledged]
    print(f"{len(acknowledged)} writes were acknowledged, {len(kept)} were kept")
    assert set(acknowledged) <= kept
    assert len(acknowledged) == len(set(acknowledged)) > WRITERS
    for writer in writers:
        assert writer.statuses() <= {201, 503}
        assert writer.statuses(until=stopped) == {201}
        assert writer.statuses(gone + 1, returning) == {503}
        assert writer.statuses(back + ANSWER_WITHIN) == {201}
        assert writer.slowest < ANSWER_WITHIN
    assert live.statuses() == {200}
    assert ready.statuses(gone + 1, returning) == {503}
    assert ready.statuses(back + ANSWER_WITHIN) == {200}
    assert ready.slowest < ANSWER_WITHIN


def everything(service: str, headers: dict[str, str]) -> set[str]:
    """Return the id of every todo that is listed."""
    found: set[str] = set()
    query: dict[str, str] = {"limit": "100"}
    with httpx2.Client(base_url=service, headers=headers, trust_env=False) as http:
        while True:
            page = http.get("/api/todos", params=query).json()
            found |= {todo["id"] for todo in page["items"]}
            if page["next"] is None:
                return found
            query["after"] = page["next"]


def status_of(url: str) -> int:
    """Return the status of an answer, or 0 when nobody answers."""
    try:
        return httpx2.get(url, trust_env=False).status_code
    except httpx2.TransportError:
        return 0


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for the condition to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
