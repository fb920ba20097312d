"""A PostgreSQL server for one test, which can be stopped as if by a power cut."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.missing import missing
from tests.running import free_ports


class Cluster:
    """A PostgreSQL server with its data in a folder: a standby if it has a primary server."""

    def __init__(
        self, programs: Path, folder: Path, port: int, primary: "Cluster | None" = None
    ) -> None:
        self.programs, self.data, self.port = programs, folder / "data", port
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)
        if primary is None:
            self._run("initdb", "-D", self.data, "-U", "test", "--auth=trust", "-E", "UTF8")
        else:
            source = f"host=127.0.0.1 port={primary.port} user=test application_name=standby"
            self._run("pg_basebackup", "-D", self.data, "-R", "-c", "fast", "-d", source)
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
        """Start, and wait until the server accepts connections."""
        log = self.data.parent / "log"
        self._run("pg_ctl", "-D", self.data, "-l", log, "-w", "-o", self.options, "start")

    def stop_hard(self) -> None:
        """Stop at once, without a checkpoint: the next start recovers from the log."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    def promote(self) -> None:
        """Make a standby the primary server."""
        self._run("pg_ctl", "-D", self.data, "-w", "promote")

    def processes(self) -> list[int]:
        """Return the process ids of the server and of what it started."""
        server = int((self.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        children = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="utf-8")
        return [server, *map(int, children.split())]

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self.programs / program), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, user=self.user, cwd="/")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Return a running PostgreSQL server; skip the test if PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        missing("PostgreSQL is not installed. Install it (Debian: apt install postgresql).")
    programs = (found[-1] if found else Path(str(on_path))).parent
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        started(Cluster(programs, Path(folder), free_ports()[0])) as cluster,
    ):
        yield cluster


@contextmanager
def standby_of(primary: Cluster) -> Iterator[Cluster]:
    """Run a standby that has each transaction before the primary server confirms it."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        standby = Cluster(primary.programs, Path(folder), free_ports()[0], primary)
        with started(standby):
            primary.configure("synchronous_standby_names", "standby")
            yield standby


@contextmanager
def started(cluster: Cluster) -> Iterator[Cluster]:
    """Run a server until the end of the block."""
    cluster.start()
    try:
        yield cluster
    finally:
        if (cluster.data / "postmaster.pid").exists():
            cluster.stop_hard()
