"""The images of two variants are built and run as a container engine does; the others are alike.

No container engine is needed: buildah builds the images, on a substitute for the base image that
mmdebstrap creates, and crun runs them. Not tested: the real base image, the engine's network, and
health checks that the engine runs.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import pytest

from tests.conftest import VARIANTS, Project, render
from tests.debian import make_system
from tests.missing import need
from tests.postgresql import Cluster, cluster
from tests.running import STAND_IN, free_ports, process, status_of, wait_until

__all__ = ["cluster"]

pytestmark = pytest.mark.slow

DATABASE, MEMORY = "single-tenant, roles, database", "multi-tenant, no roles, memory"
BASE = "docker.io/library/python:3.14-slim"
PYTHON = "3.14"
STAND_IN_FOR_BASE = f"""
FROM scratch
ADD base.tar /
RUN ln -s /usr/bin/python{PYTHON} /usr/local/bin/python && \\
    printf '#!/bin/sh\\nexec python -m pip "$@"\\n' > /usr/local/bin/pip && chmod +x /usr/local/bin/pip && \\
    rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
"""
BARE = f"""
FROM {BASE}
WORKDIR /service
RUN pip install --no-cache-dir "fastapi[standard-no-fastapi-cloud-cli]"
CMD ["fastapi", "run"]
"""
"""The image that FastAPI's documentation teaches, on the same base."""

# crun requires a mount of control groups of version 2, although it uses none.
RUN = (
    "umount --recursive --lazy /sys/fs/cgroup; mount --types cgroup2 none /sys/fs/cgroup;"
    ' exec crun --cgroup-manager=disabled run --bundle "$0" --pid-file "$0/pid" "$1"'
)
GRACE = 30
NOT_LOCKED = re.compile(r"^There is no uv\.lock: the dependencies are not pinned", re.MULTILINE)


class Builder:
    """buildah, with a separate store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run a command of buildah; return its output, or fail and show it."""
        folder = self.folder
        store: list[str | Path] = ["--root", folder / "root", "--runroot", folder / "run"]
        # For the `RUN` instructions of the Dockerfile.
        environment = os.environ | {"BUILDAH_ISOLATION": "chroot"}
        ended = subprocess.run(
            ["buildah", *store, *arguments],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def build(self, context: Path, tag: str, *options: str) -> str:
        """Build the Dockerfile of a folder; return the output."""
        # This machine may need its own certificates to reach a package index.
        certificates = ["--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"]
        build = ["bud", "--pull-never", "--layers", "--format", "docker", "--tag", tag]
        return self.run(*build, *certificates, *options, ".", cwd=context)

    def configuration(self, tag: str) -> dict[str, Any]:
        """Return the configuration of an image."""
        inspected = json.loads(self.run("inspect", "--type", "image", tag))
        configuration: dict[str, Any] = inspected["Docker"]["config"]
        return configuration

    @contextmanager
    def mounted(self, tag: str) -> Iterator[Path]:
        """Yield the root file system of an image."""
        container = self.run("from", "--pull-never", tag).strip()
        yield Path(self.run("mount", container).strip())
        self.run("rm", container)

    def size(self, tag: str) -> int:
        """Return the size of the files of an image in bytes."""
        with self.mounted(tag) as root:
            counted = subprocess.run(
                ["du", "--summarize", "--bytes", "--one-file-system", root],
                capture_output=True,
                text=True,
                check=True,
            )
        return int(counted.stdout.split()[0])


@pytest.fixture(scope="session")
def builder() -> Iterator[Builder]:
    """Return buildah with the substitute for the base image; skip the test if a tool is missing."""
    need("buildah", "mmdebstrap", "crun", root=True)
    with TemporaryDirectory(prefix="image-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        builder = Builder(Path(folder))
        context = builder.folder / "base"
        context.mkdir()
        context.joinpath("Dockerfile").write_text(STAND_IN_FOR_BASE)
        make_system(context / "base.tar", f"python{PYTHON}", "python3-pip")
        builder.build(context, BASE)
        context.joinpath("base.tar").unlink()
        yield builder
        builder.run("rm", "--all")
        builder.run("rmi", "--all", "--force")


@pytest.fixture(scope="session")
def built(builder: Builder, tmp_path_factory: pytest.TempPathFactory, uv: str) -> "Built":
    """Return a function that renders and builds each variant only once."""
    return Built(builder, tmp_path_factory)


class Built:
    """The variants and their images."""

    def __init__(self, builder: Builder, folders: pytest.TempPathFactory) -> None:
        self.builder, self.folders = builder, folders
        self.projects: dict[str, tuple[Project, str]] = {}

    def __call__(self, name: str) -> tuple[Project, str]:
        """Return the variant and the tag of its image."""
        if name not in self.projects:
            before = os.umask(0o077)
            try:
                project = render(self.folders.mktemp("image"), VARIANTS[name])
            finally:
                os.umask(before)
            # These files must not get into the image.
            project.path.joinpath(".env").write_text("API_CLIENT_ID=canary\n")
            project.path.joinpath("app", "__pycache__").mkdir()
            tag = f"variant-{list(VARIANTS).index(name)}"
            assert not NOT_LOCKED.search(self.builder.build(project.path, tag))
            self.projects[name] = project, tag
        return self.projects[name]


class Container:
    """A process of an image, run as `docker run --read-only --cap-drop ALL` would run it."""

    def __init__(self, builder: Builder, tag: str, root: Path, environment: dict[str, str]) -> None:
        self.configuration = builder.configuration(tag)
        self.root, self.environment = root, environment

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command in the image until the end of the block."""
        with TemporaryDirectory() as folder:
            bundle = Path(folder)
            subprocess.run(["crun", "spec"], cwd=bundle, check=True)
            specification = json.loads(bundle.joinpath("config.json").read_text())
            self._fill(specification, command)
            bundle.joinpath("config.json").write_text(json.dumps(specification))
            started = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", RUN, bundle, f"image-{bundle.name}"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            self.bundle = bundle
            try:
                yield started
            finally:
                if started.poll() is None:
                    self.signal(signal.SIGKILL)
                started.communicate(timeout=GRACE)

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command in the image; return its exit status and output."""
        with self.running(*command) as started:
            output, _ = started.communicate(timeout=60)
        return started.returncode, output

    def signal(self, number: int) -> None:
        """Send a signal to the first process."""
        os.kill(int(self.bundle.joinpath("pid").read_text()), number)

    def _fill(self, specification: dict[str, Any], command: tuple[str, ...]) -> None:
        user, group = map(int, self.configuration["User"].split(":"))
        environment = [f"{name}={value}" for name, value in self.environment.items()]
        specification["process"] |= {
            "terminal": False,
            "args": list(command),
            "cwd": self.configuration["WorkingDir"],
            "env": self.configuration["Env"] + environment,
            "user": {"uid": user, "gid": group},
            "noNewPrivileges": True,
            "capabilities": {kind: [] for kind in specification["process"]["capabilities"]},
        }
        specification["root"] = {"path": str(self.root), "readonly": True}
        # Without a network namespace, so that the service, the stand-in and the test can connect.
        kinds = ("pid", "ipc", "uts", "mount")
        specification["linux"]["namespaces"] = [{"type": kind} for kind in kinds]
        specification["linux"].pop("resources", None)
        specification["mounts"] = [
            mount for mount in specification["mounts"] if mount["type"] != "cgroup"
        ]


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_with_the_same_storage_have_the_same_dockerfile(
    variant: Callable[[str], Project], name: str
) -> None:
    built = DATABASE if VARIANTS[name]["storage"] == "database" else MEMORY
    for file in ("Dockerfile", ".dockerignore"):
        texts = [variant(each).texts()[file] for each in (name, built)]
        assert texts[0] == texts[1]


@pytest.mark.parametrize("name", [DATABASE, MEMORY])
def test_image_is_built_from_the_lock_file(built: Built, name: str) -> None:
    project, tag = built(name)
    configuration = built.builder.configuration(tag)
    assert configuration["User"] == "10001:10001"
    assert configuration["Cmd"] == ["python", "-m", "app.serve"]
    assert not configuration.get("Entrypoint")
    assert configuration["Healthcheck"]["Test"][0] == "CMD"
    labels = {key.removeprefix("org.opencontainers.image."): key for key in configuration["Labels"]}
    assert set(labels) >= {"title", "version", "revision"}
    assert configuration["Labels"][labels["title"]] == "todo-api"
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint
    project.run(hadolint, "Dockerfile")


@pytest.mark.parametrize("name", [DATABASE, MEMORY])
def test_image_contains_only_what_it_needs(built: Built, name: str) -> None:
    project, tag = built(name)
    with built.builder.mounted(tag) as root:
        service = root / "service"
        database = {"migrations", "pyproject.toml"} if "database" in name else set()
        assert {path.name for path in service.iterdir()} == {".venv", "app"} | database
        for path in project.path.joinpath("app").rglob("*.py"):
            inside = service / path.relative_to(project.path)
            assert inside.exists()
            assert list(inside.parent.glob(f"__pycache__/{inside.stem}.*.pyc")), inside
        packages = service / f".venv/lib/python{PYTHON}/site-packages"
        assert list(packages.glob("fastapi/__pycache__/*.pyc"))
        for package in ("pytest", "mypy", "ruff", "playwright"):
            assert not (packages / package).exists(), package
        programs = {path.name for path in root.glob("usr/**/bin/*")}
        programs |= {path.name for path in service.glob(".venv/bin/*")}
        assert programs.isdisjoint({"uv", "gcc", "cc", "make", "git", "curl", "wget"})
        assert root.joinpath("etc/ssl/certs/ca-certificates.crt").stat().st_size > 0


def test_image_is_not_much_larger_than_a_bare_one(built: Built, tmp_path: Path) -> None:
    tmp_path.joinpath("Dockerfile").write_text(BARE)
    built.builder.build(tmp_path, "bare")
    base, bare = built.builder.size(BASE), built.builder.size("bare")
    for name, most in ((MEMORY, 1.2), (DATABASE, 1.3)):
        size = built.builder.size(built(name)[1])
        print(
            f"{name}: {size / 1e6:.0f} MB, {size / bare:.2f} of a bare FastAPI image;"
            f" without the base image {(size - base) / (bare - base):.2f}"
        )
        assert size / bare < most


def test_build_without_a_lock_file_succeeds_with_a_warning(built: Built, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    shutil.copytree(built(MEMORY)[0].path, project.path)
    project.path.joinpath("uv.lock").unlink()
    assert NOT_LOCKED.search(built.builder.build(project.path, "unlocked"))


def test_build_argument_installs_an_extra(built: Built) -> None:
    builder, project = built.builder, built(DATABASE)[0]
    builder.build(project.path, "extra", "--build-arg", "EXTRA=azure")
    with builder.mounted("extra") as root:
        container = Container(builder, "extra", root, {})
        status, output = container.run("python", "-c", "import azure_postgresql_auth, aiohttp")
        assert status == 0, output


@pytest.mark.parametrize("name", [DATABASE, MEMORY])
def test_image_runs_without_privileges_and_stops_cleanly(
    built: Built, cluster: Cluster, name: str, uv: str
) -> None:
    project, tag = built(name)
    project.run(uv, "sync", "--locked")
    port, entra_port = free_ports()
    service = f"http://127.0.0.1:{port}"
    contoso = "c0000000-0000-4000-8000-00000000c050"
    environment = {
        "ENTRA_TENANT_ID": contoso,
        "ALLOWED_TENANT_IDS": contoso,
        "API_CLIENT_ID": "a9100000-0000-4000-8000-000000000001",
        "SWAGGER_UI_CLIENT_ID": "d0c50000-0000-4000-8000-000000000002",
        "ENTRA_AUTHORITY": f"http://127.0.0.1:{entra_port}",
        "DATABASE_URL": cluster.url,
    }
    stand_in = STAND_IN.replace("localhost", "127.0.0.1")
    run = [uv, "run", "python"]
    with (
        built.builder.mounted(tag) as root,
        process(project, {}, *run, "-c", stand_in, str(entra_port), str(port)),
    ):
        wait_until(lambda: status_of(f"http://127.0.0.1:{entra_port}/x") != 0, 30)
        container = Container(built.builder, tag, root, environment)
        healthy = [
            part.replace("8000", str(port))
            for part in container.configuration["Healthcheck"]["Test"][1:]
        ]
        assert container.run(*healthy)[0] != 0

        status, output = container.run("cat", "/proc/1/status")
        facts = dict(line.split(":\t", 1) for line in output.splitlines())
        assert facts["Uid"].split() == facts["Gid"].split() == ["10001"] * 4
        assert facts["CapBnd"] == facts["CapEff"] == facts["CapPrm"] == "0" * 16
        assert facts["NoNewPrivs"] == "1"
        status, output = container.run("touch", "/service/app/x")
        assert status != 0
        assert "Read-only file system" in output

        command = [*container.configuration["Cmd"], "--port", str(port)]
        with container.running(*command) as running:
            if "database" in name:
                wait_until(lambda: status_of(f"{service}/health/live") == 200, 30)
                assert status_of(f"{service}/health/ready") == 503
                migration = Container(built.builder, tag, root, environment)
                status, output = migration.run("alembic", "upgrade", "head")
                assert status == 0, output
            wait_until(lambda: status_of(f"{service}/health/ready") == 200, 30)
            other = Container(built.builder, tag, root, {})
            assert other.run(*healthy)[0] == 0

            ask = ["-m", "dev", "token", "--as", "bob", "--entra-port", str(entra_port)]
            headers = {"Authorization": f"Bearer {project.run(*run, *ask).strip()}"}
            with httpx2.Client(base_url=service, headers=headers, trust_env=False) as http:
                assert http.get("/api/me").json()["name"] == "Bob"
                assert http.post("/api/todos", json={"title": "milk"}).status_code == 201
                assert http.get("/docs").status_code == 200

            told = time.monotonic()
            container.signal(signal.SIGTERM)
            output, _ = running.communicate(timeout=GRACE)
            assert running.returncode == 0, output
            assert time.monotonic() - told < GRACE
            for line in output.splitlines():
                assert json.loads(line)["timestamp"], line
