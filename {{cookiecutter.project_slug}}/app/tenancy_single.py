"""The tenant whose users may sign in."""

from uuid import UUID

from pydantic import BaseModel, Field


class TenantSettings(BaseModel):
    """The settings about tenants."""

    entra_tenant_id: UUID = Field(description="a GUID: the tenant whose users may sign in")

    @property
    def authority_tenant(self) -> str:
        """The tenant in the addresses at which Entra ID signs users in."""
        return str(self.entra_tenant_id)

    def allows_tenant(self, tenant_id: UUID) -> bool:
        """Return whether users of this tenant may sign in."""
        return tenant_id == self.entra_tenant_id
