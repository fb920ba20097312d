"""What agents need in the API's registration: the address of the tools, and VS Code as a client."""

from registration.aliases import Findings, Json
from registration.env import effective_values
from registration.registrations import update
from registration.run import Run
from registration.wanted import FRONT_END_SCOPES, between

VS_CODE: Json = {"appId": "aebc6443-996d-45c2-90f0-388ff96faa56"}
NOT_HTTPS = "PUBLIC_URL is not an https:// address, so agents cannot sign in"


def tools_uri() -> str:
    """Return the identifier URI of the tools, or nothing unless `PUBLIC_URL` is https."""
    address = effective_values().get("PUBLIC_URL", "")
    return f"{address}/mcp" if address.startswith("https://") else ""


def wanted_uris() -> Json:
    """Return the API's properties that name the tools."""
    uri = tools_uri()
    return {"identifierUris": [uri]} if uri else {}


def register_tools(run: Run) -> None:
    """Add the address of the tools to the API's registration, which must issue v2.0 tokens by then."""
    if not tools_uri():
        print(f"Warning: {NOT_HTTPS}. Set it in .env, then run `apply` again.")
    run.api = update(run, "Identifier URI of the tools", run.api, wanted_uris())


def pre_authorise_agents(run: Run) -> None:
    """Let VS Code call the API without asking users for consent."""
    wanted = {"api": {"preAuthorizedApplications": allowed(run.api)}}
    run.api = update(run, "Pre-authorisation of VS Code", run.api, wanted)


def allowed(api: Json) -> list[Json]:
    """Return VS Code as a pre-authorised client of the API."""
    found: list[Json] = between(api, VS_CODE, FRONT_END_SCOPES)["api"]["preAuthorizedApplications"]
    return found


def check_agents(run: Run) -> Findings:
    """Check that agents can sign in."""
    uri = tools_uri()
    uris = run.api["identifierUris"]
    if not uri:
        yield NOT_HTTPS, "set it in .env, then run `apply`"
    elif uri not in uris:
        near = next((one for one in uris if one.rstrip("/").lower() == uri.lower()), "")
        yield (
            f"identifierUris lacks {uri}{f', and has {near}' if near else ''}: agents get "
            "AADSTS9010010",
            "run `apply`" + (f", and remove {near}" if near else ""),
        )
    clients = {one["appId"] for one in run.api["api"]["preAuthorizedApplications"]}
    if VS_CODE["appId"] not in clients:
        yield "VS Code is not pre-authorised: its users are asked for consent", "run `apply`"
