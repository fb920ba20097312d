"""What `doctor` checks: the settings, Entra ID and the tenant."""

import re

import httpx2

from registration.advice import ADVICE
from registration.aliases import Findings, Json
from registration.assignments import given_to
from registration.clients import clients_of, credentials, is_daemon, wanted_client
from registration.clouds import CLOUDS
from registration.env import authority_in
from registration.guid import GUID
from registration.merge import changes, differences, merged
from registration.responses import (
    ASSIGNMENT,
    DISCOVERY,
    PRINCIPAL,
    REFUSED,
    SIGNING_KEYS,
    content,
    faults,
)
from registration.run import Run
from registration.tenancy import tenancy
from registration.wanted import (
    API,
    API_PRINCIPAL,
    DAEMON_NAME,
    FRONT_END_SCOPES,
    PERMISSION,
    ROLE_VALUES,
    between,
    docs_page,
    identifier_uri,
)


def check_settings(env: dict[str, str]) -> Findings:
    """Check that the environment or `.env` identifies the tenant and the registrations."""
    expected = {
        tenancy.SETTING: (tenancy.PATTERN, tenancy.EXPECTED),
        "API_CLIENT_ID": (GUID, "a GUID"),
        "SWAGGER_UI_CLIENT_ID": (GUID, "a GUID"),
    }
    for key, (pattern, form) in expected.items():
        value = env.get(key, "")
        if not re.fullmatch(pattern, value):
            fault = f"{key} is {value}, but should be {form}" if value else f"{key} is missing"
            yield fault, "run `apply`, which writes it to .env"


def check_discovery(run: Run, env: dict[str, str]) -> Findings:
    """Check that Entra ID issues the tokens that the service expects."""
    tenant, issuing = tenancy.discovered(env[tenancy.SETTING])
    authority = authority_in(env, run.login)
    address = f"{authority}/{tenant}/v2.0"
    try:
        document = content(run.http.get(f"{address}/.well-known/openid-configuration"))
        if not any(faults(document, REFUSED)):
            yield document["error_description"], f"correct {tenancy.SETTING} or ENTRA_AUTHORITY"
            return
        fault = next(faults(document, DISCOVERY), "")
        keys = {} if fault else content(run.http.get(document["jwks_uri"]))
        fault = fault or next(faults(keys, SIGNING_KEYS), "")
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
        fault = repr(error)
    if fault:
        yield (
            f"{address} did not return a discovery document and signing keys ({fault})",
            "check the network and any proxy",
        )
        return
    run.issuer = document["issuer"]
    end = f"/{issuing.lower()}/v2.0"
    # An External ID tenant issues tokens in the name of another host than the document's.
    host = run.issuer.removesuffix(end)
    if host == run.issuer:
        yield (
            f"the issuer is {run.issuer}, but should end with {end}",
            f"correct {tenancy.SETTING} or ENTRA_AUTHORITY",
        )
    elif host != authority and host in {cloud.login for cloud in CLOUDS.values()}:
        yield (
            f"the tenant is in another cloud: the issuer is {run.issuer}",
            f"set ENTRA_AUTHORITY to {host}",
        )
    elif not keys["keys"]:
        yield "Entra ID returned no signing keys", "check ENTRA_AUTHORITY"


def check_registration(found: Json, wanted: Json) -> Findings:
    """Compare a registration or service principal with what `apply` would make it."""
    for path, line in differences(found, changes(found, wanted)):
        advice = next((text for prefix, text in ADVICE.items() if path.startswith(prefix)), None)
        if advice and not path.lower().endswith(("description", "displayname")):
            yield f"{line}: {advice}", "run `apply`"


def check_api(run: Run) -> Findings:
    """Check the API's registration."""
    wanted = merged(API | identifier_uri(run.api), between(run.api, run.docs))
    yield from check_registration(run.api, wanted)


def check_docs(run: Run) -> Findings:
    """Check the docs page's registration."""
    yield from check_registration(run.docs, docs_page(run.api, run.options.redirect_uri))


def check_principals(run: Run) -> Findings:
    """Check the service principals and their assignments."""
    paths = [f"/servicePrincipals(appId='{app['appId']}')" for app in (run.api, run.docs)]
    api, docs = (run.graph.find(path, PRINCIPAL) for path in paths)
    run.api_principal = api
    if not (api and docs):
        yield (
            "a service principal is missing: sign-in fails with AADSTS500011 or AADSTS650052",
            "run `apply`",
        )
        return
    yield from check_enabled("the API's service principal", api, "AADSTS500014")
    yield from check_enabled("the docs page's service principal", docs, "AADSTS7000112")
    yield from check_registration(api, API_PRINCIPAL)
    if ROLE_VALUES:
        yield from check_assignments(run, api, docs)


def check_enabled(what: str, principal: Json, error: str) -> Findings:
    """Check that nobody disabled a service principal."""
    if principal.get("accountEnabled") is False:
        yield (
            f"{what} is disabled: sign-in fails with {error}",
            "in the Entra admin center, under Enterprise apps > Properties, set "
            '"Enabled for users to sign-in?" to Yes; `apply` leaves it disabled',
        )


def check_assignments(run: Run, api: Json, docs: Json) -> Findings:
    """Check that a user is assigned to the API, and nobody to the docs page."""
    ids = {
        role["id"]
        for role in run.api["appRoles"]
        if role.get("allowedMemberTypes") != ["Application"]
    }
    given, misplaced = (
        list(run.graph.every(f"/servicePrincipals/{principal['id']}/appRoleAssignedTo", ASSIGNMENT))
        for principal in (api, docs)
    )
    if not any(one["appRoleId"] in ids for one in given):
        yield "nobody is assigned to the API, so everyone gets 403", "run `assign`"
    if misplaced:
        names = ", ".join(str(one.get("principalDisplayName")) for one in misplaced)
        yield (
            f"assigned to the docs page instead of the API: {names}",
            "run `assign` for each, then remove them from the docs page's enterprise application",
        )


def check_clients(run: Run) -> Findings:
    """Check the front ends and daemons that `client` registered."""
    for app in clients_of(run):
        for text, remedy in check_client(run, app):
            yield f'"{app["displayName"]}": {text}', remedy


def check_client(run: Run, app: Json) -> Findings:
    """Check a front end or a daemon."""
    yield from check_registration(app, wanted_client(run.api, app))
    principal = run.graph.find(f"/servicePrincipals(appId='{app['appId']}')", PRINCIPAL)
    if not principal:
        yield "its service principal is missing, so it cannot sign in", "run `apply`"
    yield from check_enabled("its service principal", principal, "AADSTS7000112")
    if is_daemon(app):
        yield from check_daemon(run, app, principal)
        return
    yield from check_registration(run.api, between(run.api, app, FRONT_END_SCOPES))
    if not (app.get("spa") or {}).get("redirectUris"):
        yield (
            "it has no redirect URI of the type Single-page application: sign-in fails with "
            "AADSTS50011 or AADSTS9002326",
            "run `client --spa URL` with its address, or remove it",
        )


def check_daemon(run: Run, app: Json, principal: Json) -> Findings:
    """Check that a daemon can sign in and has the application permission."""
    again = f"run `client --daemon {app['uniqueName'].removeprefix(DAEMON_NAME)}`"
    ids = {role["id"] for role in run.api["appRoles"] if role.get("value") == PERMISSION}
    if principal and not ids & given_to(run, principal["id"]):
        yield f"{PERMISSION} is not assigned to it, so the API returns 403", again
    if not (app.get("keyCredentials") or credentials(run, app)):
        yield (
            "it has neither a certificate nor a federated identity credential: sign-in fails with "
            "AADSTS7000216",
            f"{again}, which says how to add one",
        )
