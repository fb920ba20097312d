"""Puts the service together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_azure_auth.openid_config import HttpClientConfig

from app.about import DESCRIPTION, TITLE
{% if cookiecutter.mcp %}
from app.agents import agent_router
{% endif %}
{% if cookiecutter.storage == "database" %}
from app.database.database import DatabaseStorage as Storage
{% endif %}
from app.http.middleware import middleware
from app.http.problems import answer_errors_with_problems
from app.identity import routes as identity
from app.identity.entra import EntraScheme
{% if cookiecutter.storage == "memory" %}
from app.memory import MemoryStorage as Storage
{% endif %}
from app.public import health, welcome
from app.public.docs import add_docs
from app.settings import Settings
from app.todos import routes as todos


def create_app(
    settings: Settings,
    *,
    entra_client: HttpClientConfig | None = None,
    telemetry: TelemetryConfig | None = None,
) -> FastAPI:
    """Return the service for these settings.

    `entra_client` configures the HTTP client that fetches signing keys: proxy, trusted certificates,
    transport. `telemetry` is FastAPI's argument of that name.
    """
    entra = EntraScheme(settings, http_client_config=entra_client)
    storage = Storage(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        key_refresh = asyncio.create_task(entra.keys.keep_fresh())
        async with storage.open() as opened:
            # This is `request.state`, in mounted applications too.
            yield {"settings": settings, "entra": entra, "storage": opened}
        key_refresh.cancel()

    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        lifespan=lifespan,
        telemetry=telemetry,
        openapi_tags=[todos.TAG, identity.TAG, health.TAG, welcome.TAG],
        middleware=middleware(settings),
        exception_handlers=storage.exception_handlers,
        # A redirect would go to whatever host the client names.
        redirect_slashes=False,
        # `app.public.docs` serves the docs page.
        openapi_url=None,
        # Generated clients use this as the name of a function.
        generate_unique_id_function=attrgetter("name"),
    )
    app.state.draining = False
    answer_errors_with_problems(app)
    app.include_router(todos.router)
    app.include_router(identity.router)
    app.include_router(health.router)
    app.include_router(welcome.router)
{% if cookiecutter.mcp %}
    app.include_router(agent_router(settings))
{% endif %}
    if settings.docs_enabled:
        add_docs(app, settings, entra)
    return app
