"""What `register.py` creates in the tenant: read this before you run it.

`apply` creates two app registrations: one for the API, and one for the docs page, which is a client
like any other. `client` adds further clients. Each registration has a service principal, its
presence in the tenant. Anything that others add to them is kept. The permissions come from
`app/permissions.py`, and the name from `app/about.py`.
"""

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from app.about import TITLE
from app.permissions import ACCESS_AS_USER, APP_ROLES, APPLICATION_PERMISSIONS, SCOPES
from registration.aliases import Json
from registration.tenancy import tenancy

# Unique in the tenant: if another service has these names too, change them.
API_NAME = "{{ cookiecutter.project_slug }}"
DOCS_NAME = "{{ cookiecutter.project_slug }}-docs"
FRONT_END_NAME = f"{API_NAME}-spa-"
DAEMON_NAME = f"{API_NAME}-daemon-"
# `register.py` changes only registrations that carry one of these tags.
CREATED, ADOPTED = "created-by:register.py", "adopted-by:register.py"
CLIENT = f"client-of:{API_NAME}"
REDIRECT_URI = "http://localhost:8000/oauth2-redirect"
COMMAND_REDIRECT_URI = "http://localhost"
# The audience that Entra ID expects in the token of another issuer.
EXCHANGE = "api://AzureADTokenExchange"
SCOPE_VALUES = tuple(scope.value for scope in SCOPES)
# With more scopes, a client gets only this one; add others in the portal.
FRONT_END_SCOPES = (ACCESS_AS_USER.value,)
ROLE_VALUES = tuple(role.value for role in APP_ROLES)
PERMISSION_VALUES = tuple(permission.value for permission in APPLICATION_PERMISSIONS)
# What `client` assigns to a daemon: the first in app/permissions.py.
PERMISSION = PERMISSION_VALUES[0] if PERMISSION_VALUES else ""
# What `apply` assigns to the signed-in user: the first in app/permissions.py.
OWN_ROLE = ROLE_VALUES[0] if ROLE_VALUES else ""


def derived_id(kind: str, value: str) -> str:
    """Return an id that is the same in every run."""
    return str(uuid5(uuid5(NAMESPACE_URL, "register.py"), f"{API_NAME}/{kind}/{value}"))


def assignable(value: str, description: str, member: str) -> Json:
    """Return a permission that an administrator assigns to members of this type."""
    return {
        "id": derived_id("role", value),
        "value": value,
        "displayName": value,
        "description": description,
        "isEnabled": True,
        "allowedMemberTypes": [member],
    }


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
    "appRoles": [
        *(assignable(role.value, role.description, "User") for role in APP_ROLES),
        *(assignable(one.value, one.description, "Application") for one in APPLICATION_PERMISSIONS),
    ],
    "optionalClaims": {
        "accessToken": [
            {"name": "idtyp", "essential": False},
            {"name": "acct", "essential": False},
        ],
        "idToken": [],
        "saml2Token": [],
    },
}
INTEGRATED: Json = {"tags": ["WindowsAzureActiveDirectoryIntegratedApp"]}
CLIENT_PRINCIPAL = INTEGRATED
API_PRINCIPAL = INTEGRATED
if APP_ROLES:
    API_PRINCIPAL = INTEGRATED | {"appRoleAssignmentRequired": True}
DOCS: Json = {
    "displayName": f"{TITLE} docs page",
    "signInAudience": tenancy.AUDIENCE,
    "spa": {"redirectUris": [REDIRECT_URI]},
    # For `register.py token`: only a browser can use the redirect URIs of a page.
    "publicClient": {"redirectUris": [COMMAND_REDIRECT_URI]},
}


def identifier_uri(api: Json) -> Json:
    """Return the Application ID URI, which contains the client id of the registered API."""
    return {"identifierUris": [f"api://{api['appId']}"]}


def docs_page(api: Json, redirect_uris: list[str]) -> Json:
    """Return the docs page's registration, with the permission to call this API."""
    return DOCS | {"spa": {"redirectUris": [REDIRECT_URI, *redirect_uris]}} | scopes(api)


def front_end_name(url: str) -> str:
    """Return the unique name of the front end at this address."""
    return FRONT_END_NAME + derived_id("spa", url.removesuffix("/"))


def front_end(api: Json, name: str, redirect_uris: list[str]) -> Json:
    """Return a front end's registration, with the permission to call this API for a user."""
    return {
        "displayName": name,
        "signInAudience": tenancy.AUDIENCE,
        "spa": {"redirectUris": redirect_uris},
        "tags": [CLIENT],
    } | scopes(api, FRONT_END_SCOPES)


def daemon(api: Json, name: str) -> Json:
    """Return a daemon's registration, with the application permission of this API."""
    ids = [role["id"] for role in api["appRoles"] if role.get("value") == PERMISSION]
    # It signs in to its own tenant only, even if users of other tenants sign in to the API.
    return {
        "displayName": name,
        "signInAudience": "AzureADMyOrg",
        "tags": [CLIENT],
    } | access(api, "Role", ids)


def federated(issuer: str, subject: str) -> Json:
    """Return the credential of a daemon that signs in with the tokens of another issuer."""
    return {"issuer": issuer, "subject": subject, "audiences": [EXCHANGE]}


def scopes(api: Json, values: Sequence[str] = SCOPE_VALUES) -> Json:
    """Return a client's properties that ask for these scopes of the API."""
    return access(api, "Scope", scope_ids(api, values))


def access(api: Json, kind: str, ids: list[str]) -> Json:
    """Return a client's properties that ask for permissions of the API."""
    permissions = [{"id": permission_id, "type": kind} for permission_id in ids]
    return {
        "requiredResourceAccess": [{"resourceAppId": api["appId"], "resourceAccess": permissions}]
    }


def between(api: Json, client: Json, values: Sequence[str] = SCOPE_VALUES) -> Json:
    """Return the API's properties that spare the client's users the consent prompt."""
    client_id = client["appId"]
    allowed = {"appId": client_id, "delegatedPermissionIds": scope_ids(api, values)}
    return {"api": tenancy.known_clients(client_id) | {"preAuthorizedApplications": [allowed]}}


def scope_ids(api: Json, values: Sequence[str]) -> list[str]:
    """Return the ids of the scopes in the API's registration; an adopted one keeps its own ids."""
    ids = {scope.get("value"): scope["id"] for scope in api["api"]["oauth2PermissionScopes"]}
    return [ids[value] for value in values if value in ids]
