"""Every variant: installed, checked, tested and used as its reader would."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from template_text import RESERVED_SLUGS
from tests.conftest import VARIANTS, Project, clean_environment, render
from tests.pkce import Visitor

# Tests of one variant share its rendered project, so one worker runs them all: see `Groups`.
each_variant = pytest.mark.parametrize("name", VARIANTS)
pytestmark = pytest.mark.slow

rendered: dict[str, Project] = {}


@pytest.fixture
def project(name: str, tmp_path_factory: pytest.TempPathFactory, uv: str) -> Project:
    """Return the variant, rendered with every tool at hand and installed."""
    if name not in rendered:
        rendered[name] = render(tmp_path_factory.mktemp("variant"), VARIANTS[name])
        rendered[name].run(uv, "sync", "--locked", "--group", "browser", "--all-extras")
    return rendered[name]


def free_ports() -> tuple[int, int]:
    """Return two ports that nobody listens on."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


@contextmanager
def running(project: Project, uv: str, *options: str) -> Iterator[tuple[str, int, Path]]:
    """Run `python -m dev`; give the address of the service, the stand-in's port and the log."""
    port, entra_port = free_ports()
    log = project.path.parent / "dev.log"
    ports = ["--port", str(port), "--entra-port", str(entra_port)]
    # Settings of the caller that must not matter, and a database that must not be touched.
    foreign = {"API_CLIENT_ID": "x", "DATABASE_URL": "postgresql+psycopg://x@127.0.0.1:1/x"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [uv, "run", "python", "-m", "dev", *ports, *options],
            cwd=project.path,
            env=clean_environment() | foreign,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_ready(f"http://localhost:{port}", process, log)
            yield f"http://localhost:{port}", entra_port, log
        finally:
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(20) in {0, 130}


def wait_until_ready(service: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the service is ready."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            if httpx2.get(f"{service}/health/ready", trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready in time:\n{log.read_text(encoding='utf-8')}")


@each_variant
def test_a_variant_is_clean_in_the_eyes_of_its_own_tools(project: Project, uv: str) -> None:
    project.run(uv, "run", "ruff", "format", "--check")
    project.run(uv, "run", "ruff", "check")
    project.run(uv, "run", "mypy", ".")
    project.run(uv, "lock", "--check")


@each_variant
def test_a_variant_passes_its_own_tests(project: Project, uv: str) -> None:
    output = project.run(uv, "run", "pytest", "-q", "-p", "no:cacheprovider")
    assert re.search(r"^\d+ passed", output, re.MULTILINE), output
    assert "Required test coverage of 95.0% reached" in output


@each_variant
def test_no_locked_package_can_be_shadowed_by_a_project(project: Project) -> None:
    lock = project.path.joinpath("uv.lock").read_text(encoding="utf-8")
    names = set(re.findall(r'^name = "([^"]+)"', lock, re.MULTILINE)) - {"todo-api"}
    assert names <= RESERVED_SLUGS, names - RESERVED_SLUGS


@each_variant
def test_people_sign_in_by_pkce_and_use_the_service(project: Project, name: str, uv: str) -> None:
    answers = VARIANTS[name]
    with running(project, uv) as (service, entra_port, log), Visitor(service) as visitor:
        bob, carol, gita = (visitor.sign_in(person) for person in ("bob", "carol", "gita"))
        alice, dave = visitor.sign_in("alice"), visitor.sign_in("dave")
        assert visitor.call("GET", "/api/me", bob).json()["name"] == "Bob"

        created = visitor.call("POST", "/api/todos", bob, {"title": "Buy milk"})
        path = created.headers["location"]
        assert created.status_code == 201
        listed = visitor.call("GET", "/api/todos", bob).json()
        assert [todo["title"] for todo in listed["items"]] == ["Buy milk"]
        changed = visitor.call("PATCH", path, bob, {"done": True})
        assert changed.json()["done"] is True

        assert visitor.call("GET", path, {}).status_code == 401
        assert visitor.call("GET", path, carol).status_code == 403
        assert visitor.call("GET", path, gita).status_code == 403
        assert visitor.call("GET", path, dave).status_code == 403
        if answers["app_roles"]:
            assert visitor.call("GET", "/api/todos", dave).status_code == 403
            assert visitor.call("DELETE", "/api/todos", bob).status_code == 403
            assert visitor.call("GET", path, alice).status_code == 200
            assert visitor.call("DELETE", "/api/todos", alice).status_code == 204
        else:
            assert visitor.call("GET", "/api/todos", dave).json()["items"] == []
            assert visitor.call("GET", path, alice).status_code == 403
            assert visitor.call("DELETE", path, bob).status_code == 204
        assert visitor.call("GET", path, bob).status_code == 404

        if answers["tenancy"] == "multi-tenant":
            erin = visitor.sign_in("erin")
            assert visitor.call("GET", "/api/todos", erin).json()["items"] == []
        else:
            with pytest.raises(AssertionError, match="the account picker shows"):
                visitor.sign_in("erin")

        ask = [uv, "run", "python", "-m", "dev", "token", "--entra-port", str(entra_port), "--as"]
        token = project.run(*ask, "bob").strip()
        headers = {"Authorization": f"Bearer {token}"}
        assert visitor.call("GET", "/api/me", headers).json()["name"] == "Bob"
        stranger = {"Authorization": f"Bearer {project.run(*ask, 'erin').strip()}"}
        expected = 200 if answers["tenancy"] == "multi-tenant" else 401
        assert visitor.call("GET", "/api/me", stranger).status_code == expected
    written = log.read_text(encoding="utf-8")
    assert "who can sign in" in written.lower()
    assert token not in written
    assert token.split(".")[2] not in written
    print("\n".join(visitor.transcript))
