"""Liveness and readiness."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.http.problems import UnavailableError, responses

TAG = {"name": "health", "description": "Probes for the platform that runs the service."}
router = APIRouter(prefix="/health", tags=["health"])

NO_KEYS = "The service has no current signing keys from Entra ID."
NOT_READY = responses(503, details={503: NO_KEYS})


class Health(BaseModel):
    """The response of a healthy service."""

    status: Literal["ok"] = "ok"


@router.get("", include_in_schema=False)
@router.get("/live", summary="Check that the process answers")
async def live() -> Health:
    """Check whether the process responds.

    Access: anyone.
    """
    return Health()


@router.get("/ready", summary="Check that requests can be served", responses=NOT_READY)
async def ready(request: Request) -> Health:
    """Check whether keys are loaded, the storage can be used and the service is not stopping.

    Access: anyone.
    """
    if request.app.state.draining:
        raise UnavailableError("The service is about to stop.")
    keys = None if request.state.entra.keys.usable else NO_KEYS
    storage = await request.state.storage.unavailable_reason()
    if reasons := [reason for reason in (keys, storage) if reason]:
        raise UnavailableError(" ".join(reasons))
    return Health()
