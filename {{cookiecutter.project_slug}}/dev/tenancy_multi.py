"""The local sign-in of a multi-tenant service."""

from dev.directory import CONTOSO, FABRIKAM

MULTI_TENANT = True
"""Whether the API's app registration admits users of every tenant."""
TENANTS = {"allowed_tenant_ids": f"{CONTOSO.id}, {FABRIKAM.id}"}
"""The settings that let the people of the stand-in sign in."""
