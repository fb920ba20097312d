"""Only the users of one tenant may sign in."""

from registration.aliases import Json
from registration.guid import GUID

AUDIENCE = "AzureADMyOrg"
SETTING = "ENTRA_TENANT_ID"
PATTERN = GUID
"""What the setting has to look like."""
INSTALLERS = "an Application Developer who owns the registration"
ADVICE: dict[str, str] = {}


def setting_with(tenant: str, setting: str) -> str:
    """Return the setting with this tenant in it."""
    return tenant


def tenant_to_sign_in(setting: str, asked: str | None) -> str:
    """Return the tenant that a user signs in to for a token of the API."""
    return setting


def discovered(setting: str) -> tuple[str, str]:
    """Return the tenant in the address of the discovery document, and the one in its issuer."""
    return setting, setting


def known_clients(client: str) -> Json:
    """Return what the API has to say of the client that asks for consent together with it."""
    return {}
