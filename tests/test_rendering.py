"""What is rendered, in every variant, before anything is installed."""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT, RUFF, VARIANTS, Bake, Project, render

each_variant = pytest.mark.parametrize("name", VARIANTS)
Variant = Callable[[str], Project]

DATABASE = re.compile(
    r"(?<!indexedDB\.)database|alembic|postgres|psycopg|sqlite|sqlalchemy|migrat", re.IGNORECASE
)
ROLES = re.compile(r"\bAdmins?\b|\broles?\b", re.IGNORECASE)
NOT_ROLES = re.compile(
    # HTML has an attribute of that name, and consent has an administrator.
    r'role="\w+"|get_by_role|admins? (consent|center|approval)|grants? admin|admins and users',
    re.IGNORECASE,
)


@each_variant
def test_nothing_of_the_template_is_left(variant: Variant, name: str) -> None:
    for path, text in variant(name).texts().items():
        assert not re.search(r"\{\{|\{%|\{#|cookiecutter", text), path
        assert "\r" not in text, path
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), path
        assert not text or (text.endswith("\n") and not text.endswith("\n\n")), path
        blank_lines = 3 if path.endswith((".py", ".mako", ".md")) else 2
        assert "\n" * (blank_lines + 1) not in text, path


@each_variant
def test_every_file_can_be_read_by_its_program(variant: Variant, name: str) -> None:
    project = variant(name)
    for path, text in project.texts().items():
        if path.endswith(".py"):
            ast.parse(text)
        elif path.endswith(".json"):
            json.loads(text)
        elif path.endswith(".toml"):
            tomllib.loads(text)


@pytest.mark.parametrize(
    "name", ["single-tenant, roles, database", "multi-tenant, no roles, memory"]
)
@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("github-workflows", ".github/workflows/ci.yml"),
        ("dependabot", ".github/dependabot.yml"),
        ("compose-spec", "compose.yaml"),
    ],
)
def test_configuration_follows_its_schema(
    variant: Variant, name: str, schema: str, path: str
) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    variant(name).run(*check, path)


def test_compose_waits_for_what_is_needed_and_holds_no_password(variant: Variant) -> None:
    text = variant("single-tenant, roles, database").texts()["compose.yaml"]
    services = yaml.safe_load(text)["services"]
    assert services["service"]["depends_on"] == {
        "migration": {"condition": "service_completed_successfully"},
        "database": {"condition": "service_healthy"},
    }
    assert services["migration"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["migration"]["image"] == services["service"]["image"]
    assert services["database"]["healthcheck"]["test"][0] == "CMD"
    for name in ("service", "migration"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    for line in text.splitlines():
        if "PASSWORD" in line:
            assert re.search(r"(: |:)\$\{POSTGRES_PASSWORD:\?[^}]+\}(@|$)", line), line


@each_variant
def test_every_link_between_files_leads_somewhere(variant: Variant, name: str) -> None:
    project = variant(name)
    for path in project.path.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        for file, fragment in re.findall(r"\]\(([^)\s#:]*)(?:#([^)\s]*))?\)", text):
            target = path.parent / file if file else path
            assert target.exists(), (path, file)
            headings = (
                re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
                if fragment
                else []
            )
            anchors = {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}
            assert not fragment or fragment in anchors, (path, fragment)


@each_variant
def test_fresh_output_needs_no_repair(variant: Variant, name: str) -> None:
    project = variant(name)
    project.run(RUFF, "format", "--check", "--diff", "--no-cache")
    project.run(RUFF, "check", "--no-cache")


@each_variant
def test_a_variant_has_no_trace_of_what_was_not_chosen(variant: Variant, name: str) -> None:
    texts = variant(name).texts()
    answers = VARIANTS[name]
    for path, text in texts.items():
        if answers["storage"] == "memory":
            assert not DATABASE.search(path), path
            assert not DATABASE.search(text), (path, DATABASE.search(text))
        if not answers["app_roles"]:
            assert not ROLES.search(NOT_ROLES.sub("", text)), (path, ROLES.search(text))
    assert ("app/todos/memory.py" in texts) == (answers["storage"] == "memory")


def test_the_stores_pass_the_same_tests(bake: Bake) -> None:
    projects = [
        bake(storage=storage, project_slug=storage + "-x") for storage in ("memory", "database")
    ]
    memory, database = (project.texts() for project in projects)
    for shared in ("tests/test_store.py", "tests/test_todos.py", "tests/test_tokens.py"):
        assert memory[shared] == database[shared]


def test_every_file_name_can_be_held_by_windows() -> None:
    for path in PROJECT.rglob("*"):
        assert not re.search(r'[<>:"|?*]', path.name), path


def test_without_hooks_there_is_more_than_was_chosen_and_never_less(
    bake: Bake, tmp_path: Path
) -> None:
    with_hooks = bake(storage="memory")
    without = render(tmp_path / "without", {"storage": "memory"}, accept_hooks=False)
    assert with_hooks.texts().items() < without.texts().items()


def test_rendering_over_another_variant_leaves_nothing_of_it(bake: Bake, tmp_path: Path) -> None:
    bake(storage="database", tenancy="multi-tenant")
    over = render(tmp_path, VARIANTS["single-tenant, no roles, memory"], overwrite_if_exists=True)
    fresh = render(tmp_path / "fresh", VARIANTS["single-tenant, no roles, memory"])
    assert over.texts() == fresh.texts()
