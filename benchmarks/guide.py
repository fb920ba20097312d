"""The comparator: a service in the style of the guides, with endpoints of its own."""

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException, Request, Response, Security
from fastapi.middleware.cors import CORSMiddleware
from fastapi_azure_auth.user import User
from pydantic import BaseModel

from benchmarks.plain import LocalBearer

logger = logging.getLogger("guide")
logging.basicConfig(level=logging.INFO)


class TodoIn(BaseModel):
    """A todo to create."""

    title: str
    done: bool = False


class TodoOut(BaseModel):
    """A todo."""

    id: str
    title: str
    done: bool
    owner_id: str
    created_at: datetime
    updated_at: datetime


class Page(BaseModel):
    """Some todos."""

    items: list[TodoOut]
    next: str | None = None


scheme = LocalBearer()
app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=["http://localhost:3000"],
    allow_methods=["*"],
    allow_headers=["*"],
)
todos: list[dict[str, Any]] = []


@app.middleware("http")
async def log_requests(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Log a line for each request."""
    started = time.time()
    response = await call_next(request)
    milliseconds = (time.time() - started) * 1000
    logger.info(
        "%s %s %s %.1f ms", request.method, request.url.path, response.status_code, milliseconds
    )
    return response


async def current_user(user: Annotated[User, Security(scheme, scopes=["access_as_user"])]) -> User:
    """Let users with a role through."""
    if not {"User", "Admin"} & set(user.roles):
        raise HTTPException(403, "You need a role")
    return user


@app.get("/api/todos")
async def list_todos(
    user: Annotated[User, Depends(current_user)], limit: int = 50, offset: int = 0
) -> Page:
    """List todos."""
    mine = [todo for todo in reversed(todos) if todo["owner_id"] == user.claims["oid"]]
    return Page(items=[TodoOut(**todo) for todo in mine[offset : offset + limit]])


@app.post("/api/todos", status_code=201)
async def create_todo(new: TodoIn, user: Annotated[User, Depends(current_user)]) -> TodoOut:
    """Create a todo."""
    now = datetime.now(UTC)
    todo = {
        "id": str(uuid4()),
        "owner_id": user.claims["oid"],
        "created_at": now,
        "updated_at": now,
        **new.model_dump(),
    }
    todos.append(todo)
    return TodoOut(**todo)
