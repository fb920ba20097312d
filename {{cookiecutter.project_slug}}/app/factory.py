"""Where the service is put together, in the order in which a request meets its parts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_azure_auth.openid_config import HttpClientConfig

from app import health, welcome
from app.about import DESCRIPTION, TITLE
from app.docs import add_docs
from app.edge import edge_middleware
from app.identity import routes as identity
from app.identity.entra import EntraSignIn
from app.problems import answer_errors_with_problems
from app.settings import Settings
from app.todos import routes as todos
from app.todos.{{ cookiecutter.storage }} import open_store


def create_app(
    settings: Settings,
    *,
    entra_client: HttpClientConfig | None = None,
    telemetry: TelemetryConfig | None = None,
) -> FastAPI:
    """Return the service for these settings.

    `entra_client` configures the HTTP client that fetches signing keys: its proxy, its trusted
    certificates, its transport. `telemetry` is FastAPI's own argument of this name.
    """
    sign_in = EntraSignIn(settings, http_client_config=entra_client)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        key_refresh = asyncio.create_task(sign_in.keys.keep_fresh())
        async with open_store(settings) as store:
            # `request.state`, in applications that are mounted too.
            yield {"sign_in": sign_in, "store": store}
        key_refresh.cancel()

    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        lifespan=lifespan,
        telemetry=telemetry,
        middleware=edge_middleware(settings),
        # A redirect would go to whatever host the client names.
        redirect_slashes=False,
        # The docs page is our own: see `app.docs`.
        openapi_url=None,
    )
    app.state.sign_in = sign_in
    app.state.leaving = False
    answer_errors_with_problems(app)
    app.include_router(todos.router)
    app.include_router(identity.router)
    app.include_router(health.router)
    app.include_router(welcome.router)
    if settings.docs_enabled:
        add_docs(app, settings, sign_in)
    return app
