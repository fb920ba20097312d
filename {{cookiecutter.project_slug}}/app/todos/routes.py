"""The todo API. A route's parameters say who may call it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError

{% set user = "User" if cookiecutter.app_roles else "SignedIn" %}
{% if cookiecutter.app_roles %}
from app.identity.caller import Admin, User, sign_in_of
{% else %}
from app.identity.caller import SignedIn, sign_in_of
{% endif %}
from app.problems import responses
from app.todos.cursor import InvalidCursorError, decode_cursor, encode_cursor
from app.todos.schemas import NewTodo, Todo, TodoChanges, TodoPage
from app.todos.store import Store

router = APIRouter(prefix="/api/todos", tags=["todos"], responses=responses(401, 403, 503))


async def _own_todo(request: Request, todo_id: UUID, caller: {{ user }}, store: Store) -> Todo:
    todo = await store.get(caller.tenant_id, todo_id)
    if todo is None:
        raise HTTPException(404, "There is no such todo.")
{% if cookiecutter.app_roles %}
    if todo.owner_id != caller.object_id and not caller.is_admin:
        raise sign_in_of(request).forbidden("Only its owner and an Admin may use this todo.")
{% else %}
    if todo.owner_id != caller.object_id:
        raise sign_in_of(request).forbidden("Only its owner may use this todo.")
{% endif %}
    return todo


OwnTodo = Annotated[Todo, Depends(_own_todo)]
{% if cookiecutter.app_roles %}
"""The todo that the path names: loaded for its owner, or for an Admin of the same tenant."""
{% else %}
"""The todo that the path names: loaded for its owner."""
{% endif %}

Limit = Annotated[int, Query(ge=1, le=100, description="How many todos at most.")]
After = Annotated[str | None, Query(max_length=100, description="`next` of the page before.")]
{% if cookiecutter.app_roles %}
Mine = Annotated[bool, Query(description="For an Admin: only your own todos.")]
{% endif %}


@router.get("", responses=responses(422))
async def list_todos(
    caller: {{ user }}, store: Store, limit: Limit = 50, after: After = None{{ ", mine: Mine = False" if cookiecutter.app_roles }}
) -> TodoPage:
{% if cookiecutter.app_roles %}
    """List your todos, newest first; for an Admin, those of everybody in the tenant.

    Who may: User, Admin.
    """
    owner = None if caller.is_admin and not mine else caller.object_id
{% else %}
    """List your todos, newest first.

    Who may: everyone signed in.
    """
    owner = caller.object_id
{% endif %}
    last = _decoded(after, caller.tenant_id, owner) if after is not None else None
    todos = await store.page(caller.tenant_id, owner, limit=limit + 1, after=last)
    items = todos[:limit]
    more = len(todos) > limit
    return TodoPage(
        items=items, next=encode_cursor(items[-1].id, caller.tenant_id, owner) if more else None
    )


@router.post("", status_code=201, responses=responses(413, 415, 422))
async def create_todo(
    new: NewTodo, caller: {{ user }}, store: Store, request: Request, response: Response
) -> Todo:
    """Create a todo of your own.

    Who may: {{ "User, Admin" if cookiecutter.app_roles else "everyone signed in" }}.
    """
    todo = await store.add(caller.tenant_id, caller.object_id, new)
    response.headers["Location"] = f"{request.scope['path']}/{todo.id}"
    return todo


@router.get("/{todo_id}", responses=responses(404, 422))
async def get_todo(todo: OwnTodo) -> Todo:
    """Read one todo.

    Who may: {{ "its owner, or an Admin of the same tenant" if cookiecutter.app_roles else "its owner" }}.
    """
    return todo


@router.patch("/{todo_id}", responses=responses(404, 413, 415, 422))
async def change_todo(changes: TodoChanges, todo: OwnTodo, caller: {{ user }}, store: Store) -> Todo:
    """Change a todo's title, or whether it is done, or both.

    Who may: {{ "its owner, or an Admin of the same tenant" if cookiecutter.app_roles else "its owner" }}.
    """
    changed = await store.change(caller.tenant_id, todo.id, changes)
    if changed is None:
        raise HTTPException(404, "There is no such todo any more.")
    return changed


@router.delete("/{todo_id}", status_code=204, responses=responses(404, 422))
async def delete_todo(todo: OwnTodo, caller: {{ user }}, store: Store) -> None:
    """Delete one todo.

    Who may: {{ "its owner, or an Admin of the same tenant" if cookiecutter.app_roles else "its owner" }}.
    """
    await store.remove(caller.tenant_id, todo.id)
{% if cookiecutter.app_roles %}


@router.delete("", status_code=204)
async def delete_all_todos(caller: Admin, store: Store) -> None:
    """Delete every todo of your tenant.

    Who may: Admin.
    """
    await store.clear(caller.tenant_id)
{% endif %}


def _decoded(after: str, tenant_id: UUID, owner_id: UUID | None) -> UUID:
    try:
        return decode_cursor(after, tenant_id, owner_id)
    except InvalidCursorError:
        fault = {"type": "cursor", "loc": ("query", "after"), "msg": "Not a cursor of this list"}
        raise RequestValidationError([fault]) from None
