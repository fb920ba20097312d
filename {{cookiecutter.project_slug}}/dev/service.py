"""Configures the service for the local stand-in."""

import os
{% if cookiecutter.storage == "database" %}
from pathlib import Path
{% endif %}

from fastapi import FastAPI

from app.factory import create_app
from app.http.log import configure_logging
from app.settings import Settings
from dev.directory import API_CLIENT_ID, DOCS_CLIENT_ID
from dev.tenancy_{{ cookiecutter.tenancy | replace("-tenant", "") }} import TENANTS

ENTRA_PORT = "DEV_ENTRA_PORT"
"""The variable that tells the process of the service the port of the stand-in."""
{% if cookiecutter.storage == "database" %}

DATABASE = Path(__file__).with_name("local.db")
DATABASE_URL = f"sqlite+aiosqlite:///{DATABASE.as_posix()}"
{% endif %}


def local_settings(entra_port: int) -> Settings:
    """Return the settings for a stand-in on this port, regardless of `.env` and the environment."""
    return Settings.model_validate(
        TENANTS
        | {
            "api_client_id": API_CLIENT_ID,
            "swagger_ui_client_id": DOCS_CLIENT_ID,
            "entra_authority": f"http://localhost:{entra_port}",
{% if cookiecutter.storage == "database" %}
            "database_url": DATABASE_URL,
{% endif %}
            "log_level": "DEBUG",
            "log_format": "console",
        }
    )


def create() -> FastAPI:
    """Return the service; uvicorn calls this in a separate process."""
    settings = local_settings(int(os.environ[ENTRA_PORT]))
    configure_logging(settings.log_level, settings.log_format)
    # A proxy in the environment cannot reach this machine.
    return create_app(settings, entra_client={"trust_env": False})
