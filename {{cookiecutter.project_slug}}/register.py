{% set roles = cookiecutter.app_roles %}
{% set multi = cookiecutter.tenancy == "multi-tenant" %}
# /// script
# requires-python = ">=3.11"
# dependencies = ["azure-identity>=1.25", "httpx2>=2.16"]
# ///
"""Registers this service in your tenant of Microsoft Entra ID, through Microsoft Graph v1.0.

Sign in by `az login` (or `azd auth login`, or in the browser when asked), then:

  uv run register.py plan       shows what exists and what apply would do; changes nothing
  uv run register.py apply      creates or updates; a second time it changes nothing
  uv run register.py doctor     says what is wrong and how to repair it; `doctor AADSTS50011` explains
                                an error, and an access token may be piped in
{% if roles %}
  uv run register.py assign     gives a user an app role: assign USER ROLE
{% endif %}
  uv run register.py token      prints an access token for curl, signed in by the browser
  uv run register.py destroy    removes what apply created, after asking

Read on before you run it: first comes what it wants to find in the tenant, then one function a step,
then the commands; below them is how it is done.

Exit status: 0 done; 1 the doctor found something, or you did not agree to destroy; 2 wrong usage;
3 not signed in; 4 not permitted; 5 Microsoft Graph or the network failed; 6 something is there that
this script did not make; 7 .env cannot be read or written; 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import re
import sys
import tempfile
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import httpx2

from app.about import TITLE

Json = dict[str, Any]
Findings = Iterator[tuple[str, str]]
SignIn = Callable[..., str]

# Unique in the tenant. A second service of the same name takes others.
API_NAME = "{{ cookiecutter.project_slug }}"
DOCS_NAME = "{{ cookiecutter.project_slug }}-docs"
AUDIENCE = "{{ 'AzureADMultipleOrgs' if multi else 'AzureADMyOrg' }}"
SCOPE = "access_as_user"
REDIRECT_URI = "http://localhost:8000/oauth2-redirect"
COMMAND_REDIRECT_URI = "http://localhost"
CREATED, ADOPTED = "created-by:register.py", "adopted-by:register.py"
CLOUDS = {
    "public": ("https://graph.microsoft.com", "https://login.microsoftonline.com"),
    "usgov": ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
    "usgov-dod": ("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    "china": (
        "https://microsoftgraph.chinacloudapi.cn",
        "https://login.partner.microsoftonline.cn",
    ),
}


def derived_id(kind: str, value: str) -> str:
    """Return the id of a scope{{ " or app role" if roles }}: every run agrees on it."""
    return str(uuid5(uuid5(NAMESPACE_URL, "register.py"), f"{API_NAME}/{kind}/{value}"))


API: Json = {
    "displayName": TITLE,
    "signInAudience": AUDIENCE,
    "api": {
        "requestedAccessTokenVersion": 2,
        "oauth2PermissionScopes": [
            {
                "id": derived_id("scope", SCOPE),
                "value": SCOPE,
                "type": "User",
                "isEnabled": True,
                "adminConsentDisplayName": "Use the service as the signed-in user",
                "adminConsentDescription": "Lets the application call the service on behalf of the "
                "signed-in user, with no more rights than that user has.",
                "userConsentDisplayName": "Use the service as you",
                "userConsentDescription": "Lets the application call the service on your behalf, "
                "with no more rights than you have.",
            }
        ],
    },
{% if roles %}
    "appRoles": [
        {
            "id": derived_id("role", value),
            "value": value,
            "displayName": value,
            "description": description,
            "isEnabled": True,
            "allowedMemberTypes": ["User"],
        }
        for value, description in {
            "Admin": "Sees, changes and deletes everybody's todos.",
            "User": "Has todos of their own.",
        }.items()
    ],
{% endif %}
    "optionalClaims": {
        "accessToken": [
            {"name": "idtyp", "essential": False},
            {"name": "acct", "essential": False},
        ],
        "idToken": [],
        "saml2Token": [],
    },
}
DOCS: Json = {
    "displayName": f"{TITLE} docs page",
    "signInAudience": AUDIENCE,
    "spa": {"redirectUris": [REDIRECT_URI]},
    # For `register.py token`: a program outside the browser cannot use those of a page.
    "publicClient": {"redirectUris": [COMMAND_REDIRECT_URI]},
}
INTEGRATED = {"tags": ["WindowsAzureActiveDirectoryIntegratedApp"]}
API_PRINCIPAL: Json = {{ 'INTEGRATED | {"appRoleAssignmentRequired": True}' if roles else "INTEGRATED" }}

# What a step takes, when Microsoft Graph says that the caller may not.
MAY_REGISTER = (
    "Registering takes Application.ReadWrite.All, and where the tenant does not let every user "
    "register applications, an Application Developer or Cloud Application Administrator."
)
MAY_INSTALL = (
    "A service principal takes Application.ReadWrite.All and "
    "{{ 'an Application or Cloud Application Administrator' if multi else 'an Application Developer who owns the registration' }}."
)
{% if roles %}
MAY_ASSIGN = (
    "Assigning takes AppRoleAssignment.ReadWrite.All and a Cloud Application Administrator."
)
{% endif %}
MAY_CONSENT = (
    "Consent for everybody takes DelegatedPermissionGrant.ReadWrite.All and a Cloud Application "
    "Administrator. Leave out --admin-consent to go on without it."
)
# What a wrong property leads to, in the doctor's words.
ADVICE = {
    "api.requestedAccessTokenVersion": "access tokens come as v1.0 and their audience is invalid",
    "api.oauth2PermissionScopes": "sign-in fails with AADSTS650053 or AADSTS70011",
    "api.preAuthorizedApplications": "users are asked for consent, or get AADSTS65001",
{% if multi %}
    "api.knownClientApplications": "another organisation consents to one of the two alone",
{% endif %}
    "identifierUris": "sign-in fails with AADSTS500011",
    "spa.redirectUris": "sign-in fails with AADSTS50011",
    "web.redirectUris": "of the type Web, sign-in fails with AADSTS9002326 or AADSTS7000218",
    "publicClient.redirectUris": "`register.py token` fails with AADSTS50011",
    "requiredResourceAccess": "consent does not include the API",
    "optionalClaims": "guests are told apart less surely",
{% if roles %}
    "appRoles": "users cannot be given the role, and are answered 403",
    "appRoleAssignmentRequired": "everybody in the tenant can get a token, even without a role",
{% endif %}
    "signInAudience": "the wrong accounts can sign in",
}
ENV_FILE = Path(__file__).with_name(".env")
ERRORS = "https://login.microsoftonline.com/error?code="
ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(\w+)\s*(?:=\s*(.*?))?\s*")
TENANT_KEY = "{{ 'ALLOWED_TENANT_IDS' if multi else 'ENTRA_TENANT_ID' }}"
NEXT = "{{ 'uv run alembic upgrade head, then ' if cookiecutter.storage == 'database' }}uv run fastapi run"
TRASH = "/directory/deletedItems"
UNCHANGED = "Nothing else was changed."
KEYS = ("value", "name", "appId", "resourceAppId", "id")
NEW = "(new)"
ATTEMPTS, LONGEST_WAIT = 6, 120
DECLINED, USAGE, NOT_SIGNED_IN, NOT_PERMITTED, FAILED, CONFLICT, ENV_FAULT = range(1, 8)


def refuse_others(run: Run) -> None:
    """Stop before the first change when somebody else has made something of these names."""
    existing(run, API_NAME, API["displayName"])
    existing(run, DOCS_NAME, DOCS["displayName"])


def register_api(run: Run) -> None:
    """Create or update the API's registration."""
    run.api = registration(run, API_NAME, API)


def set_identifier_uri(run: Run) -> None:
    """Name the API by its client ID, which is not known before it exists."""
    uris = {"identifierUris": [f"api://{run.api['appId']}"]}
    run.api = update(run, "Application ID URI", run.api, uris)


def register_docs(run: Run) -> None:
    """Create or update the docs page's registration, with its permission to call the API."""
    run.docs = registration(run, DOCS_NAME, wanted_docs(run))


def wanted_docs(run: Run) -> Json:
    """Return the docs page's registration as it has to be."""
    return DOCS | {
        "spa": {"redirectUris": [REDIRECT_URI, *run.options.redirect_uri]},
        "requiredResourceAccess": [
            {
                "resourceAppId": run.api["appId"],
                "resourceAccess": [{"id": scope_id(run.api), "type": "Scope"}],
            }
        ],
    }


def pre_authorise(run: Run) -> None:
    """Let the docs page call the API without asking anybody for consent."""
    run.api = update(run, "Pre-authorisation of the docs page", run.api, wanted_between(run))


def wanted_between(run: Run) -> Json:
    """Return what the API's registration has to say of the docs page's."""
    client = run.docs["appId"]
    return {
        "api": {
{% if multi %}
            "knownClientApplications": [client],
{% endif %}
            "preAuthorizedApplications": [
                {"appId": client, "delegatedPermissionIds": [scope_id(run.api)]}
            ],
        }
    }


def install(run: Run) -> None:
    """Create or update both service principals, which stand for the registrations in the tenant."""
    run.api_principal = principal(run, "API", run.api, API_PRINCIPAL)
    run.docs_principal = principal(run, "docs page", run.docs, INTEGRATED)


def principal(run: Run, whose: str, app: Json, wanted: Json) -> Json:
    """Create or update a service principal; return it as it then is, or would be."""
    path = f"/servicePrincipals(appId='{app['appId']}')"
    found = {} if app["appId"] == NEW else run.graph.find(path)
    changed = changes(found, wanted)
    made: Json | None = None
    if changed and run.write:
        made = run.graph.call("PATCH", path, changed, prefer="create-if-missing")
        made = made or (None if found else run.graph.get(path))
    lines = [line for _, line in differences(found, changed)]
    run.say(f"Service principal of the {whose}", "changed" if found else "created", lines)
    return made or found | changed
{% if roles %}


def assign_me(run: Run) -> None:
    """Give the app role Admin to whoever runs this."""
    if run.me:
        give_role(run, run.me, "Admin")


def give_role(run: Run, user: Json, role: str) -> None:
    """Give a user an app role, unless they have it."""
    roles = {role["value"]: role["id"] for role in run.api["appRoles"]}
    path = f"/servicePrincipals/{run.api_principal.get('id')}/appRoleAssignedTo"
    given = run.graph.every(path) if "id" in run.api_principal else ()
    wanted = {"principalId": user["id"], "appRoleId": roles[role]}
    lines = []
    if not any(wanted.items() <= assignment.items() for assignment in given):
        lines = [f"+ {user['userPrincipalName']}"]
        if run.write:
            body = wanted | {"resourceId": run.api_principal["id"]}
            run.graph.call("POST", path, body, ignore="already exists")
    run.say(f"App role {role}", "assigned", lines)
{% endif %}


def consent(run: Run) -> None:
    """Consent for every user of the tenant, when asked to."""
    if not run.options.admin_consent:
        return
    ids = {
        "clientId": run.docs_principal.get("id"),
        "resourceId": run.api_principal.get("id"),
    }
    query = " and ".join(f"{key} eq '{value}'" for key, value in ids.items())
    known = all(ids.values())
    grants = run.graph.every(f"/oauth2PermissionGrants?$filter={query}") if known else iter(())
    grant = next((grant for grant in grants if grant["consentType"] == "AllPrincipals"), None)
    scopes = grant["scope"].split() if grant else []
    lines = [] if SCOPE in scopes else [f"+ {SCOPE} for every user"]
    if lines and run.write and grant:
        more = {"scope": " ".join([*scopes, SCOPE])}
        run.graph.call("PATCH", f"/oauth2PermissionGrants/{grant['id']}", more)
    elif lines and run.write:
        body = ids | {"consentType": "AllPrincipals", "scope": SCOPE}
        run.graph.call("POST", "/oauth2PermissionGrants", body, ignore="already exists")
    run.say("Admin consent for the docs page", "given", lines)


STEPS = (
    (refuse_others, MAY_REGISTER),
    (register_api, MAY_REGISTER),
    (set_identifier_uri, MAY_REGISTER),
    (register_docs, MAY_REGISTER),
    (pre_authorise, MAY_REGISTER),
    (install, MAY_INSTALL),
{% if roles %}
    (assign_me, MAY_ASSIGN),
{% endif %}
    (consent, MAY_CONSENT),
)


def plan(run: Run) -> int:
    """Show what apply would do."""
    run.connect()
    for step, _ in STEPS:
        step(run)
    configure(run)
    print("Nothing to do." if not run.pending else "Nothing was changed. `apply` does all this.")
    return 0


def apply(run: Run) -> int:
    """Create or update everything, then write .env."""
    # Before the first change: a file that is beyond use would stop it in the end.
    env_text()
    run.connect()
    run.write = True
    for step, right in STEPS:
        try:
            step(run)
        except RegisterError as error:
            done = "What is listed above is done and stays." if run.graph.writes else UNCHANGED
            raise failed(error, right, f"{done} .env was not written.") from None
    configure(run)
    print("Nothing had to be done." if not run.pending else f"Done. Next: {NEXT}")
    return 0
{% if roles %}


def assign(run: Run) -> int:
    """Give a user an app role."""
    run.connect()
    client = env_values(env_text()).get("API_CLIENT_ID", "")
    run.api = run.graph.find(f"/applications(appId='{client}')") if client else {}
    run.api_principal = run.graph.find(f"/servicePrincipals(appId='{client}')") if run.api else {}
    if not run.api_principal:
        raise RegisterError("The API of .env is not registered here. Run `apply` first.", USAGE)
    asked = run.options.user
    user = run.graph.find(f"/users/{quote(asked, safe='')}?$select=id,userPrincipalName")
    if not user:
        raise RegisterError(
            f"The tenant has no user {asked}. USER is a user name or an object id.", USAGE
        )
    run.write = True
    try:
        give_role(run, user, run.options.role)
    except RegisterError as error:
        raise failed(error, MAY_ASSIGN, UNCHANGED) from None
    return 0
{% endif %}


def token(run: Run) -> int:
    """Print an access token of the service for whoever signs in in the browser."""
    env = env_values(env_text()) | {key: value for key, value in os.environ.items() if value}
    faults = list(check_settings(env))
    if faults:
        raise RegisterError(f"{faults[0][0]}. Run `apply` first.", USAGE)
    tenant = {{ 'run.options.tenant or "organizations"' if multi else "env[TENANT_KEY]" }}
    scope = f"api://{env['API_CLIENT_ID']}/{SCOPE}"
    login = env.get("ENTRA_AUTHORITY", run.login)
    print(run.sign_in(login, tenant, scope, env["SWAGGER_UI_CLIENT_ID"]))
    return 0


def destroy(run: Run) -> int:
    """Remove what apply created, for good, after asking."""
    # Before anything is removed: an unreadable file would keep the ids from being cleared.
    env_text()
    run.connect()
    present, deleted = created_here(run)
    if not (present or deleted):
        print("There is nothing to remove.")
        return 0
    for app in present + deleted:
        what = "deleted, can be restored" if app in deleted else "with its service principal"
        print(f'To remove for good: "{app["displayName"]}" ({app["appId"]}), {what}')
    try:
        agreed = input("Type yes to go on: ").strip() == "yes"
    except EOFError:
        agreed = False
    if not agreed:
        print("Nothing was removed.")
        return DECLINED
    try:
        for app in present:
            principal = run.graph.find(f"/servicePrincipals(appId='{app['appId']}')")
            if principal:
                run.graph.call("DELETE", f"/servicePrincipals/{principal['id']}", ignore="404 ")
            run.graph.call("DELETE", f"/applications/{app['id']}")
        # A deleted registration holds its unique name for thirty days more.
        for app in present + deleted:
            run.graph.call("DELETE", f"{TRASH}/{app['id']}")
            print(f'Removed: "{app["displayName"]}" ({app["appId"]})')
    except RegisterError as error:
        raise failed(error, MAY_REGISTER, "What is listed as removed is gone.") from None
    run.write, text = True, env_text()
    gone = {app["appId"] for app in present + deleted}
    void = {key: "" for key, value in env_values(text).items() if value in gone}
    if void:
        save_env(run, text, void)
    return 0


def created_here(run: Run) -> tuple[list[Json], list[Json]]:
    """Return the registrations that apply created: those there are, and the deleted ones."""
    names = (DOCS_NAME, API_NAME)
    found = [run.graph.find(f"/applications(uniqueName='{name}')") for name in names]
    for app in found:
        if app and CREATED not in app["tags"]:
            print(f'Stays: "{app["displayName"]}" ({app["appId"]}), which apply did not create')
    deleted = run.graph.every(f"{TRASH}/microsoft.graph.application")
    return (
        [app for app in found if app and CREATED in app["tags"]],
        [app for app in deleted if app.get("uniqueName") in names and CREATED in app["tags"]],
    )


def doctor(run: Run) -> int:
    """Say what is wrong, and how to repair it."""
    if run.options.error:
        return explain(run.options.error)
    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read().strip("\ufeff \r\n")
    if re.search(r"AADSTS\d", piped):
        return explain(piped)
    env = env_values(env_text()) | {key: value for key, value in os.environ.items() if value}
    wrong = report("settings", check_settings(env))
    if wrong:
        return DECLINED
    run.login = env.get("ENTRA_AUTHORITY", run.login)
    wrong += report("discovery document and signing keys", check_discovery(run, env))
    if piped:
        wrong += report("access token", check_token(piped, env, run.login))
    run.connect()
    for key in ("API_CLIENT_ID", "SWAGGER_UI_CLIENT_ID"):
        app = run.graph.find(f"/applications(appId='{env[key]}')")
        if not app:
            missing = f"{key}: the tenant has no app registration {env[key]}", "run apply"
            report("app registrations", iter([missing]))
            return DECLINED
        run.api, run.docs = (app, {}) if key == "API_CLIENT_ID" else (run.api, app)
    wrong += report("the API's registration", check_api(run))
    wrong += report("the docs page's registration", check_registration(run.docs, wanted_docs(run)))
    wrong += report("service principals", check_principals(run))
    print("Nothing is wrong." if not wrong else f"{wrong} found.")
    return DECLINED if wrong else 0


def report(what: str, findings: Findings) -> int:
    """Print the findings of one check; return how many there are."""
    found = list(findings)
    print(f"{'wrong' if found else 'ok':<6}{what}")
    for text, remedy in found:
        print(f"        {text}\n        -> {remedy}")
    return len(found)


def explain(text: str) -> int:
    """Print what the errors of Entra ID in a text mean, as docs/troubleshooting.md has it."""
    guide = Path(__file__).with_name("docs") / "troubleshooting.md"
    rows = guide.read_text(encoding="utf-8").splitlines() if guide.exists() else []
    numbers = re.findall(r"AADSTS(\d+)", text) or re.findall(r"\d{4,}", text)
    if not numbers:
        raise RegisterError(f"{text!r} is no error of Entra ID, such as AADSTS50011.", USAGE)
    for number in dict.fromkeys(numbers):
        row = next((row for row in rows if re.match(rf"\|.*AADSTS{number}\b.*\|.*\|", row)), "")
        parts = [part.strip() for part in row.strip("|").split("|")]
        told = parts if row else [f"AADSTS{number}", f"{ERRORS}{number} explains it."]
        print("\n  ".join(told))
    return 0


def check_settings(env: dict[str, str]) -> Findings:
    """Check that .env, or the environment, names the registrations."""
    guid = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    takes = {
{% if multi %}
        TENANT_KEY: rf"\*|{guid}(\s*,\s*{guid})*",
{% else %}
        TENANT_KEY: guid,
{% endif %}
        "API_CLIENT_ID": guid,
        "SWAGGER_UI_CLIENT_ID": guid,
    }
    for key, pattern in takes.items():
        if not re.fullmatch(pattern, env.get(key, "")):
            yield f"{key} is {env.get(key) or 'missing'}", "run apply, which writes it to .env"


def check_discovery(run: Run, env: dict[str, str]) -> Findings:
    """Check that Entra ID issues the tokens that the service expects."""
{% if multi %}
    address, tenant = f"{run.login}/organizations/v2.0", "{tenantid}"
{% else %}
    tenant = env[TENANT_KEY]
    address = f"{run.login}/{tenant}/v2.0"
{% endif %}
    try:
        document = run.http.get(f"{address}/.well-known/openid-configuration").json()
        issuer = document.get("issuer")
        keys = run.http.get(document["jwks_uri"]).json()["keys"] if issuer else []
    except (httpx2.HTTPError, httpx2.InvalidURL, AttributeError, LookupError, ValueError) as error:
        yield (
            f"{address} does not answer as Entra ID does ({error!r})",
            "check the network and a proxy",
        )
        return
    if issuer is None:
        yield str(document.get("error_description")), f"correct {TENANT_KEY} or ENTRA_AUTHORITY"
    elif issuer != f"{run.login}/{tenant}/v2.0":
        yield f"the issuer is {issuer}", f"set ENTRA_AUTHORITY to {issuer.split('/' + tenant)[0]}"
    elif not keys:
        yield "there are no signing keys", "check ENTRA_AUTHORITY"


def check_token(token: str, env: dict[str, str], login: str) -> Findings:
    """Compare the claims of an access token with the settings. Its signature is not verified."""
    try:
        claims: Json = json.loads(
            urlsafe_b64decode(token.removeprefix("Bearer ").split(".")[1] + "==")
        )
        expires = float(claims["exp"])
    except (LookupError, TypeError, ValueError):
        yield "what was piped in is not an access token", "pipe in the output of the token command"
        return
    api = env["API_CLIENT_ID"].lower()
    scope = f"ask for the scope api://{api}/{SCOPE}"
    aud, tid, iss = (str(claims.get(name)) for name in ("aud", "tid", "iss"))
    if claims.get("ver") != "2.0" or aud == f"api://{api}":
        yield (
            f"ver is {claims.get('ver')}, and v2.0 tokens alone pass",
            "run apply, then sign in again",
        )
    elif aud != api:
        yield f"aud is {aud}, another API than API_CLIENT_ID {api}", scope
    tenants = listed(env[TENANT_KEY])
    if tid not in tenants and "*" not in tenants:
        yield f"tid is {tid}, and {TENANT_KEY} has {tenants}", "sign in with another account"
    if iss != f"{login}/{tid}/v2.0":
        yield f"iss is {iss}, not {login}/{tid}/v2.0", "check ENTRA_AUTHORITY, and ver above"
    if SCOPE not in str(claims.get("scp", "")).split():
        yield f"scp is {claims.get('scp')}, without {SCOPE}", f"{scope}, as a person"
    clients = listed(env.get("ALLOWED_CLIENT_IDS", ""))
    if clients and str(claims.get("azp")) not in clients:
        yield f"azp is {claims.get('azp')}, which may not call", "add it to ALLOWED_CLIENT_IDS"
    guest = claims.get("acct") == 1 or claims.get("idp", iss) != iss
    if guest and env.get("ALLOW_GUESTS", "").lower() not in {"true", "1", "yes", "on", "t", "y"}:
        yield "acct or idp say that this is a guest", "set ALLOW_GUESTS=true if guests may sign in"
{% if roles %}
    if not {"Admin", "User"} & set(claims.get("roles") or ()):
        yield f"roles is {claims.get('roles')}: todos are a 403", "run assign, then sign in again"
{% endif %}
    if expires < time.time() - 60:
        yield f"exp: it expired {time.time() - expires:.0f} seconds ago", "take a new one"


def listed(value: str) -> list[str]:
    """Return the parts of a comma-separated setting."""
    return [part.strip().lower() for part in value.split(",") if part.strip()]


def check_registration(found: Json, wanted: Json) -> Findings:
    """Compare a registration with what it has to be."""
    for path, line in differences(found, changes(found, wanted)):
        advice = next((text for prefix, text in ADVICE.items() if path.startswith(prefix)), None)
        if advice and not path.lower().endswith(("description", "displayname")):
            yield f"{line}: {advice}", "run apply"


def check_api(run: Run) -> Findings:
    """Check the API's registration."""
    uris = {"identifierUris": [f"api://{run.api['appId']}"]}
    yield from check_registration(run.api, merged(API | uris, wanted_between(run)))


def check_principals(run: Run) -> Findings:
    """Check the service principals{{ ", and that somebody has an app role" if roles }}."""
    paths = [f"/servicePrincipals(appId='{app['appId']}')" for app in (run.api, run.docs)]
    api, docs = (run.graph.find(path) for path in paths)
    if not (api and docs):
        yield "the tenant lacks one: sign-in fails with AADSTS500011 or AADSTS650052", "run apply"
        return
    yield from check_registration(api, API_PRINCIPAL)
{% if roles %}
    ids = {role["id"] for role in run.api["appRoles"]}
    for app, misplaced in ((api, False), (docs, True)):
        given = list(run.graph.every(f"/servicePrincipals/{app['id']}/appRoleAssignedTo"))
        if misplaced and given:
            names = ", ".join(str(one.get("principalDisplayName")) for one in given)
            yield f"assigned on the docs page instead of the API: {names}", "run assign for each"
        elif not misplaced and not any(one["appRoleId"] in ids for one in given):
            yield "nobody has an app role: todos are a 403 for everybody", "run assign"
{% endif %}


@dataclass
class Run:
    """One run of a command: where it runs, what it may do and what it has met so far."""

    options: argparse.Namespace
    http: httpx2.Client
    sign_in: SignIn
    sleep: Callable[[float], None]
    login: str
    graph: Graph = field(init=False)
    tenant: Json = field(init=False)
    me: Json = field(init=False)
    write: bool = False
    api: Json = field(default_factory=dict)
    docs: Json = field(default_factory=dict)
    api_principal: Json = field(default_factory=dict)
    docs_principal: Json = field(default_factory=dict)
    pending: int = 0

    def connect(self) -> None:
        """Sign in to Microsoft Graph, and say where and as whom."""
        host = CLOUDS[self.options.cloud][0]
        token = self.sign_in(self.login, self.options.tenant, f"{host}/.default")
        self.graph = Graph(self.http, host, token, self.sleep)
        self.tenant = self.graph.get("/organization?$select=id,displayName")["value"][0]
        # A service principal may sign in too, and is nobody to give anything to.
        who = "/me?$select=id,userPrincipalName"
        self.me = self.graph.call("GET", who, ignore="delegated authentication flow") or {}
        name = self.me.get("userPrincipalName", "a service principal")
        print(f"Tenant {self.tenant['displayName']} ({self.tenant['id']}), signed in as {name}")

    def say(self, title: str, done: str, lines: list[str]) -> None:
        """Show what a step does; no lines mean that there is nothing to do."""
        self.pending += bool(lines)
        would = "" if self.write else "would be "
        print(f"{title}: {would + done if lines else 'as wanted'}")
        for line in lines:
            print(f"    {line}")


def existing(run: Run, name: str, display_name: str) -> Json:
    """Return the app registration to use, or an empty one; refuse what somebody else made."""
    found = run.graph.find(f"/applications(uniqueName='{name}')")
    if not found:
        quoted = quote(display_name.replace("'", "''"), safe="")
        called = run.graph.every(f"/applications?$filter=displayName eq '{quoted}'")
        others = [app for app in called if app.get("uniqueName") != name]
        if not others:
            return {}
        found = others[0]
        if len(others) > 1 or found.get("uniqueName"):
            ids = ", ".join(app["appId"] for app in others)
            raise RegisterError(
                f'There are app registrations called "{display_name}" that cannot be adopted '
                f"(client ID {ids}). Rename them there, or this service in app/about.py.",
                CONFLICT,
            )
{% if roles %}
    for role in found["appRoles"]:
        # It may be read and not sent.
        role.pop("origin", None)
{% endif %}
    if run.options.adopt or {CREATED, ADOPTED} & set(found["tags"]):
        return found
    raise RegisterError(
        f'There is an app registration called "{found["displayName"]}" (client ID '
        f"{found['appId']}) that this script did not make. If it is for this service, --adopt takes "
        "it over and keeps what is in it. If not, rename this service in app/about.py, or the "
        "names at the top of register.py.",
        CONFLICT,
    )


def registration(run: Run, name: str, wanted: Json) -> Json:
    """Create or update an app registration; return it as it then is, or would be."""
    title = f'App registration "{wanted["displayName"]}"'
    found = existing(run, name, wanted["displayName"])
    if found:
        if not {CREATED, ADOPTED} & set(found["tags"]):
            wanted = wanted | {"tags": [ADOPTED], "uniqueName": name}
        return update(run, title, found, wanted)
    wanted = wanted | {"tags": [CREATED]}
    made = wanted | {"id": "", "appId": NEW}
    if run.write:
        path = f"/applications(uniqueName='{name}')"
        try:
            created = run.graph.call("PATCH", path, wanted, prefer="create-if-missing")
        except RegisterError as error:
            if "uniqueName already exists" not in str(error):
                raise
            raise RegisterError(
                f"A deleted app registration still holds the unique name {name}. If this script "
                "made it, `register.py destroy` removes it for good. If not, remove or restore it "
                "in the Entra admin center: App registrations > Deleted applications.",
                CONFLICT,
            ) from None
        made = created or run.graph.get(path)
    run.say(title, "created", [line for _, line in differences({}, wanted)])
    return made


def update(run: Run, title: str, found: Json, wanted: Json) -> Json:
    """Put what is wanted into an app registration; return it as it then is, or would be."""
    changed = changes(found, wanted)
    if changed and run.write:
        path = f"/applications/{found['id']}"
        enabled = {key: found[key] for key in changed if key in found}
        disabled = switched_off(enabled, changed)
        # Microsoft Graph refuses to change or remove one that is enabled.
        if disabled != enabled:
            altered = {key: disabled[key] for key in enabled if disabled[key] != enabled[key]}
            run.graph.call("PATCH", path, altered)
        run.graph.call("PATCH", path, changed)
    run.say(title, "changed", [line for _, line in differences(found, changed)])
    return found | changed


def scope_id(api: Json) -> str:
    """Return the id that the scope has in the API's registration."""
    scopes = api["api"]["oauth2PermissionScopes"]
    return next((str(scope["id"]) for scope in scopes if scope["value"] == SCOPE), "")


def configure(run: Run) -> None:
    """Put the ids into .env; what else is there stays."""
    text = env_text()
    values = {
        TENANT_KEY: run.tenant["id"],
        "API_CLIENT_ID": run.api["appId"],
        "SWAGGER_UI_CLIENT_ID": run.docs["appId"],
    }
    found = env_values(text)
{% if multi %}
    tenants = listed(found.get(TENANT_KEY, ""))
    if "*" in tenants or run.tenant["id"] in tenants:
        del values[TENANT_KEY]
    else:
        values[TENANT_KEY] = ",".join([*tenants, run.tenant["id"]])
{% endif %}
    if run.login != CLOUDS["public"][1] or "ENTRA_AUTHORITY" in found:
        values["ENTRA_AUTHORITY"] = run.login
    save_env(run, text, values)


def save_env(run: Run, text: str, values: dict[str, str]) -> None:
    """Write these values to .env, readable by its owner alone, or show that it would be done."""
    found = env_values(text)
    lines = []
    for key, value in values.items():
        if found.get(key, "") != value:
            old = found.get(key)
            lines.append(f"~ {key}: {old} -> {value or 'empty'}" if old else f"+ {key}: {value}")
    new = env_with(text, values)
    private = os.name != "posix" or not ENV_FILE.exists() or not ENV_FILE.stat().st_mode & 0o077
    if not private:
        lines.append("~ mode: readable by its owner alone")
    if run.write and (lines or new != text):
        try:
            replace(ENV_FILE.resolve(), new)
        except OSError as error:
            wanted = "\n".join(f"  {key}={value}" for key, value in values.items())
            raise RegisterError(
                f"Everything else is done, but .env could not be written ({error.strerror}). "
                f"Put this into it:\n{wanted}",
                ENV_FAULT,
            ) from None
    run.say(".env", "written", lines)


def env_text() -> str:
    """Return the text of .env, or of .env.example when there is none yet."""
    for path in (ENV_FILE, ENV_FILE.with_name(".env.example")):
        try:
            # Some Windows tools begin a file with a byte order mark.
            text = path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            continue
        except OSError as error:
            fault = f"cannot be read ({error.strerror})"
        except UnicodeDecodeError:
            fault = "is not UTF-8 text"
        else:
            # UTF-16 without a byte order mark is valid UTF-8 with a NUL in every other place.
            if "\0" not in text:
                return text
            fault = "is not UTF-8 text"
        raise RegisterError(
            f"{path.name} {fault}. It was left as it is: repair or remove it, then run this again.",
            ENV_FAULT,
        )
    return ""


def env_values(text: str) -> dict[str, str]:
    """Return the variables of an environment file."""
    found = {}
    for line in text.split("\n"):
        match = ASSIGNMENT.fullmatch(line)
        if match:
            found[match[1]] = re.sub(r"(^|\s+)#.*", "", match[2] or "").strip("'\"")
    return found


def env_with(text: str, values: dict[str, str]) -> str:
    """Return the text with these values, each in its place or at the end; other lines stay."""
    lines = text.split("\n")
    for key, value in values.items():
        at = [
            n for n, line in enumerate(lines) if (m := ASSIGNMENT.fullmatch(line)) and m[1] == key
        ]
        for n in at:
            if env_values(lines[n])[key] != value:
                lines[n] = f"{key}={value}" + ("\r" if lines[n].endswith("\r") else "")
        if not at:
            lines[-1:] = [*filter(None, lines[-1:]), f"{key}={value}", ""]
    return "\n".join(lines)


def replace(path: Path, text: str) -> None:
    """Replace a file at one blow, so that it is never half-written."""
    handle, name = tempfile.mkstemp(prefix=".env.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def merged(current: Any, wanted: Any) -> Any:
    """Return what is there with what is wanted put into it: what others added is kept."""
    if isinstance(wanted, dict):
        current = current or {}
        return current | {key: merged(current.get(key), value) for key, value in wanted.items()}
    if not isinstance(wanted, list):
        return wanted
    items = list(current or [])
    for new in wanted:
        at = next((at for at, old in enumerate(items) if same(old, new)), None)
        if at is None:
            items.append(new)
        elif isinstance(new, dict):
            kept = {"id": items[at]["id"]} if "id" in items[at] else {}
            items[at] = merged(items[at], new | kept)
    return items


def same(old: Any, new: Any) -> bool:
    """Whether two items of a list are about the same thing."""
    if key_of(old) == key_of(new):
        return True
    return isinstance(new, dict) and "id" in new and old.get("id") == new["id"]


def key_of(item: Any) -> tuple[str, Any]:
    """Return what tells an item of a list from the others, and the property that holds it."""
    if not isinstance(item, dict):
        return "", item
    return next((key, item[key]) for key in KEYS if key in item)


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of each value that differs, and a line that shows how."""
    if isinstance(new, dict):
        for key, value in new.items():
            before = old.get(key) if isinstance(old, dict) else None
            yield from differences(before, value, f"{path}.{key}" if path else key)
    elif isinstance(new, list):
        for item in new:
            before = next((before for before in old or [] if same(before, item)), None)
            if before is None:
                yield path, f"+ {path}: {key_of(item)[1]}"
            else:
                yield from differences(before, item, path)
        for item in old or []:
            if isinstance(item, str) and item not in new:
                yield path, f"- {path}: {item}"
    elif old != new:
        yield path, f"+ {path}: {new}" if old is None else f"~ {path}: {old} -> {new}"


def changes(found: Json, wanted: Json) -> Json:
    """Return the properties to send, each whole, so that an object is as wanted."""
    result = merged(found, wanted)
    for uri in wanted.get("spa", {}).get("redirectUris", []):
        # A redirect URI belongs to one platform, and that of a page has to be a page's.
        for platform in ("web", "publicClient"):
            uris = (result.get(platform) or {}).get("redirectUris", [])
            if uri in uris:
                kept = [other for other in uris if other != uri]
                result[platform] = result[platform] | {"redirectUris": kept}
                result[platform].pop("redirectUriSettings", None)
    return {key: value for key, value in result.items() if value != found.get(key)}


def switched_off(old: Any, new: Any) -> Any:
    """Return what is there, with the enabled items disabled that are about to change."""
    if isinstance(old, dict):
        return {key: switched_off(value, new.get(key, value)) for key, value in old.items()}
    if not isinstance(old, list):
        return old
    return [
        item | {"isEnabled": False}
        if isinstance(item, dict) and item.get("isEnabled") and item not in new
        else item
        for item in old
    ]


class RegisterError(Exception):
    """What stopped the script, in words, with the exit status of its kind."""

    def __init__(self, text: str, status: int = FAILED) -> None:
        super().__init__(text)
        self.status = status


def failed(error: RegisterError, right: str, done: str) -> RegisterError:
    """Add to an error what the caller lacks, what was done, and that they may try again."""
    lacking = f"\n{right}" if error.status == NOT_PERMITTED else ""
    again = "It is safe to run this again: it goes on where it stopped."
    return RegisterError(f"{error}{lacking}\n{done} {again}", error.status)


class Graph:
    """Microsoft Graph v1.0, with bounded retries."""

    def __init__(
        self, http: httpx2.Client, host: str, token: str, sleep: Callable[[float], None]
    ) -> None:
        self.http, self.host, self.sleep = http, host, sleep
        self.headers = {"Authorization": f"Bearer {token}"}
        self.writes = 0

    def get(self, path: str) -> Json:
        """Read an object that exists."""
        return self.call("GET", path) or {}

    def find(self, path: str) -> Json:
        """Read an object, or return an empty one when there is none."""
        return self.call("GET", path, ignore="404 ") or {}

    def every(self, path: str) -> Iterator[Json]:
        """Read every page of a list."""
        while path:
            page = self.get(path)
            yield from page["value"]
            path = page.get("@odata.nextLink", "").removeprefix(f"{self.host}/v1.0")

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        ignore: str = "",
        prefer: str = "",
    ) -> Json | None:
        """Send a request and return the body of the answer; a failure that says `ignore` is none.

        A replica may not know yet what was created a moment ago, and then answers 404 or 400. So
        these are tried again too, a 400 only when this run has created something.
        """
        headers = self.headers | ({"Prefer": prefer} if prefer else {})
        for attempt in range(ATTEMPTS):
            try:
                answer = self.http.request(
                    method, f"{self.host}/v1.0{path}", json=body, headers=headers
                )
            except httpx2.HTTPError as error:
                raise RegisterError(
                    f"{method} {path}: {self.host} did not answer: {error}"
                ) from None
            if answer.is_success:
                self.writes += method != "GET"
                return answer.json() if answer.content else None
            status = answer.status_code
            said = f"{status} {failure(answer)}"
            if ignore and ignore in said:
                return None
            wait = 2.0**attempt
            if status in {429, 503, 504}:
                told = answer.headers.get("Retry-After", "")
                wait = float(told) if told.isdecimal() else wait
            elif status not in ({400, 404} if self.writes else {404}):
                break
            if attempt + 1 == ATTEMPTS or wait > LONGEST_WAIT:
                break
            self.sleep(wait)
        kind = {401: NOT_SIGNED_IN, 403: NOT_PERMITTED}.get(status, FAILED)
        raise RegisterError(f"{method} {path} was answered {said}", kind)


def failure(answer: httpx2.Response) -> str:
    """Return the code and the message of an error of Microsoft Graph."""
    try:
        error = answer.json()["error"]
        return f"{error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return "without a reason. Is a proxy in between?"


def azure_sign_in(login: str, tenant: str | None, scope: str, client_id: str = "") -> str:
    """Return an access token: for Microsoft Graph, or as the given client by PKCE in the browser."""
    import azure.identity  # noqa: PLC0415
    from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError  # noqa: PLC0415

    logging.getLogger("azure").setLevel(logging.CRITICAL)
    tools: Json = {"tenant_id": tenant} if tenant else {}
    where: Json = {"authority": login} | tools
    credentials: list[Any] = []
    if client_id:
        credentials = [azure.identity.InteractiveBrowserCredential(client_id=client_id, **where)]
    else:
        credentials = [
            azure.identity.AzureCliCredential(**tools),
            azure.identity.AzureDeveloperCliCredential(**tools),
        ]
        if sys.stderr.isatty():
            credentials += [
                azure.identity.InteractiveBrowserCredential(**where),
                azure.identity.DeviceCodeCredential(prompt_callback=show_code, **where),
            ]
    reasons = []
    for credential in credentials:
        try:
            token: str = credential.get_token(scope).token
            return token
        except azure.identity.CredentialUnavailableError as error:
            reasons.append(str(error.message).splitlines()[0])
        except ClientAuthenticationError as error:
            reasons.append(str(error.message).splitlines()[0])
            if isinstance(error.__cause__, ServiceRequestError):
                raise RegisterError(f"{login} cannot be reached: {reasons[-1]}") from None
            break
        except ServiceRequestError as error:
            raise RegisterError(f"{login} cannot be reached: {error}") from None
    raise RegisterError(
        "Nobody is signed in. Run `az login`, then this again.\n  " + "\n  ".join(reasons),
        NOT_SIGNED_IN,
    )


def show_code(address: str, code: str, _: object) -> None:
    """Ask for the device code."""
    print(f"Open {address} and enter the code {code}.", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    description, _, epilog = str(__doc__).partition("\n\n")
    layout = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser("register.py", None, description, epilog, formatter_class=layout)
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--cloud", choices=CLOUDS, default="public", help="default: public")
    where.add_argument(
        "--tenant", metavar="ID", type=tenant_id, help="the tenant, if you can sign in to several"
    )
    what = argparse.ArgumentParser(add_help=False)
    what.add_argument(
        "--redirect-uri",
        metavar="URI",
        action="append",
        default=[],
        type=redirect_uri,
        help="another address of the docs page, such as https://www.example.com/oauth2-redirect; may be repeated",
    )
    how = argparse.ArgumentParser(add_help=False)
    how.add_argument("--admin-consent", action="store_true", help="consent for every user")
    how.add_argument("--adopt", action="store_true", help="take over what somebody else made")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(
        run: Callable[[Run], int], *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(run.__name__, parents=[where, *parents], help=run.__doc__)
        made.set_defaults(command=run)
        return made

    command(plan, what, how)
    command(apply, what, how)
    command(doctor, what).add_argument("error", nargs="?", help="an error such as AADSTS50011")
{% if roles %}
    assigning = command(assign)
    assigning.add_argument("user", help="a user name or an object id")
    assigning.add_argument("role", choices=("Admin", "User"))
{% endif %}
    command(token)
    command(destroy)
    return top


def tenant_id(text: str) -> str:
    """Take the id or the domain of a tenant."""
    if not re.fullmatch(r"[0-9A-Za-z.-]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a GUID nor a domain")
    return text


def redirect_uri(text: str) -> str:
    """Take an address that Entra ID accepts for a page."""
    if not re.fullmatch(r"https://[^\s*]+|http://localhost(:\d+)?(/[^\s*]*)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither https:// nor http://localhost")
    return text


def main(
    argv: list[str] | None = None,
    *,
    http: httpx2.Client | None = None,
    sign_in: SignIn = azure_sign_in,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Run a command; return its exit status. Tests hand in another network, person and clock."""
    options = parser().parse_args(argv)
    run = Run(options, http or httpx2.Client(timeout=30), sign_in, sleep, CLOUDS[options.cloud][1])
    try:
        return int(options.command(run))
    except RegisterError as error:
        print(f"register.py: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print(
            "\nInterrupted. What is listed above stays; it is safe to run this again.",
            file=sys.stderr,
        )
        return 130


if __name__ == "__main__":
    # A console that cannot show a character shows another in its place.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(main())
