"""What editors read: `.vscode/` and `.devcontainer/` name what exists in the project."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import TYPED, Project

Variant = Callable[[str], Project]
each_typed = pytest.mark.parametrize("name", TYPED)


def read(project: Project, path: str) -> Any:
    """Return the content of a JSON file."""
    return json.loads(project.path.joinpath(path).read_text(encoding="utf-8"))


@each_typed
def test_debugger_runs_modules_with_options_that_they_have(variant: Variant, name: str) -> None:
    project = variant(name)
    tasks = {task["label"] for task in read(project, ".vscode/tasks.json")["tasks"]}
    configurations = read(project, ".vscode/launch.json")["configurations"]
    assert [configuration["module"] for configuration in configurations] == ["dev", "app.serve"]
    for configuration in configurations:
        file = project.path.joinpath(*configuration["module"].split("."))
        file = file / "__main__.py" if file.is_dir() else file.with_suffix(".py")
        options = {word for word in configuration["args"] if word.startswith("--")}
        assert options <= set(re.findall(r'"(--[\w-]+)"', file.read_text(encoding="utf-8")))
        assert configuration["preLaunchTask"] in tasks


@each_typed
def test_dev_container_has_the_python_and_the_ports_of_the_project(
    variant: Variant, name: str
) -> None:
    project = variant(name)
    container = read(project, ".devcontainer/devcontainer.json")
    texts = project.texts()
    image = re.search(r"^FROM python:([\d.]+)", texts["Dockerfile"], re.MULTILINE)
    assert image
    assert container["image"] == f"mcr.microsoft.com/devcontainers/python:{image[1]}"
    ports = re.search(
        r"^PORT, DEFAULT_ENTRA_PORT = (\d+), (\d+)$", texts["dev/__main__.py"], re.MULTILINE
    )
    assert ports
    assert container["forwardPorts"] == [int(port) for port in ports.groups()]
    # Sign-in works at exactly these ports only.
    assert all(
        container["portsAttributes"][port]["requireLocalPort"] is True for port in ports.groups()
    )


@each_typed
def test_dev_container_and_editor_recommend_the_same_extensions(
    variant: Variant, name: str
) -> None:
    project = variant(name)
    inside = read(project, ".devcontainer/devcontainer.json")["customizations"]["vscode"]
    recommended = read(project, ".vscode/extensions.json")["recommendations"]
    assert inside["extensions"] == recommended
    assert inside["settings"]["python.defaultInterpreterPath"].endswith("/.venv/bin/python")
