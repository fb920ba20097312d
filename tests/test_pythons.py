"""The tests of a rendered project pass with the oldest and the newest Python and dependencies."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PATIENCE, VARIANTS, Project, clean_environment, render
from tests.debian import make_system
from tests.missing import missing, need
from tests.postgresql import Cluster, cluster

__all__ = ["cluster"]

pytestmark = pytest.mark.slow

DATABASE = "single-tenant, roles, database"
NEWEST = "3.15"
IN_SYSTEM = """
set -eu
mount --bind /proc "$0/proc"
mount --rbind /dev "$0/dev"
cat /etc/resolv.conf > "$0/etc/resolv.conf"
mount --bind /etc/ssl/certs "$0/etc/ssl/certs"
exec chroot "$0" "$@"
"""


def python_range(project: Project) -> tuple[str, str]:
    """Return the oldest and the newest Python that a project says it supports."""
    text = project.texts()["pyproject.toml"]
    versions = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)
    assert f'requires-python = ">={versions[0]}"' in text
    return versions[0], versions[-1]


def test_workflow_runs_the_oldest_and_the_newest_python(tmp_path: Path) -> None:
    project = render(tmp_path, VARIANTS[DATABASE])
    oldest, newest = python_range(project)
    assert newest == NEWEST
    assert f'python: ["{oldest}", "{newest}"]' in project.texts()[".github/workflows/ci.yml"]


def test_tests_pass_with_the_oldest_python_and_dependencies(
    tmp_path: Path, cluster: Cluster, uv: str
) -> None:
    project = render(tmp_path, VARIANTS[DATABASE])
    python = python_range(project)[0]
    if subprocess.run([uv, "python", "find", python], capture_output=True, check=False).returncode:
        missing(f"Python {python} is not installed. Run `uv python install {python}`.")
    oldest = ["--python", python, "--resolution", "lowest-direct"]
    project.run(uv, "sync", "--all-groups", "--all-extras", *oldest)
    options = ["-q", "-n", "0", "--ignore=tests/browser", "--ignore=tests/todos/test_docs_page.py"]
    url = cluster.url.replace("+psycopg", "")
    output = project.run(
        uv, "run", "--no-sync", "pytest", *options, TEST_DATABASE_URL=url, CI="true"
    )
    assert re.search(r"^\d+ passed in", output, re.MULTILINE), output


def test_tests_pass_with_the_newest_python(tmp_path: Path, cluster: Cluster, uv: str) -> None:
    need("mmdebstrap", root=True)
    system = tmp_path / "system"
    make_system(system, f"python{NEWEST}", f"python{NEWEST}-venv", "git")
    project = render(system / "srv", VARIANTS[DATABASE])
    shutil.copy(Path(uv).resolve(), system / "usr/bin/uv")
    here = f"/srv/{project.path.name}"
    url = cluster.url.replace("+psycopg", "")
    steps = f"""
    set -eu
    cd {here}
    export UV_PYTHON_DOWNLOADS=never TEST_DATABASE_URL={url} HOME=/root
    uv sync --quiet --locked --all-extras --no-managed-python --python /usr/bin/python{NEWEST}
    uv run --no-sync python -c "import sys; print('Python', sys.version)"
    uv run --no-sync pytest -q -n 0
    """
    command = ["unshare", "--mount", "sh", "-c", IN_SYSTEM, str(system), "sh", "-c", steps]
    # Tests that need more than this system has, such as a browser, are skipped here.
    ended = subprocess.run(
        command,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    assert f"Python {NEWEST}." in output
    assert re.search(r"^\d+ passed", output, re.MULTILINE), output


def test_every_imported_package_is_declared(tmp_path: Path, uv: str) -> None:
    # Some packages are loaded by name (DEP002); dev/ and tests/ import dev dependencies (DEP004).
    options = ["--ignore", "DEP002,DEP004", "--exclude", r"\.venv|register\.py|registration"]
    for name in (DATABASE, "multi-tenant, no roles, memory"):
        project = render(tmp_path / VARIANTS[name]["storage"], VARIANTS[name])
        project.run(uv, "sync", "--locked", "--all-groups", "--all-extras")
        project.run(uv, "run", "--with", "deptry>=0.25", "deptry", ".", *options)
        # In production, the service is installed without the tools of its developers.
        project.run(uv, "sync", "--locked", "--no-dev", "--all-extras")
        settings = {"DOCS_ENABLED": "false"} | dict.fromkeys(
            ("ENTRA_TENANT_ID", "ALLOWED_TENANT_IDS", "API_CLIENT_ID"),
            "c0000000-0000-4000-8000-00000000c050",
        )
        settings["DATABASE_URL"] = "sqlite+aiosqlite:///./todos.db"
        run = [uv, "run", "--no-sync", "python", "-c"]
        project.run(*run, "import app.main, app.serve, app.env_file", **settings)
