"""The hooks, rendered and loaded as modules."""

import runpy
from pathlib import Path
from typing import Any

from cookiecutter.utils import create_env_with_context

from tests.conftest import TEMPLATE, VARIANTS

ANSWERS = {
    "project_name": "Todo API",
    "project_slug": "todo-api",
    "description": "A service.",
    "author_name": "Your Name",
    **VARIANTS["single-tenant, roles, database"],
}


def rendered_hook(name: str, folder: Path) -> Path:
    """Render a hook with `ANSWERS` into a folder; return its path."""
    context = {"cookiecutter": {"_extensions": ["template_text.TemplateText"], **ANSWERS}}
    source = (TEMPLATE / "hooks" / f"{name}.py").read_text(encoding="utf-8")
    rendered = folder / f"{name}.py"
    rendered.write_text(
        create_env_with_context(context).from_string(source).render(**context), encoding="utf-8"
    )
    return rendered


def hook(name: str, folder: Path) -> dict[str, Any]:
    """Render a hook with `ANSWERS` into a folder; return the names that it defines."""
    return runpy.run_path(str(rendered_hook(name, folder)))
