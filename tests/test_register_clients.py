"""`register.py client`."""

import json
from typing import Any

import pytest
from starlette.responses import Response

from tests.graph import BOB, TENANT
from tests.registering import (
    API,
    DOCS,
    TAMPERING,
    Caller,
    broken,
    caller,
    each_variant,
    is_right,
    nothing_given,
    with_roles,
)

__all__ = ["caller", "nothing_given"]

PAGE = "http://localhost:5173"
GITHUB = "https://token.actions.githubusercontent.com"
SUBJECT = "repo:contoso/todos:ref:refs/heads/main"
CLIENTS = {
    "front end": ["--spa", PAGE],
    "daemon": ["--daemon"],
    "federated daemon": ["--daemon", "--federated", GITHUB, SUBJECT],
}
each_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)


def registered(caller: Caller, title: str) -> dict[str, Any]:
    """Return the registration with this display name."""
    found = caller.directory.applications.values()
    (app,) = (app for app in found if app["displayName"] == title)
    return app


def state(caller: Caller) -> str:
    """Return what the tenant contains."""
    directory = caller.directory
    kinds = ("applications", "principals", "assignments", "credentials")
    return json.dumps([getattr(directory, kind) for kind in kinds])


def assert_registered(caller: Caller) -> None:
    """Assert that the front end and the daemon are as `client` should leave them."""
    directory = caller.directory
    multi = caller.setting == "ALLOWED_TENANT_IDS"
    api = directory.application(API)
    (scope,) = api["api"]["oauth2PermissionScopes"]
    permission = api["appRoles"][-1]
    for title, audience, kind, needed in (
        (
            f"Todo API front end {PAGE}",
            "AzureADMultipleOrgs" if multi else "AzureADMyOrg",
            "Scope",
            scope,
        ),
        ("Todo API daemon nightly", "AzureADMyOrg", "Role", permission),
    ):
        app = registered(caller, title)
        assert app["signInAudience"] == audience
        assert app["tags"] == ["created-by:register.py", "client-of:todo-api"]
        access = [{"id": needed["id"], "type": kind}]
        assert app["requiredResourceAccess"] == [
            {"resourceAppId": api["appId"], "resourceAccess": access}
        ]
        principal = directory.principal(app["appId"])
        permissions = ["Todos.Read.All"] if kind == "Role" else []
        assert directory.assigned_to(principal) == permissions
    assert registered(caller, f"Todo API front end {PAGE}")["spa"] == {"redirectUris": [PAGE]}
    is_right(caller)


@each_variant
@pytest.mark.parametrize("echoes", [True, False], ids=["201", "204"])
@pytest.mark.parametrize("lag", [0, 3])
def test_clients_are_registered_once_and_then_nothing_is_written(
    caller: Caller, echoes: bool, lag: int
) -> None:
    caller.run("apply")
    before = caller.env.read_bytes()
    caller.directory.echoes, caller.directory.lag = echoes, lag
    for client in CLIENTS.values():
        assert caller.run("client", *client) == 0, caller.err
        assert "\nDone.\n" in caller.out
    caller.directory.unseen.clear()
    assert_registered(caller)
    (credential,) = caller.directory.credentials.values()
    assert (credential["issuer"], credential["subject"]) == (GITHUB, SUBJECT)
    assert credential["audiences"] == ["api://AzureADTokenExchange"]
    caller.directory.calls.clear()
    for command in (["plan"], ["apply"], *(["client", *client] for client in CLIENTS.values())):
        assert caller.run(*command) == 0
        assert "Everything is up to date." in caller.out
    assert caller.run("doctor") == 0, caller.out
    assert caller.directory.writes == []
    assert caller.env.read_bytes() == before


@each_variant
def test_front_end_prints_its_settings_and_those_of_the_service(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.run("apply")
    monkeypatch.setenv("CORS_ORIGINS", "https://www.contoso.example")
    monkeypatch.setenv("ALLOWED_CLIENT_IDS", caller.values()["SWAGGER_UI_CLIENT_ID"])
    assert caller.run("client", "--spa", f"{PAGE}/todos/") == 0
    client_id = registered(caller, f"Todo API front end {PAGE}/todos/")["appId"]
    api = caller.values()["API_CLIENT_ID"]
    tenant = TENANT["id"] if caller.setting == "ENTRA_TENANT_ID" else "organizations"
    assert caller.out.endswith(
        "Settings of the client:\n"
        f"    client id: {client_id}\n"
        f"    authority: https://login.microsoftonline.com/{tenant}\n"
        f"    scope: api://{api}/access_as_user\n"
        "Settings of the service:\n"
        f"    CORS_ORIGINS=https://www.contoso.example,{PAGE}\n"
        f"    ALLOWED_CLIENT_IDS={caller.values()['SWAGGER_UI_CLIENT_ID']},{client_id}\n"
    )
    monkeypatch.setenv("CORS_ORIGINS", f"https://www.contoso.example,{PAGE}")
    monkeypatch.setenv("ALLOWED_CLIENT_IDS", "")
    assert caller.run("client", "--spa", f"{PAGE}/todos/") == 0
    assert caller.out.endswith(f"    CORS_ORIGINS=https://www.contoso.example,{PAGE}\n")


@pytest.mark.parametrize(
    ("typed", "redirect"),
    [
        ("http://localhost", "http://localhost"),
        ("HTTP://LocalHost:80/", "http://localhost/"),
        ("https://Www.Contoso.Example:443/App", "https://www.contoso.example/App"),
        ("https://127.0.0.1:08443/a%20b/~c", "https://127.0.0.1:8443/a%20b/~c"),
    ],
)
def test_address_of_a_page_is_registered_as_a_browser_writes_it(
    caller: Caller, typed: str, redirect: str
) -> None:
    caller.run("apply")
    assert caller.run("client", "--spa", typed) == 0, caller.err
    app = registered(caller, f"Todo API front end {redirect}")
    assert app["spa"] == {"redirectUris": [redirect]}
    origin = "/".join(redirect.split("/")[:3])
    assert f"    CORS_ORIGINS={origin}\n" in caller.out


def test_trailing_slash_without_a_path_is_the_same_front_end(caller: Caller) -> None:
    caller.run("apply")
    for url in (PAGE, f"{PAGE}/"):
        assert caller.run("client", "--spa", url) == 0
    (app,) = (app for app in caller.directory.applications.values() if len(app["tags"]) == 2)
    assert app["spa"]["redirectUris"] == [PAGE, f"{PAGE}/"]


def test_front_end_gets_one_scope_and_keeps_what_was_added(caller: Caller) -> None:
    with (caller.folder / "app" / "permissions.py").open("a", encoding="utf-8") as file:
        file.write('SCOPES = (*SCOPES, Scope("read", "Read", "Reads.", "Read", "Reads."))\n')
    caller.load()
    caller.run("apply")
    caller.run("client", "--spa", PAGE)
    api = caller.directory.application(API)
    first, second = (scope["id"] for scope in api["api"]["oauth2PermissionScopes"])
    *_, allowed = api["api"]["preAuthorizedApplications"]
    assert allowed["delegatedPermissionIds"] == [first]
    allowed["delegatedPermissionIds"].append(second)
    caller.directory.calls.clear()
    assert caller.run("client", "--spa", PAGE) == 0
    assert caller.directory.writes == []


@each_variant
def test_daemon_prints_its_settings_and_how_to_upload_a_certificate(caller: Caller) -> None:
    caller.run("apply")
    assert caller.run("client", "--daemon") == 0
    app = registered(caller, "Todo API daemon nightly")
    settings = (
        "Settings of the client:\n"
        f"    client id: {app['appId']}\n"
        f"    authority: https://login.microsoftonline.com/{TENANT['id']}\n"
        f"    scope: api://{caller.values()['API_CLIENT_ID']}/.default\n"
    )
    assert caller.out.endswith(
        f"{settings}Left to do: upload the daemon's certificate, without its private key:\n"
        f"    az ad app credential reset --id {app['appId']} --cert @daemon.pem --append\n"
    )
    app["keyCredentials"] = [{"type": "AsymmetricX509Cert"}]
    assert caller.run("client", "--daemon", "nightly") == 0
    assert caller.out.endswith(f"Everything is up to date.\n{settings}")


def test_daemon_gets_the_first_of_several_permissions(caller: Caller) -> None:
    with (caller.folder / "app" / "permissions.py").open("a", encoding="utf-8") as file:
        file.write(
            'EXPORT = ApplicationPermission("Exports.Read.All", "Exports.")\n'
            "APPLICATION_PERMISSIONS = (*APPLICATION_PERMISSIONS, EXPORT)\n"
        )
    caller.load()
    caller.run("apply")
    added = caller.directory.application(API)["appRoles"][-1]
    assert (added["value"], added["allowedMemberTypes"]) == ("Exports.Read.All", ["Application"])
    assert caller.run("client", "--daemon") == 0
    app = registered(caller, "Todo API daemon nightly")
    principal = caller.directory.principal(app["appId"])
    assert caller.directory.assigned_to(principal) == ["Todos.Read.All"]


def test_daemon_without_any_permission_is_not_registered(caller: Caller) -> None:
    with (caller.folder / "app" / "permissions.py").open("a", encoding="utf-8") as file:
        file.write("APPLICATION_PERMISSIONS = ()\n")
    caller.load()
    caller.run("apply")
    caller.directory.calls.clear()
    assert caller.run("client", "--daemon") == 2
    assert caller.err == ("register.py: app/permissions.py contains no application permission.\n")
    assert caller.directory.writes == []


def test_daemons_with_other_names_have_their_own_registrations(caller: Caller) -> None:
    caller.run("apply")
    for name in ("reports", "docs"):
        assert caller.run("client", "--daemon", name) == 0
        assert caller.directory.application(f"todo-api-daemon-{name}")
    is_right(caller)


def test_further_issuer_is_added_and_one_of_another_audience_is_changed(caller: Caller) -> None:
    caller.run("apply")
    cluster = "https://eastus.oic.prod-aks.azure.com/1/2/"
    account = "system:serviceaccount:todos:nightly"
    for trusted in ((GITHUB, SUBJECT), (cluster, account)):
        assert caller.run("client", "--daemon", "--federated", *trusted) == 0, caller.err
    assert "Left to do" not in caller.out
    first, second = caller.directory.credentials.values()
    assert (second["issuer"], second["subject"]) == (cluster, account)
    # As somebody else may have created it.
    first |= {"name": "main", "audiences": ["api://other"]}
    assert caller.run("client", "--daemon", "--federated", GITHUB, SUBJECT) == 0, caller.err
    assert "Federated identity credential: changed" in caller.out
    assert first["audiences"] == ["api://AzureADTokenExchange"]
    assert first["name"] == "main"
    assert len(caller.directory.credentials) == 2


@each_variant
@pytest.mark.parametrize("key", ["id", "appId"])
def test_managed_identity_gets_the_permission_once(caller: Caller, key: str) -> None:
    caller.run("apply")
    identity = caller.directory.add_managed_identity("todo-job")
    caller.directory.calls.clear()
    asked = identity[key].upper()
    assert caller.run("client", "--managed-identity", asked) == 0, caller.err
    assert [method for method, _ in caller.directory.writes] == ["POST"]
    assert caller.directory.assigned_to(identity) == ["Todos.Read.All"]
    assert "Todos.Read.All assignment: created\n    + todo-job\n" in caller.out
    assert f"    client id: {identity['appId']}\n" in caller.out
    assert caller.out.endswith("/.default\n")
    caller.directory.calls.clear()
    assert caller.run("client", "--managed-identity", asked) == 0
    assert "Everything is up to date." in caller.out
    assert caller.directory.writes == []
    is_right(caller)


def test_id_of_anything_but_a_managed_identity_changes_nothing(caller: Caller) -> None:
    caller.run("apply")
    before = state(caller)
    docs = caller.directory.application(DOCS)
    principal = caller.directory.principal(docs["appId"])
    unknown = "00000000-0000-4000-8000-000000000000"
    for asked, message in {
        unknown: f"The tenant has no managed identity {unknown}. Pass its object id or its client id.",
        BOB[
            "id"
        ]: f"The tenant has no managed identity {BOB['id']}. Pass its object id or its client id.",
        docs[
            "appId"
        ]: f'{docs["appId"]} is not a managed identity: "Todo API docs page" is a service '
        "principal of the type Application.",
        principal["id"]: f'{principal["id"]} is not a managed identity: "Todo API docs page" is a '
        "service principal of the type Application.",
    }.items():
        assert caller.run("client", "--managed-identity", asked) == 2
        assert caller.err == f"register.py: {message}\n"
    assert state(caller) == before


WRONG_USE = {
    "nothing": [],
    "two kinds": ["--daemon", "--spa", PAGE],
    "http": ["--spa", "http://www.contoso.example"],
    "loopback address": ["--spa", "http://127.0.0.1:5173"],
    "no scheme": ["--spa", "localhost:5173"],
    "query": ["--spa", f"{PAGE}/?a=b"],
    "fragment": ["--spa", f"{PAGE}/#a"],
    "wildcard": ["--spa", "https://*.contoso.example"],
    "space": ["--spa", "https://www.contoso.example/a b"],
    "line break": ["--spa", f"{PAGE}\n"],
    "user": ["--spa", "https://user@contoso.example"],
    "port": ["--spa", "https://www.contoso.example:65536"],
    "port 0": ["--spa", "https://www.contoso.example:0"],
    "no host": ["--spa", "https://"],
    "host that begins with localhost": ["--spa", "http://localhost.contoso.example"],
    "other script": ["--spa", "https://www.contoso.example/注文"],
    "long": ["--spa", f"{PAGE}/{'a' * 256}"],
    "empty": ["--spa", ""],
    "name": ["--daemon", "Nightly Job"],
    "empty name": ["--daemon", ""],
    "long name": ["--daemon", "a" * 51],
    "no GUID": ["--managed-identity", "todo-job"],
    "one part": ["--daemon", "--federated", GITHUB],
    "federated front end": ["--spa", PAGE, "--federated", GITHUB, SUBJECT],
    "issuer http": ["--daemon", "--federated", "http://token.example", SUBJECT],
    "issuer query": ["--daemon", "--federated", f"{GITHUB}?a=b", SUBJECT],
    "issuer long": ["--daemon", "--federated", f"{GITHUB}/{'a' * 600}", SUBJECT],
    "subject empty": ["--daemon", "--federated", GITHUB, ""],
    "subject space": ["--daemon", "--federated", GITHUB, f"{SUBJECT} "],
    "subject wildcard": ["--daemon", "--federated", GITHUB, "repo:contoso/todos:*"],
    "subject control": ["--daemon", "--federated", GITHUB, "repo:\x00"],
    "subject long": ["--daemon", "--federated", GITHUB, "a" * 601],
    "subject with a lone surrogate": ["--daemon", "--federated", GITHUB, "a\udcf6"],
}


@pytest.mark.parametrize("wrong", WRONG_USE.values(), ids=WRONG_USE)
def test_wrong_argument_is_reported_before_any_request(caller: Caller, wrong: list[str]) -> None:
    assert caller.run("client", *wrong) == 2
    assert caller.directory.calls == []
    assert "Traceback" not in caller.err
    *usage, message = caller.err.splitlines()
    assert message.startswith("register.py")
    assert not usage or usage[0].startswith("usage: register.py client")


@each_variant
@pytest.mark.parametrize("client", [*CLIENTS.values(), ["--managed-identity", BOB["id"]]])
def test_client_without_apply_changes_nothing(caller: Caller, client: list[str]) -> None:
    assert caller.run("client", *client) == 2
    assert caller.err.endswith("Run `apply` first.\n")
    assert caller.directory.writes == []


@pytest.mark.parametrize("disabled", [False, True], ids=["missing", "disabled"])
def test_missing_permission_stops_a_daemon_before_its_registration(
    caller: Caller, disabled: bool
) -> None:
    caller.run("apply")
    identity = caller.directory.add_managed_identity("todo-job")
    api = caller.directory.application(API)
    if disabled:
        api["appRoles"][-1]["isEnabled"] = False
    else:
        api["appRoles"].pop()
    caller.directory.calls.clear()
    for client in (["--daemon"], ["--managed-identity", identity["id"]]):
        assert caller.run("client", *client) == 2
        assert caller.err == (
            "register.py: Todos.Read.All is missing from the API's registration, or is disabled. "
            "Run `apply` first.\n"
        )
    assert caller.directory.writes == []
    assert caller.run("apply") == 0
    assert caller.run("client", "--daemon") == 0


def test_missing_scope_stops_a_front_end_before_its_registration(caller: Caller) -> None:
    caller.run("apply")
    TAMPERING["scope renamed"](caller.directory.application(API), {})
    caller.directory.calls.clear()
    assert caller.run("client", "--spa", PAGE) == 2
    assert caller.err == (
        "register.py: access_as_user is missing from the API's registration. Run `apply` first.\n"
    )
    assert caller.directory.writes == []


@each_variant
def test_clients_survive_an_api_that_was_registered_again(caller: Caller) -> None:
    caller.run("apply")
    for client in CLIENTS.values():
        caller.run("client", *client)
    directory = caller.directory
    old = directory.application(API)
    principal = directory.principal(old["appId"])
    del directory.applications[old["id"]], directory.principals[principal["id"]]
    directory.assignments.clear()
    assert caller.run("plan") == 0
    assert caller.run("apply") == 0, caller.err
    assert caller.run("doctor") == 1
    assert caller.run("client", "--daemon") == 0
    assert caller.run("doctor") == 0, caller.out
    job = registered(caller, "Todo API daemon nightly")
    assert directory.assigned_to(directory.principal(job["appId"])) == ["Todos.Read.All"]


@each_client
def test_registration_created_by_somebody_else_is_not_touched(
    caller: Caller, client: list[str]
) -> None:
    caller.run("apply")
    caller.run("client", *client)
    app = next(app for app in caller.directory.applications.values() if len(app["tags"]) == 2)
    app["tags"] = ["hand-made"]
    before = state(caller)
    assert caller.run("client", *client) == 6
    assert app["appId"] in caller.err
    assert "did not create" in caller.err
    assert state(caller) == before


@pytest.mark.parametrize(
    ("right", "needed"),
    [("register", "Application.ReadWrite.All"), ("assign", "AppRoleAssignment.ReadWrite.All")],
)
def test_missing_right_is_named_and_a_later_run_completes_the_client(
    caller: Caller, right: str, needed: str
) -> None:
    caller.run("apply")
    caller.directory.rights.remove(right)
    assert caller.run("client", "--daemon") == 4
    assert needed in caller.err
    assert "It is safe to run this command again" in caller.err
    caller.directory.rights.add(right)
    assert caller.run("client", "--daemon") == 0
    caller.run("client", "--spa", PAGE)
    assert_registered(caller)


@each_variant
@each_client
@pytest.mark.parametrize("after", [False, True], ids=["lost before", "lost after"])
def test_client_is_completed_from_any_half_finished_state(
    caller: Caller, client: list[str], after: bool
) -> None:
    caller.run("apply")
    finished = False
    for number in range(1, 40):
        caller.directory.calls.clear()
        caller.directory.breaks_after = after
        caller.directory.fault = lambda at, *_, last=number: broken("lost") if at == last else None
        finished = caller.run("client", *client) == 0
        if finished:
            break
        assert "It is safe to run this command again" in caller.err or caller.directory.writes == []
    assert finished
    caller.directory.fault = lambda *_: None
    for each in CLIENTS.values():
        assert caller.run("client", *each) == 0, caller.err
    assert_registered(caller)


@each_variant
def test_apply_restores_clients_but_not_a_revoked_permission(caller: Caller) -> None:
    caller.run("apply")
    for client in CLIENTS.values():
        caller.run("client", *client)
    directory = caller.directory
    page, job = (
        registered(caller, title)
        for title in (f"Todo API front end {PAGE}", "Todo API daemon nightly")
    )
    api = directory.application(API)
    api["api"]["preAuthorizedApplications"].pop()
    api["api"]["knownClientApplications"] = api["api"]["knownClientApplications"][:1]
    for app in (page, job):
        app["requiredResourceAccess"] = []
        del directory.principals[directory.principal(app["appId"])["id"]]
    directory.assignments = {
        key: value for key, value in directory.assignments.items() if value["principalId"] == "x"
    }
    assert caller.run("doctor") == 1
    for words in (
        f'"Todo API front end {PAGE}": its service principal is missing',
        f'"Todo API front end {PAGE}": + requiredResourceAccess',
        f'"Todo API front end {PAGE}": + api.preAuthorizedApplications',
        '"Todo API daemon nightly": its service principal is missing',
        '"Todo API daemon nightly": + requiredResourceAccess',
    ):
        assert words in caller.out
    before = state(caller)
    assert caller.run("plan") == 0
    assert f'Pre-authorisation of "Todo API front end {PAGE}": would be changed' in caller.out
    assert state(caller) == before
    assert caller.run("apply") == 0
    assert caller.run("doctor") == 1
    assert (
        '        "Todo API daemon nightly": Todos.Read.All is not assigned to it, so the API returns '
        "403\n        -> run `client --daemon nightly`\n"
    ) in caller.out
    assert caller.run("client", "--daemon", "nightly") == 0
    assert_registered(caller)
    assert caller.run("doctor") == 0, caller.out


def test_doctor_finds_a_client_that_cannot_sign_in(caller: Caller) -> None:
    caller.run("apply")
    for client in ("--daemon", f"--spa={PAGE}"):
        caller.run("client", client)
    assert caller.run("doctor") == 1
    assert "AADSTS7000216" in caller.out
    assert "run `client --daemon nightly`, which says how to add one" in caller.out
    registered(caller, "Todo API daemon nightly")["keyCredentials"] = [{}]
    assert caller.run("doctor") == 0, caller.out
    page = registered(caller, f"Todo API front end {PAGE}")
    page["web"], page["spa"] = page["spa"], {"redirectUris": []}
    assert caller.run("doctor") == 1
    assert "no redirect URI of the type Single-page application" in caller.out
    assert caller.run("client", "--spa", PAGE) == 0
    assert caller.run("doctor") == 0, caller.out
    caller.directory.principal(page["appId"])["accountEnabled"] = False
    assert caller.run("doctor") == 1
    assert f'"Todo API front end {PAGE}": its service principal is disabled' in caller.out


@with_roles
def test_daemon_does_not_count_as_a_user_of_the_api(caller: Caller) -> None:
    caller.directory.me = None
    caller.run("apply")
    caller.run("client", *CLIENTS["federated daemon"])
    assert caller.run("doctor") == 1
    assert "nobody is assigned to the API" in caller.out


@each_variant
def test_destroy_removes_clients_and_keeps_others(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.run("apply")
    other = caller.directory.add_application(
        "other-daemon-nightly", displayName="Todo API daemon nightly", tags=["client-of:other"]
    )
    adopted = caller.directory.add_application(
        "mine", displayName="Mine", tags=["client-of:todo-api"]
    )
    identity = caller.directory.add_managed_identity("todo-job")
    for client in (*CLIENTS.values(), ["--managed-identity", identity["id"]]):
        assert caller.run("client", *client) == 0, caller.err
    allowed = caller.values()["SWAGGER_UI_CLIENT_ID"]
    with caller.env.open("a", encoding="utf-8") as file:
        file.write(f"ALLOWED_CLIENT_IDS={allowed}\n")
    deleted = registered(caller, f"Todo API front end {PAGE}")
    caller.directory.deleted[deleted["id"]] = deleted
    del caller.directory.applications[deleted["id"]]
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert caller.run("destroy") == 0, caller.err
    assert caller.out.count("To be removed permanently") == 4
    assert f"({deleted['appId']}), deleted, but restorable" in caller.out
    assert list(caller.directory.applications.values()) == [other, adopted]
    assert caller.directory.deleted == caller.directory.credentials == {}
    assert caller.directory.assignments == {}
    assert identity["id"] in caller.directory.principals
    assert caller.values()["API_CLIENT_ID"] == ""
    assert caller.values()["ALLOWED_CLIENT_IDS"] == allowed


def test_lost_deletion_of_a_client_is_completed_by_a_second_run(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.run("apply")
    for client in CLIENTS.values():
        caller.run("client", *client)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    failed: list[str] = []

    def fault(_: int, method: str, path: str) -> Response | Exception | None:
        if method == "DELETE" and not failed:
            failed.append(path)
            return broken("lost")
        return None

    caller.directory.fault = fault
    assert caller.run("destroy") == 5
    assert caller.run("destroy") == 0
    assert caller.directory.applications == caller.directory.deleted == {}
