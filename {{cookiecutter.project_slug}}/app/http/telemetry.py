"""OpenTelemetry, which FastAPI includes: on if the environment configures it."""

import os

from fastapi.telemetry import TelemetryConfig

PREFIXES = ("OTEL_", "FASTAPI_OTEL_", "APPLICATIONINSIGHTS_")
"""The prefixes of the variables that configure OpenTelemetry, FastAPI's part in it, and Azure Monitor."""


def telemetry_wanted() -> TelemetryConfig:
    """Return the argument `telemetry` of FastAPI: off, unless a variable configures it.

    FastAPI would find out again for each request, which costs as much as authenticating it.
    """
    wanted = any(name.startswith(PREFIXES) for name in os.environ)
    return {"tracing": wanted, "metrics": wanted, "logs": wanted}
