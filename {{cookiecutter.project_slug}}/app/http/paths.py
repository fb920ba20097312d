"""The path of a request, as the routes see it."""

from starlette.types import Scope


def route_path(scope: Scope) -> str:
    """Return the path of a request without the prefix at which the service is reached."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def is_probe(path: str) -> bool:
    """Return whether a path without prefix is that of a health probe."""
    return path == "/health" or path.startswith("/health/")
