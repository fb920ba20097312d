"""A PostgreSQL server for one test, which can be stopped as if by a power cut."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.missing import missing
from tests.running import free_ports


class Cluster:
    """A PostgreSQL server with its data in a folder."""

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
        """Start, and wait until the server accepts connections."""
        log = self.data.parent / "log"
        self._run("pg_ctl", "-D", self.data, "-l", log, "-w", "-o", self.options, "start")

    def stop_hard(self) -> None:
        """Stop at once, without a checkpoint: the next start recovers from the log."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

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
    programs = Path(on_path).parent if on_path else found[-1].parent
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        cluster = Cluster(programs, Path(folder), free_ports()[0])
        cluster.start()
        yield cluster
        cluster.stop_hard()
