"""The comparator: the same routes over the same store, left open, in a bare FastAPI app.

It is written as FastAPI's documentation has it: the router is included, the store is a dependency.
It answers what the service answers, the cursor of the next page included.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from app.http.paging import After, Limit, encode_cursor
from app.identity.caller import Person
from app.memory import Memory
from app.todos.memory import TodoStore
from app.todos.schemas import NewTodo, Todo, TodoPage
from fastapi import APIRouter, Depends, FastAPI, Request

OWNER = Person(
    UUID("c0000000-0000-4000-8000-00000000c050"), UUID("b0b00000-0000-4000-8000-000000000002")
)

router = APIRouter(prefix="/api/todos")


async def todo_store(request: Request) -> TodoStore:
    """Return the store, as FastAPI's documentation has it: a dependency."""
    return TodoStore(request.app.state.memory)


Store = Annotated[TodoStore, Depends(todo_store)]


@router.get("")
async def list_todos(
    store: Store, limit: Limit = 50, after: After = None, mine: bool = False
) -> TodoPage:
    """List todos of one owner."""
    todos = await store.list_for_owner(OWNER, limit=limit + 1)
    items = todos[:limit]
    more = len(todos) > limit
    return TodoPage(items=items, next=encode_cursor(items[-1].id, *OWNER) if more else None)


@router.post("", status_code=201)
async def create_todo(new: NewTodo, store: Store) -> Todo:
    """Create a todo."""
    return await store.add(OWNER, new)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold a memory."""
    app.state.memory = Memory()
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(router)
