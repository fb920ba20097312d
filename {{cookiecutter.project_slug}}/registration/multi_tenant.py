"""The users of every tenant on a list may sign in."""

from registration.aliases import Json
from registration.env import listed
from registration.guid import GUID

AUDIENCE = "AzureADMultipleOrgs"
SETTING = "ALLOWED_TENANT_IDS"
PATTERN = rf"\*|{GUID}(\s*,\s*{GUID})*"
"""What the setting has to look like."""
INSTALLERS = "an Application or Cloud Application Administrator"
ADVICE = {
    "api.knownClientApplications": "another organisation consents to only one of the two",
}


def setting_with(tenant: str, setting: str) -> str:
    """Return the setting with this tenant in it."""
    tenants = listed(setting)
    if "*" in tenants or tenant in tenants:
        return setting
    return ",".join([*tenants, tenant])


def tenant_to_sign_in(setting: str, asked: str | None) -> str:
    """Return the tenant that a user signs in to for a token of the API."""
    return asked or "organizations"


def discovered(setting: str) -> tuple[str, str]:
    """Return the tenant in the address of the discovery document, and the one in its issuer."""
    return "organizations", "{tenantid}"


def known_clients(client: str) -> Json:
    """Return what the API has to say of the client that asks for consent together with it."""
    return {"knownClientApplications": [client]}
