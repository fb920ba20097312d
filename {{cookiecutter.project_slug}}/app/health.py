"""Liveness and readiness, for whoever runs the service."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.identity.caller import sign_in_of
from app.problems import UnavailableError, responses
from app.todos.store import Store

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    """The answer of a service that is well."""

    status: Literal["ok"] = "ok"


@router.get("", include_in_schema=False)
@router.get("/live", summary="Alive?")
async def live() -> Health:
    """Learn whether the process answers.

    Who may: anyone.
    """
    return Health()


@router.get("/ready", summary="Ready for requests?", responses=responses(503))
async def ready(request: Request, store: Store) -> Health:
    """Learn whether signing keys are loaded, the store answers and the service is not about to stop.

    Who may: anyone.
    """
    if request.app.state.leaving:
        raise UnavailableError("The service is about to stop.")
    keys = None if sign_in_of(request).keys.usable else "The signing keys are not loaded yet."
    if faults := [fault for fault in (keys, await store.fault()) if fault]:
        raise UnavailableError(" ".join(faults))
    return Health()
