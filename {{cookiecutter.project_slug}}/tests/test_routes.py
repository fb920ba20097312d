"""Every route is either public on purpose or in an access table."""

import importlib
import re
from pathlib import Path

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from app.identity.access import AccessRule
from tests.access import cases

PUBLIC = {
    "/",
    "/health",
    "/health/live",
    "/health/ready",
    "/docs",
    "/oauth2-redirect",
    "/openapi.json",
    "/swagger-ui",
{% if cookiecutter.mcp %}
    "/.well-known/oauth-protected-resource/mcp",
{% endif %}
}
TESTS = Path(__file__).parent


def requires_caller(dependant: Dependant) -> bool:
    """Return whether this dependency, or one that it depends on, requires a caller."""
    inner = map(requires_caller, dependant.dependencies)
    return isinstance(dependant.call, AccessRule) or any(inner)


def operation(method: str, path: str) -> str:
    """Return the name of an operation, without the names of its path parameters."""
    return f"{method} {re.sub(r'{.*?}', '{}', path.partition('?')[0])}"


def in_tables() -> set[str]:
    """Return the operations in the TABLE of every module named `test_access….py`."""
    files = [path.relative_to(TESTS.parent) for path in TESTS.rglob("test_access*.py")]
    modules = [importlib.import_module(".".join(file.with_suffix("").parts)) for file in files]
    return {operation(case.method, case.path) for module in modules for case in cases(module.TABLE)}


def test_every_route_is_public_on_purpose_or_requires_a_caller(client: TestClient) -> None:
    assert isinstance(client.app, FastAPI)
    open_to_all = set()
    guarded = set()
    for route in iter_route_contexts(client.app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is not None and requires_caller(dependant):
            guarded |= {operation(method, str(route.path)) for method in route.methods or ()}
        else:
            open_to_all.add(route.path)
    assert open_to_all == PUBLIC
    missing = guarded - in_tables()
    assert not missing, f"These operations are in no access table: {sorted(missing)}"
