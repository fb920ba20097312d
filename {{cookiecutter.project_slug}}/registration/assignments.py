"""Assign users and daemons to the API."""

from urllib.parse import quote

from registration.aliases import Json
from registration.env import env_values
from registration.errors import USAGE, RegisterError
from registration.responses import APPLICATION, ASSIGNMENT, PRINCIPAL, USER
from registration.run import Run
from registration.wanted import OWN_ROLE


def assign_me(run: Run) -> None:
    """Assign the signed-in user to the API, if the API has something to assign."""
    if OWN_ROLE and run.me:
        name = run.me["userPrincipalName"]
        give_role(run, run.me["id"], name, OWN_ROLE, role_id(run.api, OWN_ROLE))


def role_id(api: Json, value: str) -> str:
    """Return the id that the registration gives this value.

    Raises RegisterError when the value is missing or disabled.
    """
    ids = {role.get("value"): str(role["id"]) for role in api["appRoles"] if role["isEnabled"]}
    if value not in ids:
        raise RegisterError(
            f"{value} is missing from the API's registration, or is disabled. Run `apply` first.",
            USAGE,
        )
    return ids[value]


def give_role(run: Run, principal_id: str, name: str, value: str, app_role_id: str) -> None:
    """Assign a user or a service principal, unless they already are.

    `name` is only printed; `app_role_id` is the id of the value.
    """
    lines = []
    if app_role_id not in given_to(run, principal_id):
        lines = [f"+ {name}"]
        if run.write:
            api = run.api_principal["id"]
            body = {"principalId": principal_id, "resourceId": api, "appRoleId": app_role_id}
            path = f"/servicePrincipals/{api}/appRoleAssignedTo"
            run.graph.call("POST", path, body=body, ignore="already exists")
    run.say(f"{value} assignment", "created", lines)


def given_to(run: Run, principal_id: str) -> set[str]:
    """Return the ids of what the API has assigned to a user or a service principal."""
    api = run.api_principal.get("id")
    if not api:
        return set()
    given = run.graph.every(f"/servicePrincipals/{api}/appRoleAssignedTo", ASSIGNMENT)
    return {one["appRoleId"] for one in given if one["principalId"] == principal_id}


def find_api(run: Run) -> None:
    """Read the registration and the service principal of the API that `.env` names.

    Raises RegisterError when either is missing.
    """
    client = env_values().get("API_CLIENT_ID", "")
    if client:
        run.api = run.graph.find(f"/applications(appId='{client}')", APPLICATION)
    if run.api:
        path = f"/servicePrincipals(appId='{client}')"
        run.api_principal = run.graph.find(path, PRINCIPAL)
    if not run.api_principal:
        raise RegisterError(
            "The API in .env is not registered in this tenant. Run `apply` first.", USAGE
        )


def find_user(run: Run, asked: str) -> Json:
    """Return the user with this username or object id.

    Raises RegisterError when the tenant has none.
    """
    name = quote(asked, safe="", errors="replace")
    user = run.graph.find(f"/users/{name}?$select=id,userPrincipalName", USER)
    if not user:
        raise RegisterError(
            f"The tenant has no user {asked}. Pass the username or object id of one of its users.",
            USAGE,
        )
    return user
