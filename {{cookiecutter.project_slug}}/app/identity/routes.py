"""The caller, as described by the token."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.http.problems import responses
from app.identity.access import SignedIn

TAG = {"name": "identity", "description": "Who you are to this service."}
router = APIRouter(prefix="/api", tags=["identity"])


class Me(BaseModel):
    """The caller, as described by the access token."""

    model_config = ConfigDict(from_attributes=True)

    tenant_id: UUID = Field(description="With `object_id`, it identifies the caller.")
    object_id: UUID
    name: str | None = Field(description="For display; it may change.")
    username: str | None = Field(description="For display; it may change.")
{% if cookiecutter.app_roles %}
    roles: list[str]
{% endif %}


@router.get("/me", summary="Show who you are", responses=responses(401, 403, 503))
async def me(caller: SignedIn) -> Me:
    """Show who you are according to your access token.

    Access: any signed-in user.
    """
    return Me.model_validate(caller)
