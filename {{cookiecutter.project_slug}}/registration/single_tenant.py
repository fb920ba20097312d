"""Registration for the users of one tenant."""

from registration.aliases import Json
from registration.guid import GUID

AUDIENCE = "AzureADMyOrg"
SETTING = "ENTRA_TENANT_ID"
PATTERN = GUID
EXPECTED = "a GUID"
INSTALLERS = "an Application Developer who owns the registration"
ADVICE: dict[str, str] = {}


def setting_with(tenant: str, setting: str) -> str:
    """Return the setting for this tenant, whatever it was before."""
    return tenant


def tenant_to_sign_in(setting: str, asked: str | None) -> str:
    """Return the tenant where a user signs in for a token for the API."""
    return setting


def discovered(setting: str) -> tuple[str, str]:
    """Return the tenant in the discovery document's address, and the tenant in its issuer."""
    return setting, setting


def known_clients(client: str) -> Json:
    """Return the API's properties for combined consent with this client."""
    return {}
