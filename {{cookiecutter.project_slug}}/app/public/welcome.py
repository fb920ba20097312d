"""The links at the root of the service."""

from fastapi import APIRouter, Request
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel

from app.about import DESCRIPTION, TITLE

TAG = {"name": "welcome", "description": "Where to start."}
router = APIRouter(tags=["welcome"])


class Welcome(BaseModel):
    """The name of this service, and its links."""

    name: str
    description: str
    links: dict[str, str]


@router.get("/", summary="List the links of this service")
async def welcome(request: Request) -> Welcome:
    """List the links of this service.

    Access: anyone.
    """
    prefix = request.scope.get("root_path", "")
    paths = [route.path for route in iter_route_contexts(request.app.routes)]
    resources = [path for path in paths if path and path.startswith("/api/") and "{" not in path]
    links = {path.removeprefix("/api/"): path for path in resources} | {"health": "/health/ready"}
    if "/docs" in paths:
        links["docs"] = "/docs"
    return Welcome(
        name=TITLE,
        description=DESCRIPTION,
        links={name: prefix + path for name, path in links.items()},
    )
