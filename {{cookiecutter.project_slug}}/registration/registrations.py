"""Find, create and update app registrations and service principals."""

from urllib.parse import quote

from registration.aliases import Json
from registration.errors import CONFLICT, RegisterError
from registration.merge import changes, differences, switched_off
from registration.responses import APPLICATION, PRINCIPAL
from registration.run import Run
from registration.wanted import ADOPTED, CREATED

NEW = "(new)"
"""The client id of a registration that does not exist yet."""


def existing(run: Run, name: str, display_name: str) -> Json:
    """Return the app registration to use, or an empty one if none exists.

    Raises RegisterError for a registration that apply did not create and may not adopt.
    """
    found = called(run, name)
    if not found:
        quoted = quote(display_name.replace("'", "''"), safe="")
        named = f"/applications?$filter=displayName eq '{quoted}'"
        others = [
            app
            for app in map(writable, run.graph.every(named, APPLICATION))
            if app.get("uniqueName") != name
        ]
        if not others:
            return {}
        found = others[0]
        if len(others) > 1 or found.get("uniqueName"):
            ids = ", ".join(app["appId"] for app in others)
            raise RegisterError(
                f'"{display_name}" is the name of app registrations that cannot be adopted '
                f"(client id {ids}). Rename them in the Entra admin center, or rename this service "
                "in app/about.py.",
                CONFLICT,
            )
    if run.options.adopt or is_own(found):
        return found
    raise RegisterError(
        f'The app registration "{found["displayName"]}" (client id {found["appId"]}) exists, but '
        "this script did not create it. If it belongs to this service, use --adopt to take it over; "
        "its contents are kept. Otherwise, rename this service in app/about.py, or change the unique "
        "names in registration/wanted.py.",
        CONFLICT,
    )


def existing_client(run: Run, name: str) -> Json:
    """Return the app registration of a client, or an empty one if none exists.

    Raises RegisterError for a registration that this script did not create.
    """
    found = called(run, name)
    if not found or is_own(found):
        return found
    raise RegisterError(
        f'The app registration "{found["displayName"]}" (client id {found["appId"]}) has the unique '
        f"name {name}, but this script did not create it. Delete it in the Entra admin center, or "
        "change the unique names in registration/wanted.py.",
        CONFLICT,
    )


def called(run: Run, name: str) -> Json:
    """Return the app registration with this unique name, or an empty one if none exists."""
    found = run.graph.find(f"/applications(uniqueName='{name}')", APPLICATION)
    return writable(found) if found else found


def writable(app: Json) -> Json:
    """Return an app registration without the property that Microsoft Graph rejects in a request."""
    for role in app["appRoles"]:
        role.pop("origin", None)
    return app


def is_own(app: Json) -> bool:
    """Whether this script created or adopted an app registration."""
    return bool({CREATED, ADOPTED} & set(app["tags"]))


def registration(run: Run, name: str, wanted: Json) -> Json:
    """Create, update or adopt an app registration; return its new or planned state."""
    found = existing(run, name, wanted["displayName"])
    if found and not is_own(found):
        wanted = wanted | {"tags": [ADOPTED], "uniqueName": name}
    return upsert(run, name, found, wanted)


def upsert(run: Run, name: str, found: Json, wanted: Json) -> Json:
    """Create an app registration, or update the one that was found; return its new or planned state."""
    title = f'App registration "{wanted["displayName"]}"'
    if found:
        return update(run, title, found, wanted)
    wanted = wanted | {"tags": [CREATED, *wanted.get("tags", [])]}
    made = create(run, name, wanted) if run.write else wanted | {"id": "", "appId": NEW}
    run.say(title, "created", [line for _, line in differences({}, wanted)])
    return made


def create(run: Run, name: str, wanted: Json) -> Json:
    """Create an app registration; return it."""
    path = f"/applications(uniqueName='{name}')"
    try:
        created = run.graph.call("PATCH", path, APPLICATION, wanted, prefer="create-if-missing")
    except RegisterError as error:
        if "uniqueName already exists" not in str(error):
            raise
        raise RegisterError(
            f"A deleted app registration still holds the unique name {name}. If this script "
            "created it, run `destroy` to remove it permanently. Otherwise, remove or restore it "
            "in the Entra admin center: App registrations > Deleted applications.",
            CONFLICT,
        ) from None
    return created or run.graph.get(path, APPLICATION)


def update(run: Run, title: str, found: Json, wanted: Json) -> Json:
    """Update an app registration; return its new or planned state."""
    changed = changes(found, wanted)
    if changed and run.write:
        path = f"/applications/{found['id']}"
        enabled = {key: found[key] for key in changed if key in found}
        disabled = switched_off(enabled, changed)
        # Microsoft Graph refuses to change or remove a permission that is enabled.
        if disabled != enabled:
            altered = {key: disabled[key] for key in enabled if disabled[key] != enabled[key]}
            run.graph.call("PATCH", path, body=altered)
        run.graph.call("PATCH", path, body=changed)
    run.say(title, "changed", [line for _, line in differences(found, changed)])
    return found | changed


def principal(run: Run, whose: str, app: Json, wanted: Json) -> Json:
    """Create or update a service principal; return its new or planned state."""
    path = f"/servicePrincipals(appId='{app['appId']}')"
    found = {} if app["appId"] == NEW else run.graph.find(path, PRINCIPAL)
    changed = changes(found, wanted)
    made: Json | None = None
    if changed and run.write:
        made = run.graph.call("PATCH", path, PRINCIPAL, changed, prefer="create-if-missing")
        made = made or (None if found else run.graph.get(path, PRINCIPAL))
    lines = [line for _, line in differences(found, changed)]
    run.say(f"Service principal of {whose}", "changed" if found else "created", lines)
    return made or found | changed
