"""The path of a request, as the routes see it."""

from starlette.types import Scope


def route_path(scope: Scope) -> str:
    """Return the path of a request without the prefix of the service (`root_path`)."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def is_probe(path: str) -> bool:
    """Return whether a path without the prefix is a health probe."""
    return path == "/health" or path.startswith("/health/")
