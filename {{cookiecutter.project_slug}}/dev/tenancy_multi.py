"""The local sign-in of a multi-tenant service."""

from dev.directory import CONTOSO, FABRIKAM

MULTI_TENANT = True
"""Whether users of every organisation may sign in to the API's app registration."""
TENANTS = {"allowed_tenant_ids": f"{CONTOSO.id}, {FABRIKAM.id}"}
"""The settings that let the people of the stand-in sign in."""
