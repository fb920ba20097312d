"""The local sign-in of a single-tenant service."""

from dev.directory import CONTOSO

MULTI_TENANT = False
"""Whether the API's app registration admits users of every tenant."""
TENANTS = {"entra_tenant_id": CONTOSO.id}
"""The settings that let the people of Contoso sign in."""
