"""Registration for the users of every tenant on a list."""

from registration.aliases import Json
from registration.env import listed
from registration.guid import GUID

AUDIENCE = "AzureADMultipleOrgs"
SETTING = "ALLOWED_TENANT_IDS"
PATTERN = rf"\*|{GUID}(\s*,\s*{GUID})*"
EXPECTED = "GUIDs separated by commas, or *"
INSTALLERS = "an Application or Cloud Application Administrator"
ADVICE = {
    "api.knownClientApplications": "consent in another tenant covers only one registration",
}


def setting_with(tenant: str, setting: str) -> str:
    """Return the setting with this tenant added."""
    tenants = listed(setting)
    if "*" in tenants or tenant in tenants:
        return setting
    return ",".join([*tenants, tenant])


def tenant_to_sign_in(setting: str, asked: str | None) -> str:
    """Return the tenant where a user signs in for a token for the API."""
    return asked or "organizations"


def discovered(setting: str) -> tuple[str, str]:
    """Return the tenant in the discovery document's address, and the tenant in its issuer."""
    return "organizations", "{tenantid}"


def known_clients(client: str) -> Json:
    """Return the API's properties for combined consent with this client."""
    return {"knownClientApplications": [client]}
