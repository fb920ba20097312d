"""`docs/recipes.md`, followed literally in a fresh project, does what it says."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import TEMPLATE, TYPED, VARIANTS, Project, clean_environment, render
from tests.guide import Guide
from tests.running import free_ports

pytestmark = pytest.mark.slow

MANAGED_IDENTITY = "### Use a managed identity instead"


def run_recipe_test(project: Project, uv: str, name: str, **environment: str) -> None:
    """Run a module of `tests/recipes` as a test of the project."""
    target = project.path / "tests" / f"test_recipe_{name}.py"
    shutil.copy(TEMPLATE / "tests" / "recipes" / f"{name}.py", target)
    said = project.run(uv, "run", "pytest", "-q", "-n", "0", str(target), **environment)
    assert "skipped" not in said or name == "clean_up", said
    target.unlink()


@pytest.mark.parametrize("name", TYPED)
def test_recipes_work_as_written(tmp_path: Path, uv: str, name: str) -> None:
    project = render(tmp_path, VARIANTS[name])
    project.run(uv, "sync", "--locked")
    database = VARIANTS[name]["storage"] == "database"
    settings = {
        "ENTRA_TENANT_ID": "c0000000-0000-4000-8000-00000000c050",
        "API_CLIENT_ID": "a9100000-0000-4000-8000-000000000001",
        "DOCS_ENABLED": "false",
        "DATABASE_URL": f"sqlite+aiosqlite:///{(tmp_path / 'job.db').as_posix()}",
    }
    if database:
        project.run(uv, "run", "alembic", "upgrade", "head", **settings)
    text = project.path.joinpath("docs/recipes.md").read_text(encoding="utf-8")
    with_certificate, heading, others = text.partition(MANAGED_IDENTITY)
    assert heading
    guide = Guide(project.path, clean_environment() | settings)
    port = str(free_ports()[0])
    identity = {"IDENTITY_ENDPOINT": f"https://localhost:{port}/identity", "IDENTITY_HEADER": "x"}

    guide.follow(with_certificate)
    run_recipe_test(project, uv, "graph", PORT=port, WAY="certificate", **identity)
    guide.follow(others)
    run_recipe_test(project, uv, "graph", PORT=port, WAY="managed identity", **identity)
    for recipe in ("email", "echo", *(["clean_up"] if database else [])):
        run_recipe_test(project, uv, recipe)
    for command in (["ruff", "format", "--check"], ["ruff", "check"], ["mypy", "."], ["pytest"]):
        project.run(uv, "run", *command)
