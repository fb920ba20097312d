"""What `register.py apply` creates in the tenant: read this before you run it.

There are two app registrations: one for the API, and one for the docs page, which is a client like
any other. Each has a service principal, its presence in the tenant. Anything that others add to them
is kept. The permissions come from `app/permissions.py`, and the name from `app/about.py`.
"""

from uuid import NAMESPACE_URL, uuid5

from app.about import TITLE
from app.permissions import APP_ROLES, SCOPES
from registration.aliases import Json
from registration.tenancy import tenancy

# Unique in the tenant: a second service with the same slug has to change these.
API_NAME = "{{ cookiecutter.project_slug }}"
DOCS_NAME = "{{ cookiecutter.project_slug }}-docs"
# `apply` changes only registrations that carry one of these tags.
CREATED, ADOPTED = "created-by:register.py", "adopted-by:register.py"
REDIRECT_URI = "http://localhost:8000/oauth2-redirect"
COMMAND_REDIRECT_URI = "http://localhost"
SCOPE_VALUES = tuple(scope.value for scope in SCOPES)
ROLE_VALUES = tuple(role.value for role in APP_ROLES)
# What `apply` assigns to the signed-in user: the first in app/permissions.py.
OWN_ROLE = ROLE_VALUES[0] if ROLE_VALUES else ""


def derived_id(kind: str, value: str) -> str:
    """Return the id of a permission, the same in every run."""
    return str(uuid5(uuid5(NAMESPACE_URL, "register.py"), f"{API_NAME}/{kind}/{value}"))


API: Json = {
    "displayName": TITLE,
    "signInAudience": tenancy.AUDIENCE,
    "api": {
        "requestedAccessTokenVersion": 2,
        "oauth2PermissionScopes": [
            {
                "id": derived_id("scope", scope.value),
                "value": scope.value,
                "type": "User",
                "isEnabled": True,
                "adminConsentDisplayName": scope.admin_consent_display_name,
                "adminConsentDescription": scope.admin_consent_description,
                "userConsentDisplayName": scope.user_consent_display_name,
                "userConsentDescription": scope.user_consent_description,
            }
            for scope in SCOPES
        ],
    },
}
INTEGRATED: Json = {"tags": ["WindowsAzureActiveDirectoryIntegratedApp"]}
DOCS_PRINCIPAL = INTEGRATED
API_PRINCIPAL = INTEGRATED
if APP_ROLES:
    API["appRoles"] = [
        {
            "id": derived_id("role", role.value),
            "value": role.value,
            "displayName": role.value,
            "description": role.description,
            "isEnabled": True,
            "allowedMemberTypes": ["User"],
        }
        for role in APP_ROLES
    ]
    API_PRINCIPAL = INTEGRATED | {"appRoleAssignmentRequired": True}
API["optionalClaims"] = {
    "accessToken": [
        {"name": "idtyp", "essential": False},
        {"name": "acct", "essential": False},
    ],
    "idToken": [],
    "saml2Token": [],
}
DOCS: Json = {
    "displayName": f"{TITLE} docs page",
    "signInAudience": tenancy.AUDIENCE,
    "spa": {"redirectUris": [REDIRECT_URI]},
    # For `register.py token`: only a browser can use the redirect URIs of a page.
    "publicClient": {"redirectUris": [COMMAND_REDIRECT_URI]},
}


def identifier_uri(api: Json) -> Json:
    """Return the Application ID URI, which contains the client ID of the registered API."""
    return {"identifierUris": [f"api://{api['appId']}"]}


def docs_page(api: Json, redirect_uris: list[str]) -> Json:
    """Return the docs page's registration, with the permission to call this API."""
    access = [{"id": scope_id, "type": "Scope"} for scope_id in scope_ids(api)]
    return DOCS | {
        "spa": {"redirectUris": [REDIRECT_URI, *redirect_uris]},
        "requiredResourceAccess": [{"resourceAppId": api["appId"], "resourceAccess": access}],
    }


def between(api: Json, docs: Json) -> Json:
    """Return the API's properties that spare users of the docs page the consent prompt."""
    client = docs["appId"]
    allowed = {"appId": client, "delegatedPermissionIds": scope_ids(api)}
    return {"api": tenancy.known_clients(client) | {"preAuthorizedApplications": [allowed]}}


def scope_ids(api: Json) -> list[str]:
    """Return the ids of the scopes in the API's registration; an adopted one keeps its own ids."""
    ids = {scope.get("value"): scope["id"] for scope in api["api"]["oauth2PermissionScopes"]}
    return [ids[value] for value in SCOPE_VALUES if value in ids]
