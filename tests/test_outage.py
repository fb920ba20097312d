"""An outage of PostgreSQL while people write loses no acknowledged write."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.conftest import VARIANTS, Project, render
from tests.postgresql import Cluster, cluster, standby_of
from tests.running import STAND_IN, free_ports, process, status_of, wait_until

__all__ = ["cluster"]

pytestmark = pytest.mark.slow

WRITERS = 8
SECONDS_BEFORE, SECONDS_AWAY, SECONDS_AFTER = 1.5, 3.0, 6.0
ANSWER_WITHIN = 5.0


class Probe(threading.Thread):
    """Sends the same request repeatedly, and records the time and status of each response."""

    def __init__(self, service: str, headers: dict[str, str], path: str) -> None:
        super().__init__(daemon=True)
        self.http = httpx2.Client(base_url=service, headers=headers, trust_env=False, timeout=30)
        self.path = path
        self.stopped = threading.Event()
        self.responses: list[tuple[float, int]] = []
        self.acknowledged: list[str] = []
        self.slowest = 0.0

    def run(self) -> None:
        """Send requests until told to stop."""
        while not self.stopped.is_set():
            started = time.monotonic()
            if self.path == "/api/todos":
                response = self.http.post(self.path, json={"title": "milk"})
            else:
                response = self.http.get(self.path)
            ended = time.monotonic()
            self.slowest = max(self.slowest, ended - started)
            self.responses.append((ended, response.status_code))
            if response.status_code == 201:
                self.acknowledged.append(response.json()["id"])
            if response.status_code == 503:
                assert response.headers["retry-after"]
                assert response.headers["content-type"] == "application/problem+json"
            if self.path != "/api/todos" or response.status_code == 503:
                time.sleep(0.05)
        self.http.close()

    def end(self) -> None:
        """Stop, and wait for the last response."""
        self.stopped.set()
        self.join(40)
        assert not self.is_alive(), f"A request to {self.path} hangs."

    def statuses(self, since: float = 0.0, until: float = float("inf")) -> set[int]:
        """Return the statuses of the responses in this period."""
        return {status for at, status in self.responses if since <= at <= until}


@pytest.fixture
def project(tmp_path: Path, uv: str) -> Project:
    """Return an installed project with a database."""
    project = render(tmp_path, VARIANTS["single-tenant, roles, database"])
    project.run(uv, "sync", "--locked")
    return project


@contextmanager
def serving(project: Project, uv: str, url: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve with this database; yield the address and the headers of a signed-in user."""
    port, entra_port = free_ports()
    service = f"http://localhost:{port}"
    environment = {
        "ENTRA_TENANT_ID": "c0000000-0000-4000-8000-00000000c050",
        "API_CLIENT_ID": "a9100000-0000-4000-8000-000000000001",
        "ENTRA_AUTHORITY": f"http://localhost:{entra_port}",
        "DOCS_ENABLED": "false",
        "LOG_LEVEL": "ERROR",
        "DATABASE_URL": url,
    }
    stand_in = [uv, "run", "python", "-c", STAND_IN, str(entra_port), str(port)]
    serve = [uv, "run", "uvicorn", "app.main:app", "--port", str(port), "--log-level", "warning"]
    project.run(uv, "run", "alembic", "upgrade", "head", **environment)
    with process(project, {}, *stand_in), process(project, environment, *serve):
        wait_until(lambda: status_of(f"{service}/health/ready") == 200, 30)
        ask = ["python", "-m", "dev", "token", "--as", "bob", "--entra-port", str(entra_port)]
        token = project.run(uv, "run", *ask)
        yield service, {"Authorization": f"Bearer {token.strip()}"}


def test_outage_loses_no_acknowledged_write(cluster: Cluster, project: Project, uv: str) -> None:
    with serving(project, uv, cluster.url) as (service, headers):
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
    assert len(acknowledged) == len(set(acknowledged)) > WRITERS
    check(writers, kept, until=stopped, away=(gone + 1, returning), back=back)
    assert live.statuses() == {200}
    assert ready.statuses(gone + 1, returning) == {503}
    assert ready.statuses(back + ANSWER_WITHIN) == {200}
    assert ready.slowest < ANSWER_WITHIN


def test_requests_succeed_again_after_a_frozen_server_thaws(
    cluster: Cluster, project: Project, uv: str
) -> None:
    with serving(project, uv, cluster.url) as (service, headers):
        writers = [Probe(service, headers, "/api/todos") for _ in range(WRITERS)]
        live = Probe(service, {}, "/health/live")
        for probe in (*writers, live):
            probe.start()
        time.sleep(SECONDS_BEFORE)
        frozen = cluster.processes()
        stopped = time.monotonic()
        for each in frozen:
            os.kill(each, signal.SIGSTOP)
        try:
            time.sleep(ANSWER_WITHIN + SECONDS_AWAY)
        finally:
            thawed = time.monotonic()
            for each in frozen:
                os.kill(each, signal.SIGCONT)
        time.sleep(SECONDS_AFTER)
        for probe in (*writers, live):
            probe.end()
        kept = everything(service, headers)
    print(f"The slowest response took {max(writer.slowest for writer in writers):.1f} s")
    check(writers, kept, until=stopped, away=(stopped + 1, thawed), back=thawed)
    assert live.statuses() == {200}
    assert live.slowest < 1


def test_standby_that_is_promoted_has_every_acknowledged_write(
    cluster: Cluster, project: Project, uv: str
) -> None:
    with standby_of(cluster) as standby:
        hosts = f"?host=127.0.0.1:{cluster.port}&host=127.0.0.1:{standby.port}"
        url = f"postgresql+psycopg://test:none@/postgres{hosts}"  # pragma: allowlist secret
        with serving(project, uv, url) as (service, headers):
            writers = [Probe(service, headers, "/api/todos") for _ in range(WRITERS)]
            ready = Probe(service, {}, "/health/ready")
            for probe in (*writers, ready):
                probe.start()
            time.sleep(SECONDS_BEFORE)
            stopped = time.monotonic()
            cluster.stop_hard()
            gone = time.monotonic()
            time.sleep(SECONDS_AWAY)
            read = httpx2.get(f"{service}/api/todos", headers=headers, trust_env=False)
            returning = time.monotonic()
            standby.promote()
            promoted = time.monotonic()
            time.sleep(SECONDS_AFTER)
            for probe in (*writers, ready):
                probe.end()
            kept = everything(service, headers)
    assert read.status_code == 200
    check(writers, kept, until=stopped, away=(gone + 1, returning), back=promoted)
    assert ready.statuses(gone + 1, returning) == {503}
    assert ready.statuses(promoted + ANSWER_WITHIN) == {200}


def check(
    writers: list[Probe], kept: set[str], *, until: float, away: tuple[float, float], back: float
) -> None:
    """Assert that writes succeed before and after an outage, fail in time in it, and none is lost."""
    for writer in writers:
        assert set(writer.acknowledged) <= kept
        assert writer.statuses() <= {201, 503}
        assert writer.statuses(until=until) == {201}
        assert writer.statuses(*away) == {503}
        assert writer.statuses(back + ANSWER_WITHIN) == {201}
        assert writer.slowest < ANSWER_WITHIN


def everything(service: str, headers: dict[str, str]) -> set[str]:
    """Return the ids of all todos, page by page."""
    found: set[str] = set()
    query: dict[str, str] = {"limit": "100"}
    with httpx2.Client(base_url=service, headers=headers, trust_env=False) as http:
        while True:
            page = http.get("/api/todos", params=query).json()
            found |= {todo["id"] for todo in page["items"]}
            if page["next"] is None:
                return found
            query["after"] = page["next"]
