"""Register the clients of the API: front ends, daemons and managed identities."""

import re
from urllib.parse import urlsplit

from app.about import TITLE
from registration.aliases import Json
from registration.assignments import find_api, give_role, role_id
from registration.env import authority_in, effective_values, listed
from registration.errors import USAGE, RegisterError
from registration.registrations import existing_client, principal, update, upsert, writable
from registration.responses import APPLICATION, CREDENTIAL, IDENTITY
from registration.rights import MAY_GRANT, MAY_INSTALL, MAY_REGISTER
from registration.run import Run
from registration.tenancy import tenancy
from registration.wanted import (
    CLIENT,
    CLIENT_PRINCIPAL,
    CREATED,
    DAEMON_NAME,
    FRONT_END_SCOPES,
    PERMISSION,
    between,
    daemon,
    derived_id,
    federated,
    front_end,
    front_end_name,
    scope_ids,
)

CREDENTIALS = ("keyCredentials", "federatedIdentityCredentials")
LONGEST_NAME, LONGEST_CLAIM = 256, 600


def client(run: Run) -> int:
    """Register a client: a front end, a daemon or a managed identity."""
    options = run.options
    if options.federated:
        check_federated(options.daemon, *options.federated)
    run.connect()
    find_api(run)
    # Only `apply` can create what the client gets, so check that before the first change.
    if options.spa:
        check_scopes(run.api)
        run.carry_out(FRONT_END)
    else:
        if not PERMISSION:
            raise RegisterError("app/permissions.py contains no application permission.", USAGE)
        role_id(run.api, PERMISSION)
        if options.managed_identity:
            run.client = run.client_principal = find_identity(run, options.managed_identity)
            run.carry_out(MANAGED_IDENTITY)
        else:
            run.carry_out(DAEMON)
    print("Done." if run.pending else "Everything is up to date.")
    print_settings(run)
    if options.daemon and not any(run.client.get(kind) for kind in CREDENTIALS):
        print(
            "Left to do: upload the daemon's certificate, without its private key:\n"
            f"    az ad app credential reset --id {run.client['appId']} --cert @daemon.pem --append"
        )
    return 0


def check_federated(name: str | None, issuer: str, subject: str) -> None:
    """Raise RegisterError unless Entra ID can trust this issuer and subject, for a daemon."""
    fault = ""
    if not name:
        fault = "--federated requires --daemon."
    elif not re.fullmatch(r"https://[^\s?#*@]+", issuer, re.ASCII) or len(issuer) > LONGEST_CLAIM:
        fault = (
            f"The issuer {issuer!r} is invalid. Expected the iss of its tokens, an https:// address "
            "such as https://token.actions.githubusercontent.com."
        )
    elif (
        not (subject.isprintable() and subject.strip() == subject != "")
        or "*" in subject
        or len(subject) > LONGEST_CLAIM
    ):
        fault = (
            f"The subject {subject!r} is invalid. Expected the whole sub of its tokens, without *, "
            "such as repo:ORGANISATION/REPOSITORY:ref:refs/heads/main."
        )
    if fault:
        raise RegisterError(fault, USAGE)


def check_scopes(api: Json) -> None:
    """Raise RegisterError unless the API's registration has the scopes of a front end."""
    if len(scope_ids(api, FRONT_END_SCOPES)) < len(FRONT_END_SCOPES):
        raise RegisterError(
            f"{' or '.join(FRONT_END_SCOPES)} is missing from the API's registration. "
            "Run `apply` first.",
            USAGE,
        )


def find_identity(run: Run, asked: str) -> Json:
    """Return the service principal of the managed identity with this object id or client id.

    Raises RegisterError when there is none, or it is not that of a managed identity.
    """
    found = run.graph.find(f"/servicePrincipals/{asked}", IDENTITY)
    found = found or run.graph.find(f"/servicePrincipals(appId='{asked}')", IDENTITY)
    if not found:
        raise RegisterError(
            f"The tenant has no managed identity {asked}. Pass its object id or its client id.",
            USAGE,
        )
    if found["servicePrincipalType"] != "ManagedIdentity":
        raise RegisterError(
            f'{asked} is not a managed identity: "{found["displayName"]}" is a service principal of '
            f"the type {found['servicePrincipalType']}.",
            USAGE,
        )
    return found


def register_front_end(run: Run) -> None:
    """Create or update the registration of the front end that was asked for."""
    url = run.options.spa
    name, title = front_end_name(url), f"{TITLE} front end {url}"[:LONGEST_NAME]
    run.client = upsert(run, name, existing_client(run, name), front_end(run.api, title, [url]))


def pre_authorise_client(run: Run) -> None:
    """Let the front end call the API without asking users for consent."""
    title = f'Pre-authorisation of "{run.client["displayName"]}"'
    run.api = update(run, title, run.api, between(run.api, run.client, FRONT_END_SCOPES))


def register_daemon(run: Run) -> None:
    """Create or update the registration of the daemon that was asked for."""
    name, title = DAEMON_NAME + run.options.daemon, f"{TITLE} daemon {run.options.daemon}"
    run.client = upsert(run, name, existing_client(run, name), daemon(run.api, title))


def federate(run: Run) -> None:
    """Read how the daemon may sign in; with `--federated`, also trust the tokens of another issuer."""
    there = credentials(run, run.client)
    run.client = run.client | {"federatedIdentityCredentials": there}
    if not run.options.federated:
        return
    wanted = federated(*run.options.federated)
    trusted = (wanted["issuer"], wanted["subject"])
    found = next((one for one in there if (one["issuer"], one["subject"]) == trusted), {})
    lines = []
    if found.get("audiences") != wanted["audiences"]:
        lines = [f"+ {value}" for value in trusted]
        name = found.get("name") or derived_id("federated", " ".join(trusted))
        path = f"{credentials_path(run.client)}(name='{name}')"
        run.graph.call("PATCH", path, CREDENTIAL, wanted, prefer="create-if-missing")
        there.append(wanted)
    run.say("Federated identity credential", "changed" if found else "created", lines)


def credentials_path(app: Json) -> str:
    """Return the path of the federated identity credentials of a registration."""
    return f"/applications/{app['id']}/federatedIdentityCredentials"


def credentials(run: Run, app: Json) -> list[Json]:
    """Return the federated identity credentials of a registration."""
    return list(run.graph.every(credentials_path(app), CREDENTIAL))


def install_client(run: Run) -> None:
    """Create or update the service principal of the client."""
    whose = f'"{run.client["displayName"]}"'
    run.client_principal = principal(run, whose, run.client, CLIENT_PRINCIPAL)


def permit(run: Run) -> None:
    """Assign the application permission to the client, which is the administrator's consent."""
    principal_id, name = run.client_principal["id"], run.client["displayName"]
    give_role(run, principal_id, name, PERMISSION, role_id(run.api, PERMISSION))


FRONT_END = (
    (register_front_end, MAY_REGISTER),
    (pre_authorise_client, MAY_REGISTER),
    (install_client, MAY_INSTALL),
)
DAEMON = (
    (register_daemon, MAY_REGISTER),
    (federate, MAY_REGISTER),
    (install_client, MAY_INSTALL),
    (permit, MAY_GRANT),
)
MANAGED_IDENTITY = ((permit, MAY_GRANT),)


def print_settings(run: Run) -> None:
    """Print the settings of the client, and those of the service that depend on it."""
    env = effective_values()
    host, tenant = authority_in(env, run.login), run.tenant["id"]
    wanted, of_service = ".default", {}
    if run.options.spa:
        tenant, _ = tenancy.discovered(tenant)
        wanted = " ".join(FRONT_END_SCOPES)
        page = urlsplit(run.options.spa)
        origins = [*listed(env.get("CORS_ORIGINS", "")), f"{page.scheme}://{page.netloc}"]
        of_service["CORS_ORIGINS"] = ",".join(dict.fromkeys(origins))
    clients = listed(env.get("ALLOWED_CLIENT_IDS", ""))
    if clients:
        of_service["ALLOWED_CLIENT_IDS"] = ",".join(dict.fromkeys([*clients, run.client["appId"]]))
    print(
        "Settings of the client:\n"
        f"    client id: {run.client['appId']}\n"
        f"    authority: {host}/{tenant}\n"
        f"    scope: api://{run.api['appId']}/{wanted}"
    )
    if of_service:
        print("Settings of the service:")
    for key, value in of_service.items():
        print(f"    {key}={value}")


def clients_of(run: Run) -> list[Json]:
    """Return the registrations of front ends and daemons that this script created."""
    tagged = run.graph.every(f"/applications?$filter=tags/any(tag:tag eq '{CLIENT}')", APPLICATION)
    return [writable(app) for app in tagged if CREATED in app["tags"]]


def is_daemon(app: Json) -> bool:
    """Whether a client is a daemon; otherwise it is a front end."""
    return str(app.get("uniqueName")).startswith(DAEMON_NAME)


def wanted_client(api: Json, app: Json) -> Json:
    """Return what the registration of a client should contain."""
    if is_daemon(app):
        return daemon(api, app["displayName"])
    return front_end(api, app["displayName"], (app.get("spa") or {}).get("redirectUris") or [])


def restore_clients(run: Run) -> None:
    """Restore the registrations of front ends and daemons, and what the API knows of them.

    The permission of a daemon is not restored, because an administrator may have revoked it.
    """
    for app in clients_of(run):
        title = f'App registration "{app["displayName"]}"'
        run.client = update(run, title, app, wanted_client(run.api, app))
        if not is_daemon(app):
            pre_authorise_client(run)
        install_client(run)
