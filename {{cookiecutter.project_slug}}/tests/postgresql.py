"""PostgreSQL for the tests: the server at `TEST_DATABASE_URL`, or a temporary one."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import psycopg
from sqlalchemy.engine import URL, make_url

from tests.missing import missing

HOW_TO = "install PostgreSQL (Debian: apt install postgresql), or set TEST_DATABASE_URL"


@contextmanager
def fresh_database() -> Iterator[str]:
    """Create an empty database, yield its SQLAlchemy URL, and drop it afterwards."""
    with _server() as given:
        # Without a password, the service would sign in with an identity.
        server = given.set(password=given.password or "none")
        name = f"test_{token_hex(6)}"
        plain = server.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            yield server.set(drivername="postgresql+psycopg", database=name).render_as_string(
                hide_password=False
            )
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _server() -> Iterator[URL]:
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(given)
        return
    programs = _programs()
    if programs is None:
        missing("PostgreSQL is not installed", HOW_TO)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data, port = Path(folder) / "data", _free_port()
        run_as = _user_to_run_as(Path(folder))
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
        _run([programs / "initdb", "-D", data, "-U", "test", "--auth=trust", "-E", "UTF8"], run_as)
        log = Path(folder) / "log"
        _run([programs / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start"], run_as)
        try:
            yield URL.create("postgresql", "test", host="127.0.0.1", port=port, database="postgres")
        finally:
            _run([programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"], run_as)


def _programs() -> Path | None:
    """Return the folder of initdb and pg_ctl, if any; Debian does not put it on PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


def _user_to_run_as(folder: Path) -> str | None:
    """Return the user to run PostgreSQL as, because it refuses to run as root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    shutil.chown(folder, "postgres")
    return "postgres"


def _run(command: list[Path | str], user: str | None) -> None:
    command_line = [str(part) for part in command]
    subprocess.run(command_line, check=True, capture_output=True, user=user, cwd="/", timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
