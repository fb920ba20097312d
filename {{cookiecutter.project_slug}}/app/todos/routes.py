{% set user, everyone = ("User", "User, Admin") if cookiecutter.app_roles else ("SignedIn", "any signed-in user") %}
{% set owner = "its owner, or an Admin of the same tenant" if cookiecutter.app_roles else "its owner" %}
{% set owners = "its owner and an Admin" if cookiecutter.app_roles else "its owner" %}
{% set unless_admin = " and not caller.has_role(ADMIN)" if cookiecutter.app_roles else "" %}
"""The todo API. The parameters of a route are its access rule."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, {{ "Query, " if cookiecutter.app_roles }}Request, Response

from app.http.paging import After, Limit, decode_cursor, encode_cursor
from app.http.problems import responses
{% if cookiecutter.app_roles %}
from app.identity.access import Admin, User
from app.permissions import ADMIN
{% elif not cookiecutter.app_roles %}
from app.identity.access import SignedIn
{% endif %}
from app.todos.{{ cookiecutter.storage }} import Store
from app.todos.schemas import NewTodo, Todo, TodoChanges, TodoPage

TAG = {"name": "todos", "description": "What there is to do."}
router = APIRouter(prefix="/api/todos", tags=["todos"], responses=responses(401, 403, 503))

MISSING = "There is no such todo."
OF_ONE = responses(404, 422, details={404: MISSING})


async def _own_todo(todo_id: UUID, caller: {{ user }}, store: Store) -> Todo:
    todo = await store.get(tenant_id=caller.tenant_id, todo_id=todo_id)
    if todo is None:
        raise HTTPException(404, MISSING)
    if todo.owner_id != caller.object_id{{ unless_admin }}:
        raise HTTPException(403, "Only {{ owners }} may use this todo.")
    return todo


OwnTodo = Annotated[Todo, Depends(_own_todo)]
{% if cookiecutter.app_roles %}
"""The todo in the path, loaded for its owner or an Admin of the same tenant."""


@router.get("", summary="List todos", responses=responses(422))
async def list_todos(
    caller: User,
    store: Store,
    limit: Limit = 50,
    after: After = None,
    mine: Annotated[bool, Query(description="For an Admin: only your own todos.")] = False,
) -> TodoPage:
    """List your todos, newest first; for an Admin, those of everybody in the tenant.

    Access: User, Admin.
    """
    if caller.has_role(ADMIN) and not mine:
        of_list: tuple[UUID, ...] = (caller.tenant_id,)
        last = decode_cursor(after, *of_list)
        todos = await store.list_for_tenant(caller.tenant_id, limit=limit + 1, after=last)
    else:
        of_list = caller.person
        last = decode_cursor(after, *of_list)
        todos = await store.list_for_owner(caller.person, limit=limit + 1, after=last)
{% elif not cookiecutter.app_roles %}
"""The todo in the path, loaded for its owner."""


@router.get("", summary="List todos", responses=responses(422))
async def list_todos(
    caller: SignedIn, store: Store, limit: Limit = 50, after: After = None
) -> TodoPage:
    """List your todos, newest first.

    Access: any signed-in user.
    """
    of_list = caller.person
    last = decode_cursor(after, *of_list)
    todos = await store.list_for_owner(caller.person, limit=limit + 1, after=last)
{% endif %}
    items = todos[:limit]
    more = len(todos) > limit
    return TodoPage(items=items, next=encode_cursor(items[-1].id, *of_list) if more else None)


@router.post("", status_code=201, summary="Create a todo", responses=responses(413, 415, 422))
async def create_todo(
    new: NewTodo, caller: {{ user }}, store: Store, request: Request, response: Response
) -> Todo:
    """Create a todo of your own.

    Access: {{ everyone }}.
    """
    todo = await store.add(caller.person, new)
    response.headers["Location"] = f"{request.scope['path']}/{todo.id}"
    return todo


@router.get("/{todo_id}", summary="Read a todo", responses=OF_ONE)
async def get_todo(todo: OwnTodo) -> Todo:
    """Read one todo.

    Access: {{ owner }}.
    """
    return todo


@router.patch("/{todo_id}", summary="Change a todo", responses=OF_ONE | responses(413, 415))
async def update_todo(
    changes: TodoChanges,
    todo: OwnTodo,
    caller: {{ user }},
    store: Store,
) -> Todo:
    """Change a todo's title, or whether it is done, or both.

    Access: {{ owner }}.
    """
    changed = await store.update(tenant_id=caller.tenant_id, todo_id=todo.id, changes=changes)
    if changed is None:
        raise HTTPException(404, "This todo no longer exists.")
    return changed


@router.delete("/{todo_id}", status_code=204, summary="Delete a todo", responses=OF_ONE)
async def delete_todo(todo: OwnTodo, caller: {{ user }}, store: Store) -> None:
    """Delete one todo.

    Access: {{ owner }}.
    """
    await store.delete(tenant_id=caller.tenant_id, todo_id=todo.id)
{% if cookiecutter.app_roles %}


@router.delete("", status_code=204, summary="Delete every todo of the tenant")
async def delete_all_todos(caller: Admin, store: Store) -> None:
    """Delete every todo of your tenant.

    Access: Admin.
    """
    await store.delete_all(tenant_id=caller.tenant_id)
{% endif %}
