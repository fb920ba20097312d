"""Assigning users to the API, each with one of its permissions."""

from urllib.parse import quote

from registration.aliases import Json
from registration.env import env_values
from registration.errors import USAGE, RegisterError
from registration.run import Run
from registration.wanted import OWN_ROLE


def assign_me(run: Run) -> None:
    """Assign the current user to the API, if it has something to assign."""
    if OWN_ROLE and run.me:
        give_role(run, run.me, OWN_ROLE, role_id(run.api, OWN_ROLE))


def role_id(api: Json, value: str) -> str:
    """Return the id of what is assigned; raises RegisterError when the registration lacks it."""
    ids = {role["value"]: str(role["id"]) for role in api["appRoles"] if role["isEnabled"]}
    if value not in ids:
        raise RegisterError(
            f"The API's registration does not have {value}, or has it disabled. Run `apply` first.",
            USAGE,
        )
    return ids[value]


def give_role(run: Run, user: Json, value: str, app_role_id: str) -> None:
    """Assign a user, unless they are assigned already; `app_role_id` is the id of the value."""
    path = f"/servicePrincipals/{run.api_principal.get('id')}/appRoleAssignedTo"
    given = run.graph.every(path) if "id" in run.api_principal else ()
    wanted = {"principalId": user["id"], "appRoleId": app_role_id}
    lines = []
    if not any(wanted.items() <= assignment.items() for assignment in given):
        lines = [f"+ {user['userPrincipalName']}"]
        if run.write:
            body = wanted | {"resourceId": run.api_principal["id"]}
            run.graph.call("POST", path, body, ignore="already exists")
    run.say(f"Assignment as {value}", "created", lines)


def find_api(run: Run) -> None:
    """Read the API's registration and service principal of `.env`, for assigning to it.

    Raises RegisterError when there is none.
    """
    client = env_values().get("API_CLIENT_ID", "")
    run.api = run.graph.find(f"/applications(appId='{client}')") if client else {}
    run.api_principal = run.graph.find(f"/servicePrincipals(appId='{client}')") if run.api else {}
    if not run.api_principal:
        raise RegisterError("The API of .env is not registered here. Run `apply` first.", USAGE)


def find_user(run: Run, asked: str) -> Json:
    """Return the user of this user name or object id; raises RegisterError when there is none."""
    user = run.graph.find(f"/users/{quote(asked, safe='')}?$select=id,userPrincipalName")
    if not user:
        raise RegisterError(
            f"The tenant has no user {asked}. USER is a user name or an object id.", USAGE
        )
    return user
