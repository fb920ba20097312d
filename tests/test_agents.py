"""The variants that agents can use: installed, checked and tested."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from template_text import RESERVED_SLUGS
from tests.conftest import AGENTS, TYPED, Project, clean_environment, render
from tests.missing import need
from tests.running import python_of, running

pytestmark = pytest.mark.slow

AGENTS_FILE = "app/agents.py"
RULES = {
    "that the token is verified": (
        "return await super().__call__(connection, scopes)",
        "return Daemon(UUID(int=0), UUID(int=0), None, frozenset())",
    ),
    "the rule of a tool": (
        "caller = await require_user(request, SecurityScopes())",
        'caller = request.scope["caller"]',
    ),
    "the owner in a tool": (
        "todo = await routes.own_todo(todo_id, caller, store)",
        "todo = await routes._todo(todo_id, caller.tenant_id, store)",
    ),
}
"""Checks in the tools, and what removes each."""
SCRIPT = """
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
const [url, token] = process.argv.slice(2);
const requestInit = { headers: { Authorization: `Bearer ${token}` } };
const client = new Client({ name: "test", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
const { tools } = await client.listTools();
console.log(tools.map((tool) => tool.name).join(" "));
const call = async (name, values) => await client.callTool({ name, arguments: values });
const { structuredContent: todo } = await call("create_todo", { todo: { title: "milk" } });
console.log((await call("list_todos", {})).structuredContent.items[0].title);
console.log((await call("change_todo", { todo_id: todo.id, changes: { done: true } })).structuredContent.done);
console.log((await call("delete_todo", { todo_id: todo.id })).content[0].text);
console.log((await call("delete_todo", { todo_id: todo.id })).content[0].text);
await client.close();
"""


@pytest.mark.parametrize("name", [f"{name}, agents" for name in TYPED])
def test_variant_for_agents_passes_its_checks_and_tests(
    tmp_path_factory: pytest.TempPathFactory, name: str, uv: str
) -> None:
    project = render(tmp_path_factory.mktemp("agents"), AGENTS[name])
    assert project.packages() <= RESERVED_SLUGS, project.packages() - RESERVED_SLUGS
    project.run(uv, "sync", "--locked", "--all-groups", "--all-extras")
    project.run(uv, "run", "ruff", "format", "--check")
    project.run(uv, "run", "ruff", "check")
    project.run(uv, "run", "mypy", ".")
    ignored = ("tests/browser", "tests/fuzz", "tests/todos/test_docs_page.py")
    options = [f"--ignore={path}" for path in ignored]
    said = project.run(uv, "run", "pytest", "-q", "-n", "0", *options)
    assert re.search(r"^\d+ passed", said, re.MULTILINE), said


@pytest.fixture
def project(tmp_path: Path, uv: str) -> Project:
    """Return the default variant, with tools for agents, installed."""
    project = render(tmp_path, AGENTS[f"{TYPED[0]}, agents"])
    project.run(uv, "sync", "--locked")
    return project


def test_official_client_in_typescript_works_through_every_tool(
    project: Project, tmp_path: Path, uv: str
) -> None:
    need("npm", "node")
    folder = tmp_path / "packages"
    folder.mkdir()
    install = ["npm", "install", "--silent", "--no-fund", "--no-audit"]
    subprocess.run([*install, "@modelcontextprotocol/client@2"], cwd=folder, check=True)
    (folder / "client.mjs").write_text(SCRIPT, encoding="utf-8")
    with running(project, uv) as (service, entra, _):
        ask = ["python", "-m", "dev", "token", "--as", "bob", "--entra-port", str(entra)]
        token = project.run(uv, "run", *ask).strip()
        called = subprocess.run(
            ["node", "client.mjs", f"{service}/mcp", token],
            cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert called.returncode == 0, called.stderr
    assert called.stdout.splitlines() == [
        "list_todos create_todo change_todo delete_todo",
        "milk",
        "true",
        "Deleted: milk",
        "Error executing tool delete_todo: There is no such todo.",
    ]


def test_tests_fail_without_a_check_of_the_tools(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__")
    shutil.copytree(project.path, copy, ignore=ignored)
    original = (copy / AGENTS_FILE).read_text(encoding="utf-8")
    command = [python_of(project), "-m", "pytest", "-qx", "-n0", "tests/test_agents.py"]
    for check, (code, without) in {"nothing": ("", ""), **RULES}.items():
        assert code in original, check
        (copy / AGENTS_FILE).write_text(original.replace(code, without), encoding="utf-8")
        ended = subprocess.run(
            command, cwd=copy, env=clean_environment(), capture_output=True, text=True, check=False
        )
        assert ended.returncode == (0 if check == "nothing" else 1), f"{check}: {ended.stdout}"
