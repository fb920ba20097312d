"""Fixtures and helpers that render the template and run the result."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.main import cookiecutter
from xdist.scheduler import LoadScopeScheduling

TEMPLATE = Path(__file__).parent.parent
# Seconds that a long command may take: a shared machine is several times slower than an idle one.
PATIENCE = 1500
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"

Answers = dict[str, Any]

RUFF = shutil.which("ruff", path=str(Path(sys.executable).parent)) or "ruff"
"""The ruff of this environment; tests that render replace PATH."""

TYPED = ("single-tenant, roles, database", "multi-tenant, no roles, memory")
"""The variants whose documents are typed in full; together they cover every answer that
changes the service, except `mcp`."""

VARIANTS: dict[str, Answers] = {
    f"{tenancy}, {'roles' if app_roles else 'no roles'}, {storage}": {
        "tenancy": tenancy,
        "app_roles": app_roles,
        "storage": storage,
        "deployment": "none",
        "mcp": False,
    }
    for tenancy, app_roles, storage in product(
        ("single-tenant", "multi-tenant"), (True, False), ("database", "memory")
    )
}
"""The variants that are installed and run; `deployment` changes nothing in the service, and
`test_agents.py` runs two with `mcp`."""

AZURE: dict[str, Answers] = {
    f"{name}, azure": answers | {"deployment": "azure-container-apps"}
    for name, answers in VARIANTS.items()
}
AGENTS: dict[str, Answers] = {
    f"{name}, agents": answers | {"mcp": True} for name, answers in VARIANTS.items()
}
AGENTS_ON_AZURE: dict[str, Answers] = {
    f"{TYPED[0]}, azure, agents": AZURE[f"{TYPED[0]}, azure"] | {"mcp": True}
}
EVERY_VARIANT = VARIANTS | AZURE | AGENTS | AGENTS_ON_AZURE


class Groups(LoadScopeScheduling):
    """Sends the tests of one variant, of the images and of the documents to one worker each.

    pytest 9.2 silently ignores xdist's own groups (`--dist=loadgroup`).
    """

    def _split_scope(self, nodeid: str) -> str:
        module, _, test = nodeid.partition("::")
        if module == "tests/test_variants.py":
            _, _, variant = test.partition("[")
            return variant or nodeid
        # Documents use fixed ports, and all images share one store.
        return module if module in {"tests/test_documents.py", "tests/test_image.py"} else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """Distribute the tests by `Groups`, in the order of `pytest_collection_modifyitems`."""
    config.option.loadscopereorder = False
    return Groups(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run one more worker than there are processors: tests often wait for a process or a lock."""
    return (os.cpu_count() or 1) + 1


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs that tests start.

    A shell starts background jobs with SIGINT ignored, and their children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow tests first, so that no worker ends with a long one."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if os.name == "nt":
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(f"{item.name} needs POSIX: see docs/windows.md"))


@dataclass(frozen=True)
class Project:
    """A rendered project."""

    path: Path

    def files(self) -> Iterator[Path]:
        """Return every file that was rendered."""
        made_later = {".git", ".venv", "__pycache__", ".hypothesis"}
        made_later |= {".mypy_cache", ".ruff_cache", ".pytest_cache"}
        for path in sorted(self.path.rglob("*")):
            parts = path.relative_to(self.path).parts
            if path.is_file() and made_later.isdisjoint(parts) and path.name != "uv.lock":
                yield path

    def texts(self) -> dict[str, str]:
        """Return the text of every file, by its path in the project."""
        return {
            path.relative_to(self.path).as_posix(): path.read_text(encoding="utf-8")
            for path in self.files()
            if path.suffix != ".png"
        }

    def packages(self) -> set[str]:
        """Return the names of the packages in the lock file, apart from the project itself."""
        lock = self.path.joinpath("uv.lock").read_text(encoding="utf-8")
        return set(re.findall(r'^name = "([^"]+)"', lock, re.MULTILINE)) - {self.path.name}

    def run(self, *command: str, **environment: str) -> str:
        """Run a command in the project; return its output, or fail and show it."""
        ended = subprocess.run(
            command,
            cwd=self.path,
            env=clean_environment() | environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode == 0, (
            f"{' '.join(command)} ended with {ended.returncode}:\n{output}"
        )
        return output


def clean_environment() -> dict[str, str]:
    """Return the environment without the virtual environment that these tests run in."""
    # Without bytecode, the many programs that a project starts would be slow.
    own = {"CI", "VIRTUAL_ENV", "PYTHONPATH", "PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE"}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in own and not name.startswith(("PYTEST_XDIST", "COV_"))
    }


def render(folder: Path, answers: Answers, **options: bool) -> Project:
    """Render the template with these answers and the defaults; `options` are cookiecutter's."""
    made = cookiecutter(
        str(TEMPLATE),
        no_input=True,
        default_config=True,
        extra_context=answers,
        output_dir=str(folder),
        **options,
    )
    return Project(Path(made))


def copy_template(folder: Path) -> None:
    """Copy the template as it is in the working tree, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TEMPLATE, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for file in filter(None, listed.split("\0")):
        if (TEMPLATE / file).exists():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TEMPLATE / file, folder / file)


Bake = Callable[..., Project]


@pytest.fixture(scope="session")
def variant(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Project]:
    """Return a function that returns a variant, rendered only once; do not change it."""

    @cache
    def rendered(name: str) -> Project:
        folder = tmp_path_factory.mktemp("variant")
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PATH", str(folder))
            patched.delenv("UV", raising=False)
            return render(folder, EVERY_VARIANT[name])

    return rendered


@pytest.fixture
def bake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bake:
    """Return a function that renders quickly: the hooks find neither git nor uv."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("UV", raising=False)
    return lambda **answers: render(tmp_path, answers)


@pytest.fixture(scope="session")
def uv() -> str:
    """Return the path of uv."""
    found = os.environ.get("UV") or shutil.which("uv")
    assert found, "uv is not on PATH. Run the tests with `make test` or `uv run pytest`."
    return found


# Tests of one variant share its rendered project, so one worker runs them all: see `Groups`.
each_variant = pytest.mark.parametrize("name", VARIANTS)
rendered: dict[str, Project] = {}


@pytest.fixture
def project(name: str, tmp_path_factory: pytest.TempPathFactory, uv: str) -> Project:
    """Return the variant, rendered with git and uv, and installed."""
    if name not in rendered:
        rendered[name] = render(tmp_path_factory.mktemp("variant"), VARIANTS[name])
        rendered[name].run(uv, "sync", "--locked")
    return rendered[name]
