"""The commands, except `doctor`."""

from registration.aliases import Json
from registration.assignments import find_api, find_user, give_role, role_id
from registration.checks import check_settings
from registration.clients import clients_of
from registration.configure import configure, save
from registration.env import authority_in, effective_values, env_text, env_values
from registration.errors import DECLINED, UNCHANGED, USAGE, RegisterError, failed
from registration.graph import NOT_FOUND
from registration.responses import APPLICATION, DELETED, PRINCIPAL
from registration.rights import MAY_ASSIGN, MAY_REGISTER
from registration.run import Run
from registration.steps import STEPS
from registration.tenancy import tenancy
from registration.wanted import API_NAME, CLIENT, CREATED, DOCS_NAME, SCOPE_VALUES

NEXT = "{{ 'check PUBLIC_URL in .env, then ' if cookiecutter.mcp }}{{ 'uv run alembic upgrade head, then ' if cookiecutter.storage == 'database' }}uv run fastapi run"
TRASH = "/directory/deletedItems"
IDS = ("API_CLIENT_ID", "SWAGGER_UI_CLIENT_ID")


def plan(run: Run) -> int:
    """Show what apply would do; change nothing."""
    run.connect()
    for step, _ in STEPS:
        step(run)
    configure(run)
    print(
        "Nothing was changed. Run `apply` to do this."
        if run.pending
        else "Everything is up to date."
    )
    return 0


def apply(run: Run) -> int:
    """Create or update everything, then write .env."""
    # An unreadable .env has to stop the command before its first change, not after the last.
    env_text()
    run.connect()
    run.carry_out(STEPS, ".env was not written.")
    configure(run)
    print(f"Done. Next: {NEXT}" if run.pending else "Everything is up to date.")
    return 0


def assign(run: Run) -> int:
    """Assign a user to the API."""
    run.connect()
    find_api(run)
    role = role_id(run.api, run.options.role)
    user = find_user(run, run.options.user)
    run.write = True
    try:
        give_role(run, user["id"], user["userPrincipalName"], run.options.role, role)
    except RegisterError as error:
        raise failed(error, MAY_ASSIGN, UNCHANGED) from None
    return 0


def token(run: Run) -> int:
    """Print an access token for the API, after sign-in in the browser."""
    env = effective_values()
    for fault, _ in check_settings(env):
        raise RegisterError(f"{fault}. Run `apply` first.", USAGE)
    tenant = tenancy.tenant_to_sign_in(env[tenancy.SETTING], run.options.tenant)
    scopes = " ".join(f"api://{env['API_CLIENT_ID']}/{value}" for value in SCOPE_VALUES)
    login = authority_in(env, run.login)
    print(run.sign_in(login, tenant, scopes, env["SWAGGER_UI_CLIENT_ID"]))
    return 0


def destroy(run: Run) -> int:
    """Permanently remove what apply and client created, after asking."""
    # An unreadable .env has to stop the command while it still has the ids to clear.
    env_text()
    run.connect()
    present, deleted = created_here(run)
    if not (present or deleted):
        print("There is nothing to remove.")
        return 0
    for app in present + deleted:
        what = "deleted, but restorable" if app in deleted else "with its service principal"
        print(f'To be removed permanently: "{app["displayName"]}" ({app["appId"]}), {what}')
    if not agreed():
        print("Nothing was removed.")
        return DECLINED
    try:
        remove(run, present, deleted)
    except RegisterError as error:
        raise failed(error, MAY_REGISTER, "Registrations listed as removed are gone.") from None
    run.write = True
    gone = {app["appId"] for app in present + deleted}
    values = env_values()
    # Not ALLOWED_CLIENT_IDS: without a value, it would allow every client.
    void = {key: "" for key in IDS if values.get(key) in gone}
    if void:
        save(run, void)
    return 0


def created_here(run: Run) -> tuple[list[Json], list[Json]]:
    """Return the registrations that this script created: the present ones and the deleted ones."""
    names = (DOCS_NAME, API_NAME)
    found = [run.graph.find(f"/applications(uniqueName='{name}')", APPLICATION) for name in names]
    for app in found:
        if app and CREATED not in app["tags"]:
            print(f'Kept: "{app["displayName"]}" ({app["appId"]}), which `apply` did not create')
    deleted = []
    for app in run.graph.every(f"{TRASH}/microsoft.graph.application", DELETED):
        tags = app.get("tags") or []
        if CREATED in tags and (app.get("uniqueName") in names or CLIENT in tags):
            deleted.append(app)
    present = [app for app in found if app and CREATED in app["tags"]]
    return clients_of(run) + present, deleted


def agreed() -> bool:
    """Ask whether to continue; any answer except "yes" means no."""
    try:
        return input("Type yes to continue: ").strip() == "yes"
    except EOFError:
        return False


def remove(run: Run, present: list[Json], deleted: list[Json]) -> None:
    """Permanently remove these registrations, with their service principals."""
    for app in present:
        principal = run.graph.find(f"/servicePrincipals(appId='{app['appId']}')", PRINCIPAL)
        if principal:
            run.graph.call("DELETE", f"/servicePrincipals/{principal['id']}", ignore=NOT_FOUND)
        run.graph.call("DELETE", f"/applications/{app['id']}")
    # A deleted registration would hold its unique name for another thirty days.
    for app in present + deleted:
        run.graph.call("DELETE", f"{TRASH}/{app['id']}")
        print(f'Removed: "{app["displayName"]}" ({app["appId"]})')
