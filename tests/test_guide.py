"""`docs/make-it-yours.md`, followed literally in a fresh project, does what it says."""

import re
from pathlib import Path

import pytest

from tests.conftest import EVERY_VARIANT, TYPED, clean_environment, render
from tests.guide import Guide

pytestmark = pytest.mark.slow

REPLACING = re.compile(r"^## Replace the todos$.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def start(folder: Path, name: str, uv: str) -> tuple[Guide, str]:
    """Render a variant whose name does not mention todos; return the follower and the guide."""
    named = {"project_name": "My Service", "description": "A service."}
    project = render(folder, EVERY_VARIANT[name] | named)
    project.run(uv, "sync", "--locked")
    text = project.path.joinpath("docs/make-it-yours.md").read_text(encoding="utf-8")
    return Guide(project.path, clean_environment()), text


@pytest.mark.parametrize("name", TYPED)
def test_guide_works_as_written(tmp_path: Path, uv: str, name: str) -> None:
    guide, text = start(tmp_path, name, uv)
    guide.follow(REPLACING.sub("", text))
    assert guide.commands >= 5
    guide.follow("```sh\nuv run ruff format --check\nuv run ruff check\nuv run mypy .\n```\n")


def test_second_resource_touches_few_files(tmp_path: Path, uv: str) -> None:
    guide, text = start(tmp_path, TYPED[0], uv)
    section = re.search(r"^## Add a second resource$.*?(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert section
    guide.follow(re.sub(r"```sh\n.*?^```$", "", section[0], flags=re.MULTILINE | re.DOTALL))
    # The guide creates a migration too, which is not counted.
    assert len(guide.edited) <= 5


# Tools for agents are an additional place that names the todos.
@pytest.mark.parametrize("name", [f"{TYPED[0]}, agents", TYPED[1]])
def test_todos_can_be_replaced_completely(tmp_path: Path, uv: str, name: str) -> None:
    guide, text = start(tmp_path, name, uv)
    section = REPLACING.search(text)
    assert section
    assert section[0].count("```diff") + section[0].count("@@\n") <= 12
    guide.follow(section[0])
    for folder in ("app", "dev", "migrations", "tests"):
        for file in (guide.project / folder).rglob("*.py"):
            assert "todo" not in file.read_text(encoding="utf-8").lower(), file
