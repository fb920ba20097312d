"""The comparator: the same operations as small as FastAPI lets one write them."""

from uuid import UUID

from app.identity.caller import Person
from app.memory import Memory
from app.todos.memory import TodoStore
from app.todos.schemas import NewTodo, Todo, TodoPage
from fastapi import FastAPI

OWNER = Person(
    UUID("c0000000-0000-4000-8000-00000000c050"), UUID("b0b00000-0000-4000-8000-000000000002")
)

app = FastAPI()
store = TodoStore(Memory())


@app.get("/api/todos")
async def list_todos(limit: int = 50, after: str | None = None, mine: bool = False) -> TodoPage:
    """List todos of one owner."""
    todos = await store.list_for_owner(OWNER, limit=limit + 1)
    return TodoPage(items=todos[:limit], next=None)


@app.post("/api/todos", status_code=201)
async def create_todo(new: NewTodo) -> Todo:
    """Create a todo."""
    return await store.add(OWNER, new)
