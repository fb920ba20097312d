{% set writer, writers = ("require_user", "User or Admin") if cookiecutter.app_roles else ("require_caller", "any signed-in user") %}
{% set readers = "User, Admin" if cookiecutter.app_roles else "any signed-in user" %}
{% set owner = "its owner, or an Admin of the same tenant" if cookiecutter.app_roles else "its owner" %}
{% set whole_tenant = "for an Admin or a daemon" if cookiecutter.app_roles else "for a daemon" %}
{% set about_mine = " With `mine`, an\n    Admin gets only their own." if cookiecutter.app_roles else "" %}
{% set pass_mine = ", mine=mine" if cookiecutter.app_roles else "" %}
"""The todos as tools for AI agents, through the Model Context Protocol (https://modelcontextprotocol.io).

The sign-in, the rules and the store are those of the API: a tool does what a route does.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import SecurityScopes
from fastapi_azure_auth.exceptions import ForbiddenHttp, UnauthorizedHttp
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.about import DESCRIPTION, TITLE
from app.http.paging import After, Limit
from app.identity.access import RequireCallerOrDaemon, {{ writer }}
from app.identity.caller import Caller, Daemon
from app.permissions import ACCESS_AS_USER, TODOS_READ_ALL
from app.settings import Settings
from app.todos import routes
from app.todos.{{ cookiecutter.storage }} import todo_store
from app.todos.schemas import NewTodo, Todo, TodoChanges, TodoPage

PATH = "/mcp"
METADATA = f"/.well-known/oauth-protected-resource{PATH}"
SECONDS = 10
"""How long a tool may take."""

Call = Context[Any, Any]


@asynccontextmanager
async def use_of(call: Call, tool: str) -> AsyncIterator[Request]:
    """Yield the request of a call; log the tool's name, and turn a refusal into a ToolError."""
    request: Any = call.request_context.request
    request.scope["tool"] = tool
    try:
        async with asyncio.timeout(SECONDS):
            yield request
    except HTTPException as error:
        raise ToolError(str(error.detail)) from error
    except RequestValidationError as error:
        raise ToolError("; ".join(fault["msg"] for fault in error.errors())) from error
    except TimeoutError as error:
        raise ToolError("This took too long. Try again later.") from error


{% if cookiecutter.app_roles %}
async def list_todos(
    call: Call, limit: Limit = 50, after: After = None, mine: bool = False
) -> TodoPage:
{% elif not cookiecutter.app_roles %}
async def list_todos(call: Call, limit: Limit = 50, after: After = None) -> TodoPage:
{% endif %}
    """List todos, newest first: the caller's own; {{ whole_tenant }}, those of everybody in the tenant.

    To get the next page, pass `next` of the result as `after`; it is null on the last page.{{ about_mine }}
    Access: {{ readers }}, or a daemon with the permission Todos.Read.All.
    """
    async with use_of(call, "list_todos") as request:
        reader = await routes.require_reader(request, SecurityScopes())
        store = await todo_store(request)
        return await routes.list_todos(reader, store, limit, after{{ pass_mine }})


async def create_todo(call: Call, todo: NewTodo) -> Todo:
    """Create a todo that belongs to the caller. Access: {{ writers }}."""
    async with use_of(call, "create_todo") as request:
        caller = await {{ writer }}(request, SecurityScopes())
        return await (await todo_store(request)).add(caller.person, todo)


async def change_todo(call: Call, todo_id: UUID, changes: TodoChanges) -> Todo:
    """Change a todo's title, or whether it is done, or both. Access: {{ owner }}."""
    async with use_of(call, "change_todo") as request:
        caller = await {{ writer }}(request, SecurityScopes())
        store = await todo_store(request)
        todo = await routes.own_todo(todo_id, caller, store)
        return await routes.update_todo(changes, todo, caller, store)


async def delete_todo(call: Call, todo_id: UUID) -> str:
    """Delete a todo permanently. Access: {{ owner }}."""
    async with use_of(call, "delete_todo") as request:
        caller = await {{ writer }}(request, SecurityScopes())
        store = await todo_store(request)
        todo = await routes.own_todo(todo_id, caller, store)
        await routes.delete_todo(todo, caller, store)
        return f"Deleted: {todo.title}"


TOOLS: dict[Callable[..., Awaitable[Any]], ToolAnnotations] = {
    list_todos: ToolAnnotations(read_only_hint=True, open_world_hint=False),
    create_todo: ToolAnnotations(destructive_hint=False, open_world_hint=False),
    change_todo: ToolAnnotations(
        destructive_hint=True, idempotent_hint=True, open_world_hint=False
    ),
    delete_todo: ToolAnnotations(
        destructive_hint=True, idempotent_hint=True, open_world_hint=False
    ),
}
"""The tools, and what a client may tell its user before it calls one."""


class RequireToolAccess(RequireCallerOrDaemon):
    """Admits signed-in users, and daemons with Todos.Read.All; each tool applies its own rule.

    A refusal tells a client where to sign in (RFC 9728, section 5.1).
    """

    def __init__(self, metadata_url: str, scope: str) -> None:
        super().__init__(TODOS_READ_ALL)
        self.challenge = f'resource_metadata="{metadata_url}", scope="{scope}"'

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> Caller | Daemon:
        """Return who calls, or raise the exception for a 401, 403 or 503."""
        try:
            return await super().__call__(connection, scopes)
        except (UnauthorizedHttp, ForbiddenHttp) as error:
            headers = dict(error.headers or {})
            given = re.sub(r', scope="[^"]*"', "", headers.get("WWW-Authenticate", "Bearer"))
            separator = ", " if "=" in given else " "
            error.headers = headers | {"WWW-Authenticate": f"{given}{separator}{self.challenge}"}
            raise


class Handled(Response):
    """A response that another ASGI application sends."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application respond."""
        await self._app(scope, receive, send)


def agent_router(settings: Settings) -> APIRouter:
    """Return the routes for agents: the tools, and where to sign in for them (RFC 9728)."""
    resource = f"{settings.public_url}{PATH}"
    scope = f"{resource}/{ACCESS_AS_USER.value}"
    # Its lines at INFO quote what clients send, such as the names of unknown tools.
    logging.getLogger("mcp").setLevel(logging.WARNING)
    server = MCPServer(TITLE, instructions=DESCRIPTION)
    for tool, annotations in TOOLS.items():
        server.add_tool(tool, annotations=annotations)
    server.streamable_http_app(
        # Without sessions, any replica can respond to any request.
        stateless_http=True,
        json_response=True,
        max_request_body_size=settings.max_body_bytes,
        transport_security=allowed_addresses(settings),
    )
    sessions = server.session_manager
    router = APIRouter(lifespan=lambda _: sessions.run())
    agent = RequireToolAccess(f"{settings.public_url}{METADATA}", scope)

    @router.post(PATH, include_in_schema=False)
    async def call_tool(caller: Annotated[Caller | Daemon, Security(agent)]) -> Response:
        return Handled(sessions.handle_request)

    @router.get(METADATA, include_in_schema=False)
    async def metadata() -> dict[str, Any]:
        return {
            "resource": resource,
            "authorization_servers": [f"{settings.sign_in_address}/v2.0"],
            "scopes_supported": [scope],
            "bearer_methods_supported": ["header"],
            "resource_name": TITLE,
        }

    return router


def allowed_addresses(settings: Settings) -> TransportSecuritySettings:
    """Return the hosts and origins that requests may name, so that no page can rebind DNS."""
    address = urlsplit(settings.public_url)
    hosts = [address.netloc.removesuffix(f":{address.port}"), *settings.trusted_hosts]
    origins = [f"{address.scheme}://{address.netloc}", *settings.cors_origins]
    return TransportSecuritySettings(
        allowed_hosts=[*hosts, *(f"{host}:*" for host in hosts)], allowed_origins=origins
    )
