"""The rendered files of every variant, before anything is installed."""

import ast
import io
import json
import re
import sys
import tokenize
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pycep import BicepParser

from tests.conftest import (
    AGENTS_ON_AZURE,
    AZURE,
    EVERY_VARIANT,
    PROJECT,
    RUFF,
    VARIANTS,
    Bake,
    Project,
    render,
)

each_variant = pytest.mark.parametrize("name", EVERY_VARIANT)
Variant = Callable[[str], Project]

DATABASE = re.compile(
    r"(?<!indexedDB\.)database|alembic|postgres|psycopg|sqlite|sqlalchemy|migrat", re.IGNORECASE
)
AGENTS_ONLY = re.compile(r"\bmcp\b|\bpublic_url\b|model context protocol", re.IGNORECASE)
ROLES = re.compile(r"\bAdmins?\b|\broles?\b", re.IGNORECASE)
NOT_ROLES = re.compile(
    # HTML has an attribute `role`, consent requires an administrator, and the portal calls an
    # application permission an app role.
    r'App roles(?: > Create app role| of the API)|role(?:=|: )"\w+"|get_by_role|admins?[ -](consent|center|approval)|grants? admin|admins and users',
    re.IGNORECASE,
)


@each_variant
def test_no_template_syntax_or_stray_whitespace_is_left(variant: Variant, name: str) -> None:
    for path, text in variant(name).texts().items():
        # GitHub's own expressions begin with a dollar sign; requests have variables of the editor.
        of_others = r"\{\{\w+\}\}" if path.endswith(".http") else r"\$\{\{"
        rest = re.sub(of_others, "", text)
        assert not re.search(r"\{\{|\{%|\{#|cookiecutter\.\w", rest), path
        assert "\r" not in text, path
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), path
        assert not text or (text.endswith("\n") and not text.endswith("\n\n")), path
        blank_lines = 3 if path.endswith((".py", ".mako", ".md")) else 2
        assert "\n" * (blank_lines + 1) not in text, path


@each_variant
def test_every_file_can_be_parsed(variant: Variant, name: str) -> None:
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
def test_configuration_matches_its_schema(
    variant: Variant, name: str, schema: str, path: str
) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    variant(name).run(*check, path)


def test_compose_file_orders_the_start_and_contains_no_password(variant: Variant) -> None:
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
def test_every_link_between_files_has_a_target(variant: Variant, name: str) -> None:
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
def test_readme_is_short_and_the_index_lists_every_page(variant: Variant, name: str) -> None:
    texts = variant(name).texts()
    assert texts["README.md"].count("\n") <= 150
    index = texts["docs/README.md"]
    pages = [path.removeprefix("docs/") for path in texts if re.fullmatch(r"docs/\w.*\.md", path)]
    assert {page for page in pages if f"]({page})" not in index} == {"README.md"}


@each_variant
def test_fresh_output_passes_ruff(variant: Variant, name: str) -> None:
    project = variant(name)
    project.run(RUFF, "format", "--check", "--diff", "--no-cache")
    project.run(RUFF, "check", "--no-cache")


ROLES_IN_CODE = ("app/identity/",)
"""Code that is the same with and without app roles; users do not notice it."""


def words_of(source: str) -> str:
    """Return the comments and strings of a module, without strings that are identifiers."""
    comments = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    texts = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return "\n".join([*comments, *(text for text in texts if not text.isidentifier())])


def test_words_are_comments_and_strings() -> None:
    source = 'roles = claims["roles"]  # a role\nprint(f"no {roles} role", """two roles""")\n'
    assert sorted(ROLES.findall(words_of(source))) == ["role", "role", "roles"]


@each_variant
def test_variant_has_no_trace_of_other_answers(variant: Variant, name: str) -> None:
    texts = variant(name).texts()
    answers = EVERY_VARIANT[name]
    for path, text in texts.items():
        if answers["storage"] == "memory":
            assert not DATABASE.search(path), path
            assert not DATABASE.search(text), (path, DATABASE.search(text))
        if not answers["app_roles"]:
            if path.startswith(ROLES_IN_CODE):
                continue
            seen = NOT_ROLES.sub("", words_of(text) if path.endswith(".py") else text)
            assert not ROLES.search(seen), (path, ROLES.search(seen))
        if not answers["mcp"]:
            assert not AGENTS_ONLY.search(text), (path, AGENTS_ONLY.search(text))
    assert ("app/agents.py" in texts) == answers["mcp"]
    assert ("app/todos/memory.py" in texts) == (answers["storage"] == "memory")


@each_variant
def test_dependabot_watches_every_image(variant: Variant, name: str) -> None:
    texts = variant(name).texts()
    updates = yaml.safe_load(texts[".github/dependabot.yml"])["updates"]
    watched = {update["package-ecosystem"] for update in updates}
    assert ("docker-compose" in watched) == ("image: postgres" in texts["compose.yaml"])
    assert {"uv", "docker", "github-actions"} <= watched


@pytest.mark.parametrize("name", AZURE)
def test_deployment_adds_files_and_changes_no_code(variant: Variant, name: str) -> None:
    with_azure = variant(name).texts()
    without = variant(name.removesuffix(", azure")).texts()
    added = {"azure.yaml", "docs/azure.md", "infra/main.bicep", "infra/main.parameters.json"}
    added |= {"infra/service.bicep"}
    if EVERY_VARIANT[name]["storage"] == "database":
        added |= {"infra/database.bicep"}
    assert set(with_azure) - set(without) == added
    changed = {path for path in without if without[path] != with_azure[path]}
    assert changed == {".gitignore", "README.md", "docs/README.md"}


@pytest.mark.parametrize("name", AZURE | AGENTS_ON_AZURE)
def test_bicep_files_are_valid_and_consistent(variant: Variant, name: str) -> None:
    texts = variant(name).texts()
    # The parser's types allow modules from a registry too, whose paths have another type.
    parsed: dict[str, Any] = {
        path.removeprefix("infra/"): BicepParser().parse(text=text)
        for path, text in texts.items()
        if path.endswith(".bicep")
    }
    main = parsed["main.bicep"]
    given = set(json.loads(texts["infra/main.parameters.json"])["parameters"])
    assert given == set(main["parameters"])
    modules = [m for file in parsed.values() for m in file.get("modules", {}).values()]
    assert {module["detail"]["path"] for module in modules} == set(parsed) - {"main.bicep"}
    for module in modules:
        wanted = set(parsed[module["detail"]["path"]]["parameters"])
        assert set(module["config"]["params"]) == wanted
    bicep = "".join(text for path, text in texts.items() if path.startswith("infra/"))
    for file, output in re.findall(r"\b(service|database)\.outputs\.(\w+)", bicep):
        assert output in parsed[f"{file}.bicep"]["outputs"]
    types = {
        resource["type"] for file in parsed.values() for resource in file["resources"].values()
    }
    database = EVERY_VARIANT[name]["storage"] == "database"
    assert ("Microsoft.DBforPostgreSQL/flexibleServers" in types) == database
    assert types >= {
        "Microsoft.App/containerApps",
        "Microsoft.App/managedEnvironments",
        "Microsoft.ContainerRegistry/registries",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        "Microsoft.OperationalInsights/workspaces",
    }
    assert ("name: 'PUBLIC_URL'" in bicep) == EVERY_VARIANT[name]["mcp"]
    assert "/health/live" in bicep
    assert "/health/ready" in bicep
    assert not re.search(r"@secure|listKeys|listCredentials|administratorLogin", bicep)
    hooks = yaml.safe_load(texts["azure.yaml"])["hooks"]
    for hook in hooks.values():
        assert all("register.py apply" in hook[system]["run"] for system in ("posix", "windows"))
        # Otherwise, PowerShell goes on after a program that failed.
        assert "$PSNativeCommandUseErrorActionPreference = $true" in hook["windows"]["run"]
        assert '$ErrorActionPreference = "Stop"' in hook["windows"]["run"]


@pytest.mark.parametrize("slug", ["a---b--c", "a-very-long-na--me-of-a-service-7", "x"])
def test_any_slug_yields_names_that_azure_accepts(bake: Bake, slug: str) -> None:
    texts = bake(project_slug=slug, deployment="azure-container-apps").texts()
    name = re.findall(r"^    name: '(.*)'$", texts["infra/main.bicep"], re.MULTILINE)[0]
    for pattern in re.findall(
        r"^  name: '(\w+-\$\{name\}.*)'$", texts["infra/service.bicep"], re.M
    ):
        made = pattern.replace("${name}", name)
        assert re.fullmatch(r"[a-z](-?[a-z0-9]){1,31}", made), made
        assert len(made) <= 32


def test_both_storages_pass_the_same_tests(bake: Bake) -> None:
    projects = [
        bake(storage=storage, project_slug=storage + "-x") for storage in ("memory", "database")
    ]
    memory, database = (project.texts() for project in projects)
    for shared in ("tests/todos/test_access_with_roles.py", "tests/test_tokens.py"):
        assert memory[shared] == database[shared]
    for shared in ("tests/todos/test_store.py", "tests/todos/test_api.py"):
        name = "app.todos.memory"
        assert memory[shared] == database[shared].replace("app.todos.database", name)


def test_every_file_name_is_valid_on_windows() -> None:
    for path in PROJECT.rglob("*"):
        assert not re.search(r'[<>:"|?*]', path.name), path


def test_rendering_without_hooks_only_adds_files(bake: Bake, tmp_path: Path) -> None:
    with_hooks = bake(storage="memory")
    without = render(tmp_path / "without", {"storage": "memory"}, accept_hooks=False)
    assert with_hooks.texts().items() < without.texts().items()


def test_rendering_over_another_variant_removes_its_files(bake: Bake, tmp_path: Path) -> None:
    bake(storage="database", tenancy="multi-tenant")
    over = render(tmp_path, VARIANTS["single-tenant, no roles, memory"], overwrite_if_exists=True)
    fresh = render(tmp_path / "fresh", VARIANTS["single-tenant, no roles, memory"])
    assert over.texts() == fresh.texts()


@each_variant
def test_every_link_within_the_documents_has_a_target(variant: Variant, name: str) -> None:
    project = variant(name)
    pages = {path: text for path, text in project.texts().items() if path.endswith(".md")}
    for path, text in pages.items():
        for file, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
            target = (project.path / path).parent / file if file else project.path / path
            assert target.exists(), (path, file)
            page = pages.get(target.resolve().relative_to(project.path.resolve()).as_posix(), "")
            headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
            slugs = [
                re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings
            ]
            assert not anchor or anchor in slugs, (path, anchor)
