"""Configures the service for the local stand-in."""

import os
{% if cookiecutter.storage == "database" %}
from pathlib import Path
{% endif %}

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_azure_auth.openid_config import HttpClientConfig

from app.factory import create_app
from app.http.log import configure_logging
from app.settings import Settings
from dev.certificate import trusting_context
from dev.directory import API_CLIENT_ID, DOCS_CLIENT_ID
from dev.tenancy_{{ cookiecutter.tenancy | replace("-tenant", "") }} import TENANTS

ENTRA_ADDRESS = "DEV_ENTRA_ADDRESS"
"""The variable that tells the process of the service the address of the stand-in."""
{% if cookiecutter.mcp %}
PUBLIC_URL = "DEV_PUBLIC_URL"
"""The variable with the address of the service."""
{% endif %}
FRONT_ENDS = "DEV_FRONT_ENDS"
"""The variable with the origins of the developer's own front ends, separated by commas."""
{% if cookiecutter.storage == "database" %}

DATABASE = Path(__file__).with_name("local.db")
DATABASE_URL = f"sqlite+aiosqlite:///{DATABASE.as_posix()}"
{% endif %}


def local_settings(entra_address: str, front_ends: str = "") -> Settings:
    """Return the settings for a stand-in at this address, regardless of `.env`.

    `front_ends` are the origins, separated by commas, that may call from a browser.
    """
    return Settings.model_validate(
        TENANTS
        | {
            "api_client_id": API_CLIENT_ID,
            "swagger_ui_client_id": DOCS_CLIENT_ID,
            "entra_authority": entra_address,
            "cors_origins": front_ends,
{% if cookiecutter.mcp %}
            "public_url": os.environ.get(PUBLIC_URL, "http://localhost:8000"),
{% endif %}
{% if cookiecutter.storage == "database" %}
            "database_url": DATABASE_URL,
{% endif %}
            "log_level": "DEBUG",
            "log_format": "console",
        }
    )


def create() -> FastAPI:
    """Return the service; uvicorn calls this, in a separate process when it reloads."""
    settings = local_settings(os.environ[ENTRA_ADDRESS], os.environ[FRONT_ENDS])
    configure_logging(settings.log_level, settings.log_format)
    # A proxy in the environment cannot reach this machine.
    entra_client: HttpClientConfig = {"trust_env": False}
    if settings.entra_authority.startswith("https:"):
        entra_client["verify"] = trusting_context()
    # A collector in the environment is not for this machine.
    off: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
    return create_app(settings, entra_client=entra_client, telemetry=off)
