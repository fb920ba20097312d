"""What is wanted in the tenant: read this before you run `register.py`.

There are two app registrations, one for the API and one for its docs page, which is a client like
any other. Each has a service principal, which stands for it in the tenant. What somebody added to
them stays. Permissions come from `app/permissions.py`, and the name from `app/about.py`.
"""

from uuid import NAMESPACE_URL, uuid5

from app.about import TITLE
from app.permissions import APP_ROLES, SCOPES
from registration.aliases import Json
from registration.tenancy import tenancy

# Unique in the tenant. A second service of the same name needs others.
API_NAME = "{{ cookiecutter.project_slug }}"
DOCS_NAME = "{{ cookiecutter.project_slug }}-docs"
# Tags of what `apply` has created or adopted. It touches nothing else.
CREATED, ADOPTED = "created-by:register.py", "adopted-by:register.py"
REDIRECT_URI = "http://localhost:8000/oauth2-redirect"
COMMAND_REDIRECT_URI = "http://localhost"
SCOPE_VALUES = tuple(scope.value for scope in SCOPES)
ROLE_VALUES = tuple(role.value for role in APP_ROLES)
# What `apply` assigns to the current user: the first of app/permissions.py.
OWN_ROLE = ROLE_VALUES[0] if ROLE_VALUES else ""


def derived_id(kind: str, value: str) -> str:
    """Return the id of a permission: every run agrees on it."""
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
    # For `register.py token`: a program outside the browser cannot use those of a page.
    "publicClient": {"redirectUris": [COMMAND_REDIRECT_URI]},
}


def identifier_uri(api: Json) -> Json:
    """Return the name that clients ask for the API by: its client ID, known once it exists."""
    return {"identifierUris": [f"api://{api['appId']}"]}


def docs_page(api: Json, redirect_uris: list[str]) -> Json:
    """Return the docs page's registration, with its permission to call this API."""
    access = [{"id": scope_id, "type": "Scope"} for scope_id in scope_ids(api)]
    return DOCS | {
        "spa": {"redirectUris": [REDIRECT_URI, *redirect_uris]},
        "requiredResourceAccess": [{"resourceAppId": api["appId"], "resourceAccess": access}],
    }


def between(api: Json, docs: Json) -> Json:
    """Return what the API's registration says about the docs page: users are not asked for consent."""
    client = docs["appId"]
    allowed = {"appId": client, "delegatedPermissionIds": scope_ids(api)}
    return {"api": tenancy.known_clients(client) | {"preAuthorizedApplications": [allowed]}}


def scope_ids(api: Json) -> list[str]:
    """Return the ids that the scopes have in the API's registration; an adopted one has its own."""
    ids = {scope["value"]: scope["id"] for scope in api["api"]["oauth2PermissionScopes"]}
    return [ids[value] for value in SCOPE_VALUES if value in ids]
