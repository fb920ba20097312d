"""Liveness and readiness."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.http.problems import UnavailableError, responses

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    """The response of a healthy service."""

    status: Literal["ok"] = "ok"


@router.get("", include_in_schema=False)
@router.get("/live", summary="Alive?")
async def live() -> Health:
    """Check whether the process responds.

    Access: anyone.
    """
    return Health()


@router.get("/ready", summary="Ready for requests?", responses=responses(503))
async def ready(request: Request) -> Health:
    """Check whether signing keys are loaded, the storage responds and the service is not stopping.

    Access: anyone.
    """
    if request.app.state.draining:
        raise UnavailableError("The service is about to stop.")
    keys = None if request.state.entra.keys.usable else "The signing keys are not loaded yet."
    storage = await request.state.storage.unavailable_reason()
    if reasons := [reason for reason in (keys, storage) if reason]:
        raise UnavailableError(" ".join(reasons))
    return Health()
