"""The command that finds problems."""

import re
import sys

{% if cookiecutter.mcp %}
from registration.agents import check_agents
{% endif %}
from registration.aliases import Findings
from registration.checks import (
    check_api,
    check_clients,
    check_discovery,
    check_docs,
    check_principals,
    check_settings,
)
from registration.env import effective_values
from registration.errors import DECLINED
from registration.explain import explain
from registration.responses import APPLICATION
from registration.run import Run
from registration.token_check import check_token


def doctor(run: Run) -> int:
    """Find problems and say how to repair them."""
    if run.options.error:
        return explain(run.options.error)
    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read().strip("\ufeff \r\n")
    if re.search(r"AADSTS\d", piped):
        return explain(piped)
    env = effective_values()
    wrong = report("settings", check_settings(env))
    if wrong:
        return DECLINED
    wrong += report("discovery document and signing keys", check_discovery(run, env))
    if piped:
        wrong += report("access token", check_token(piped, env, run.issuer))
    run.connect()
    for key in ("API_CLIENT_ID", "SWAGGER_UI_CLIENT_ID"):
        app = run.graph.find(f"/applications(appId='{env[key]}')", APPLICATION)
        if not app:
            missing = f"{key}: the tenant has no app registration {env[key]}", "run `apply`"
            report("app registrations", iter([missing]))
            return DECLINED
        run.api, run.docs = (app, {}) if key == "API_CLIENT_ID" else (run.api, app)
    wrong += report("the API's registration", check_api(run))
    wrong += report("the docs page's registration", check_docs(run))
    wrong += report("service principals", check_principals(run))
    wrong += report("front ends and daemons", check_clients(run))
{% if cookiecutter.mcp %}
    wrong += report("agents", check_agents(run))
{% endif %}
    print(f"{wrong} problem{'s' * (wrong > 1)} found." if wrong else "No problems found.")
    return DECLINED if wrong else 0


def report(what: str, findings: Findings) -> int:
    """Print the findings of a check; return how many there are."""
    found = list(findings)
    print(f"{'fail' if found else 'ok':<6}{what}")
    for text, remedy in found:
        print(f"        {text}\n        -> {remedy}")
    return len(found)
