"""The tenants whose users may sign in."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

EVERY_TENANT = "*"
PERSONAL_ACCOUNTS = UUID("9188040d-6c67-4c5b-b112-36a304b66dad")
"""The tenant that all personal Microsoft accounts share."""

Tenants = Literal["*"] | frozenset[UUID]


def _tenants(value: object) -> object:
    """Accept `*` by itself, or a list that is not empty."""
    if value == EVERY_TENANT or not isinstance(value, str):
        return value
    tenants = tuple(part for part in map(str.strip, value.split(",")) if part)
    if not tenants:
        raise PydanticCustomError("missing", "no tenant is named")
    return tenants


class TenantSettings(BaseModel):
    """The settings about tenants."""

    allowed_tenant_ids: Annotated[Tenants, NoDecode, BeforeValidator(_tenants)] = Field(
        description="comma-separated GUIDs: the tenants whose users may sign in; "
        "or * for every tenant, except that of personal accounts"
    )

    @property
    def authority_tenant(self) -> str:
        """The tenant in the addresses at which Entra ID signs users in: any organisation."""
        return "organizations"

    def allows_tenant(self, tenant_id: UUID) -> bool:
        """Return whether users of this tenant may sign in."""
        if tenant_id == PERSONAL_ACCOUNTS:
            return False
        return self.allowed_tenant_ids == EVERY_TENANT or tenant_id in self.allowed_tenant_ids
