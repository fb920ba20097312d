"""What the doctor checks: the settings, Entra ID, and what is in the tenant."""

import re

import httpx2

from registration.advice import ADVICE
from registration.aliases import Findings, Json
from registration.guid import GUID
from registration.merge import changes, differences, merged
from registration.run import Run
from registration.tenancy import tenancy
from registration.wanted import API, API_PRINCIPAL, ROLE_VALUES, between, docs_page, identifier_uri


def check_settings(env: dict[str, str]) -> Findings:
    """Check that .env, or the environment, names the registrations."""
    patterns = {
        tenancy.SETTING: tenancy.PATTERN,
        "API_CLIENT_ID": GUID,
        "SWAGGER_UI_CLIENT_ID": GUID,
    }
    for key, pattern in patterns.items():
        if not re.fullmatch(pattern, env.get(key, "")):
            yield f"{key} is {env.get(key) or 'missing'}", "run apply, which writes it to .env"


def check_discovery(run: Run, env: dict[str, str]) -> Findings:
    """Check that Entra ID issues the tokens that the service expects."""
    tenant, issuing = tenancy.discovered(env[tenancy.SETTING])
    address = f"{run.login}/{tenant}/v2.0"
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
        told = str(document.get("error_description"))
        yield told, f"correct {tenancy.SETTING} or ENTRA_AUTHORITY"
    elif issuer != f"{run.login}/{issuing}/v2.0":
        yield f"the issuer is {issuer}", f"set ENTRA_AUTHORITY to {issuer.split('/' + issuing)[0]}"
    elif not keys:
        yield "there are no signing keys", "check ENTRA_AUTHORITY"


def check_registration(found: Json, wanted: Json) -> Findings:
    """Compare a registration or service principal with what it has to be."""
    for path, line in differences(found, changes(found, wanted)):
        advice = next((text for prefix, text in ADVICE.items() if path.startswith(prefix)), None)
        if advice and not path.lower().endswith(("description", "displayname")):
            yield f"{line}: {advice}", "run apply"


def check_api(run: Run) -> Findings:
    """Check the API's registration."""
    wanted = merged(API | identifier_uri(run.api), between(run.api, run.docs))
    yield from check_registration(run.api, wanted)


def check_docs(run: Run) -> Findings:
    """Check the docs page's registration."""
    yield from check_registration(run.docs, docs_page(run.api, run.options.redirect_uri))


def check_principals(run: Run) -> Findings:
    """Check the service principals, and who is assigned to them."""
    paths = [f"/servicePrincipals(appId='{app['appId']}')" for app in (run.api, run.docs)]
    api, docs = (run.graph.find(path) for path in paths)
    if not (api and docs):
        yield "the tenant lacks one: sign-in fails with AADSTS500011 or AADSTS650052", "run apply"
        return
    for whose, principal, error in (
        ("API", api, "AADSTS500014"),
        ("docs page", docs, "AADSTS7000112"),
    ):
        if principal.get("accountEnabled") is False:
            yield (
                f"that of the {whose} is disabled: sign-in fails with {error}",
                "enable it in the admin center, Enterprise apps > Properties; apply leaves it as it is",
            )
    yield from check_registration(api, API_PRINCIPAL)
    if ROLE_VALUES:
        yield from check_assignments(run, api, docs)


def check_assignments(run: Run, api: Json, docs: Json) -> Findings:
    """Check that somebody is assigned to the API, and nobody to the docs page."""
    ids = {role["id"] for role in run.api["appRoles"]}
    given, misplaced = (
        list(run.graph.every(f"/servicePrincipals/{principal['id']}/appRoleAssignedTo"))
        for principal in (api, docs)
    )
    if not any(one["appRoleId"] in ids for one in given):
        yield "nobody is assigned: the API answers 403 to everybody", "run assign"
    if misplaced:
        names = ", ".join(str(one.get("principalDisplayName")) for one in misplaced)
        yield f"assigned on the docs page instead of the API: {names}", "run assign for each"
