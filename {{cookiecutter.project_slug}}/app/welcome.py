"""The welcome at the root of the service."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.about import DESCRIPTION, TITLE

router = APIRouter(tags=["welcome"])


class Welcome(BaseModel):
    """What this service is, and where to go from here."""

    name: str
    description: str
    links: dict[str, str]


@router.get("/")
async def welcome(request: Request) -> Welcome:
    """Learn what this is, and where to go.

    Who may: anyone.
    """
    prefix = request.scope.get("root_path", "")
    paths = {"me": "/api/me", "todos": "/api/todos", "health": "/health/ready", "docs": "/docs"}
    if not request.app.state.sign_in.settings.docs_enabled:
        del paths["docs"]
    links = {name: prefix + path for name, path in paths.items()}
    return Welcome(name=TITLE, description=DESCRIPTION, links=links)
