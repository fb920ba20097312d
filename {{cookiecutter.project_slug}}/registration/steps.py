"""The steps of `plan` and `apply`; `STEPS`, at the end, gives their order."""

{% if cookiecutter.mcp %}
from registration.agents import pre_authorise_agents, register_tools
{% endif %}
from registration.assignments import assign_me
from registration.clients import restore_clients
from registration.registrations import existing, principal, registration, update
from registration.responses import GRANT
from registration.rights import MAY_ASSIGN, MAY_CONSENT, MAY_INSTALL, MAY_REGISTER
from registration.run import Run
from registration.wanted import (
    API,
    API_NAME,
    API_PRINCIPAL,
    CLIENT_PRINCIPAL,
    DOCS,
    DOCS_NAME,
    SCOPE_VALUES,
    between,
    docs_page,
    identifier_uri,
)


def refuse_others(run: Run) -> None:
    """Stop before the first change if a registration exists that `apply` may not touch."""
    existing(run, API_NAME, API["displayName"])
    existing(run, DOCS_NAME, DOCS["displayName"])


def register_api(run: Run) -> None:
    """Create or update the API's registration."""
    run.api = registration(run, API_NAME, API)


def set_identifier_uri(run: Run) -> None:
    """Set the Application ID URI, which contains the client id and so needs the registration."""
    run.api = update(run, "Application ID URI", run.api, identifier_uri(run.api))


def register_docs(run: Run) -> None:
    """Create or update the docs page's registration, with its permission to call the API."""
    run.docs = registration(run, DOCS_NAME, docs_page(run.api, run.options.redirect_uri))


def pre_authorise(run: Run) -> None:
    """Let the docs page call the API without asking users for consent."""
    wanted = between(run.api, run.docs)
    run.api = update(run, "Pre-authorisation of the docs page", run.api, wanted)


def install(run: Run) -> None:
    """Create or update both service principals, the registrations' presence in the tenant."""
    run.api_principal = principal(run, "the API", run.api, API_PRINCIPAL)
    run.docs_principal = principal(run, "the docs page", run.docs, CLIENT_PRINCIPAL)


def consent(run: Run) -> None:
    """With `--admin-consent`, consent on behalf of every user of the tenant."""
    if not run.options.admin_consent:
        return
    ids = {
        "clientId": run.docs_principal.get("id"),
        "resourceId": run.api_principal.get("id"),
    }
    query = " and ".join(f"{key} eq '{value}'" for key, value in ids.items())
    path = f"/oauth2PermissionGrants?$filter={query}"
    grants = run.graph.every(path, GRANT) if all(ids.values()) else iter(())
    grant = next((grant for grant in grants if grant["consentType"] == "AllPrincipals"), None)
    given = grant["scope"].split() if grant else []
    more = [scope for scope in SCOPE_VALUES if scope not in given]
    scopes = {"scope": " ".join([*given, *more])}
    if more and run.write and grant:
        run.graph.call("PATCH", f"/oauth2PermissionGrants/{grant['id']}", body=scopes)
    elif more and run.write:
        body = ids | {"consentType": "AllPrincipals"} | scopes
        run.graph.call("POST", "/oauth2PermissionGrants", body=body, ignore="already exists")
    lines = [f"+ {scope} for every user" for scope in more]
    run.say("Admin consent for the docs page", "granted", lines)


STEPS = (
    (refuse_others, MAY_REGISTER),
    (register_api, MAY_REGISTER),
    (set_identifier_uri, MAY_REGISTER),
{% if cookiecutter.mcp %}
    (register_tools, MAY_REGISTER),
{% endif %}
    (register_docs, MAY_REGISTER),
    (pre_authorise, MAY_REGISTER),
{% if cookiecutter.mcp %}
    (pre_authorise_agents, MAY_REGISTER),
{% endif %}
    (install, MAY_INSTALL),
    (assign_me, MAY_ASSIGN),
    (consent, MAY_CONSENT),
    (restore_clients, MAY_REGISTER),
)
"""The steps in order, each with the rights that it requires."""
