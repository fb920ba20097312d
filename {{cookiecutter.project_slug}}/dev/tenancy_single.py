"""The local sign-in of a single-tenant service."""

from dev.directory import CONTOSO

MULTI_TENANT = False
"""Whether users of every organisation may sign in to the API's app registration."""
TENANTS = {"entra_tenant_id": CONTOSO.id}
"""The settings that let the people of Contoso sign in."""
