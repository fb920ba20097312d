{% set user, everyone = ("User", "User, Admin") if cookiecutter.app_roles else ("SignedIn", "any signed-in user") %}
{% set owner = "its owner, or an Admin of the same tenant" if cookiecutter.app_roles else "its owner" %}
{% set owners = "its owner or an Admin" if cookiecutter.app_roles else "its owner" %}
{% set readers, require_roles = ("People with the app role User or Admin", ", USER, ADMIN") if cookiecutter.app_roles else ("Any signed-in user", "") %}
{% set of_whole_tenant = "isinstance(caller, Daemon) or (caller.has_role(ADMIN) and not mine)" if cookiecutter.app_roles else "isinstance(caller, Daemon)" %}
{% set for_whom = "an Admin or a daemon" if cookiecutter.app_roles else "a daemon" %}
{% set unless_admin = " and not caller.has_role(ADMIN)" if cookiecutter.app_roles else "" %}
"""The todo API. The parameters of a route are its access rule."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, {{ "Query, " if cookiecutter.app_roles }}Request, Response, Security

from app.http.paging import After, Limit, decode_cursor, encode_cursor
from app.http.problems import responses
{% if cookiecutter.app_roles %}
from app.identity.access import Admin, RequireCallerOrDaemon, User
from app.identity.caller import Caller, Daemon
from app.permissions import ADMIN, TODOS_READ_ALL, USER
{% elif not cookiecutter.app_roles %}
from app.identity.access import RequireCallerOrDaemon, SignedIn
from app.identity.caller import Caller, Daemon
from app.permissions import TODOS_READ_ALL
{% endif %}
from app.todos.{{ cookiecutter.storage }} import Store
from app.todos.schemas import NewTodo, Todo, TodoChanges, TodoPage

TAG = {"name": "todos", "description": "What there is to do."}
router = APIRouter(prefix="/api/todos", tags=["todos"], responses=responses(401, 403, 503))

MISSING = "There is no such todo."
OF_ONE = responses(404, 422, details={404: MISSING})


require_reader = RequireCallerOrDaemon(TODOS_READ_ALL{{ require_roles }})
Reader = Annotated[Caller | Daemon, Security(require_reader)]
"""{{ readers }}, or a daemon with the permission Todos.Read.All."""


async def _todo(todo_id: UUID, tenant_id: UUID, store: Store) -> Todo:
    todo = await store.get(tenant_id=tenant_id, todo_id=todo_id)
    if todo is None:
        raise HTTPException(404, MISSING)
    return todo


async def own_todo(todo_id: UUID, caller: {{ user }}, store: Store) -> Todo:
    """Return the todo for {{ owner }}; raise the exception for a 403 or 404."""
    todo = await _todo(todo_id, caller.tenant_id, store)
    if todo.owner_id != caller.object_id{{ unless_admin }}:
        raise HTTPException(403, "Only {{ owners }} may use this todo.")
    return todo


OwnTodo = Annotated[Todo, Depends(own_todo)]
"""The todo in the path, loaded for {{ owner }}."""


async def _readable_todo(todo_id: UUID, caller: Reader, store: Store) -> Todo:
    if isinstance(caller, Daemon):
        return await _todo(todo_id, caller.tenant_id, store)
    return await own_todo(todo_id, caller, store)


@router.get("", summary="List todos", responses=responses(422))
async def list_todos(
{% if cookiecutter.app_roles %}
    caller: Reader,
    store: Store,
    limit: Limit = 50,
    after: After = None,
    mine: Annotated[bool, Query(description="For an Admin: only your own todos.")] = False,
{% elif not cookiecutter.app_roles %}
    caller: Reader, store: Store, limit: Limit = 50, after: After = None
{% endif %}
) -> TodoPage:
    """List your todos, newest first; for {{ for_whom }}, those of everybody in the tenant.

    Access: {{ everyone }}, or a daemon with Todos.Read.All.
    """
    if {{ of_whole_tenant }}:
        of_list: tuple[UUID, ...] = (caller.tenant_id,)
        last = decode_cursor(after, *of_list)
        todos = await store.list_for_tenant(caller.tenant_id, limit=limit + 1, after=last)
    else:
        of_list = caller.person
        last = decode_cursor(after, *of_list)
        todos = await store.list_for_owner(caller.person, limit=limit + 1, after=last)
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
async def get_todo(todo: Annotated[Todo, Depends(_readable_todo)]) -> Todo:
    """Read one todo.

    Access: {{ owner }}, or a daemon with Todos.Read.All.
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
