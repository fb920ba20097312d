"""Fixtures: the service under test, and the stand-in for Entra ID."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi.testclient import TestClient
from fastapi_azure_auth.openid_config import HttpClientConfig

from app.factory import create_app
from app.http.request_log import RequestLog
from app.settings import Settings
from dev.directory import API_CLIENT_ID, DOCS_CLIENT_ID, daemon_called, docs_page, person_called
from dev.entra import API_SCOPES, StandIn
from dev.tenancy_{{ cookiecutter.tenancy | replace("-tenant", "") }} import TENANTS
from tests.live import live  # noqa: F401  a fixture
from tests.storage_{{ cookiecutter.storage }} import *  # noqa: F403  the fixtures of the storage

ENTRA = "http://localhost:8400"
DOCS_PAGE = docs_page(8000)

Values = dict[str, Any]

SELECTOR: Values = {"loop_factory": asyncio.SelectorEventLoop}
"""The one event loop of asyncio that every library supports; it is not the default on Windows."""


@pytest.fixture
def anyio_backend() -> tuple[str, Values]:
    """Run asynchronous tests on the event loop of `SELECTOR`."""
    return "asyncio", SELECTOR


@pytest.fixture(scope="session")
def entra() -> StandIn:
    """Return the stand-in that all tests share; do not change it."""
    return StandIn(ENTRA, [DOCS_PAGE])


@pytest.fixture
def values(storage_values: Values) -> Values:
    """Return valid settings, which a test may change before it builds a service."""
    registered = {
        "api_client_id": API_CLIENT_ID,
        "swagger_ui_client_id": DOCS_CLIENT_ID,
        "entra_authority": ENTRA,
{% if cookiecutter.mcp %}
        "public_url": "http://testserver",
{% endif %}
    }
    return TENANTS | storage_values | registered


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Restore the configuration of the log afterwards."""
    root = logging.getLogger()
    named = root.manager.loggerDict.values()
    loggers = [root, *(logger for logger in named if isinstance(logger, logging.Logger))]
    before = [(logger.level, logger.disabled, logger.handlers[:]) for logger in loggers]
    yield
    RequestLog.stream = None
    for logger, (level, disabled, handlers) in zip(loggers, before, strict=True):
        logger.level, logger.disabled, logger.handlers = level, disabled, handlers
    root.manager._clear_cache()  # type: ignore[attr-defined]  # levels are cached


@pytest.fixture
def environment(
    values: Values, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> pytest.MonkeyPatch:
    """Set only the settings in `values`, in an empty folder; return the patch to change them."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


Build = Callable[..., FastAPI]
Serve = Callable[..., TestClient]


@pytest.fixture
def build(values: Values, entra: StandIn) -> Build:
    """Return a function that builds the service with the given settings, routers and stand-in.

    The service fetches signing keys from the stand-in over HTTP, without a socket.
    """

    def built(
        stand_in: StandIn = entra,
        telemetry: TelemetryConfig | None = None,
        routers: Sequence[APIRouter] = (),
        **changes: Any,
    ) -> FastAPI:
        settings = Settings.model_validate(values | changes)
        # The library passes its whole configuration to httpx2.
        over_asgi = {"transport": httpx2.ASGITransport(app=stand_in.app)}
        app = create_app(
            settings, entra_client=cast(HttpClientConfig, over_asgi), telemetry=telemetry
        )
        for router in routers:
            app.include_router(router)
        return app

    return built


@pytest.fixture
def serve(build: Build) -> Iterator[Serve]:
    """Return a function that builds the service as `build` does, and starts it."""
    clients = []

    def start(stand_in: StandIn | None = None, **changes: Any) -> TestClient:
        app = build(stand_in, **changes) if stand_in else build(**changes)
        client = TestClient(app, raise_server_exceptions=False, backend_options=SELECTOR)
        clients.append(client)
        return client.__enter__()

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """Return a client of the service."""
    return serve()


@pytest.fixture
def bearer(entra: StandIn) -> Callable[[str], dict[str, str]]:
    """Return a function that returns the headers of a request signed in as a person or a daemon."""

    def headers(name: str) -> dict[str, str]:
        if name == "nobody":
            return {}
        if daemon := daemon_called(name):
            token = entra.app_only_token(daemon)
        else:
            token = entra.access_token(person_called(name), DOCS_PAGE, API_SCOPES)
        return {"Authorization": f"Bearer {token}"}

    return headers
