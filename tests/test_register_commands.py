"""The command line of `register.py`, and its commands `assign` and `token`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TEMPLATE, Bake, clean_environment
from tests.graph import ALICE, BOB, TENANT
from tests.registering import (
    API,
    DOCS,
    Caller,
    caller,
    each_variant,
    nothing_given,
    with_roles,
    without_roles,
)

__all__ = ["caller", "nothing_given"]


@with_roles
def test_assign_assigns_a_role_once(caller: Caller) -> None:
    assert caller.run("assign", "bob@contoso.example", "User") == 2
    assert "Run `apply` first." in caller.err
    caller.run("apply")
    assert caller.run("assign", "bob@contoso.example", "User") == 0
    roles = {role["id"]: role["value"] for role in caller.directory.application(API)["appRoles"]}
    given = {a["principalId"]: roles[a["appRoleId"]] for a in caller.directory.assignments.values()}
    assert given == {ALICE["id"]: "Admin", BOB["id"]: "User"}
    caller.directory.calls.clear()
    assert caller.run("assign", BOB["id"], "User") == 0
    assert caller.directory.writes == []
    assert caller.run("assign", "nobody@contoso.example", "User") == 2
    assert "no user nobody@contoso.example" in caller.err
    assert caller.run("assign", "bob@contoso.example", "Owner") == 2
    assert caller.run("assign", "b\udcf6b@contoso.example", "User") == 2
    assert "no user" in caller.err
    caller.directory.rights.remove("assign")
    assert caller.run("assign", "bob@contoso.example", "Admin") == 4


@without_roles
def test_assign_is_missing_without_app_roles(caller: Caller) -> None:
    assert caller.run("assign", "bob@contoso.example", "User") == 2


@each_variant
def test_token_signs_in_as_the_docs_page(caller: Caller) -> None:
    assert caller.run("token") == 2
    caller.run("apply")
    caller.asked.clear()
    assert caller.run("token") == 0
    assert caller.out == "a token\n"
    values = caller.values()
    ((login, tenant, scope, client),) = caller.asked
    assert login == "https://login.microsoftonline.com"
    assert tenant == (TENANT["id"] if "ENTRA_TENANT_ID" in values else "organizations")
    assert scope == f"api://{values['API_CLIENT_ID']}/access_as_user"
    assert client == values["SWAGGER_UI_CLIENT_ID"]
    docs = caller.directory.application(DOCS)
    assert docs["publicClient"]["redirectUris"] == ["http://localhost"]


def test_interrupted_command_can_be_run_again(caller: Caller) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    assert caller.run("apply", sign_in=interrupted) == 130
    assert "safe to run this command again" in caller.err


@each_variant
def test_help_describes_every_command(caller: Caller) -> None:
    assert caller.run("--help") == 0
    for command in ("plan", "apply", "doctor", "client", "token", "destroy"):
        assert f"uv run register.py {command}" in caller.out
        assert f"\n    {command}" in caller.out
    assert ("register.py assign" in caller.out) == bool(caller.wanted.ROLE_VALUES)
    assert caller.run() == 2


@with_roles
@pytest.mark.parametrize("missing", [True, False], ids=["missing", "disabled"])
def test_missing_or_disabled_role_is_reported(caller: Caller, missing: bool) -> None:
    caller.run("apply")
    api = caller.directory.application(API)
    if missing:
        api["appRoles"] = [role for role in api["appRoles"] if role["value"] != "Admin"]
    else:
        api["appRoles"][0]["isEnabled"] = False
    caller.directory.calls.clear()
    assert caller.run("assign", "bob@contoso.example", "Admin") == 2
    assert caller.err == (
        "register.py: Admin is missing from the API's registration, or is disabled. "
        "Run `apply` first.\n"
    )
    assert caller.directory.writes == []
    assert caller.run("apply") == 0
    assert caller.run("assign", "bob@contoso.example", "Admin") == 0


MORE_PERMISSIONS = """
SCOPES = (*SCOPES, Scope("read", "Read as the user", "Reads.", "Read as you", "Reads for you."))
APP_ROLES = (*APP_ROLES, AppRole("Auditor", "Reads everything."))
"""


@each_variant
def test_new_scope_and_app_role_need_one_file(caller: Caller) -> None:
    caller.run("apply")
    with (caller.folder / "app" / "permissions.py").open("a", encoding="utf-8") as file:
        file.write(MORE_PERMISSIONS)
    caller.load()
    assert caller.run("doctor") == 1
    assert caller.run("apply", "--admin-consent") == 0
    api, docs = caller.directory.application(API), caller.directory.application(DOCS)
    scopes = {scope["value"]: scope["id"] for scope in api["api"]["oauth2PermissionScopes"]}
    assert list(scopes) == ["access_as_user", "read"]
    (known,) = api["api"]["preAuthorizedApplications"]
    (needed,) = docs["requiredResourceAccess"]
    assert known["delegatedPermissionIds"] == list(scopes.values())
    assert [access["id"] for access in needed["resourceAccess"]] == list(scopes.values())
    (grant,) = caller.directory.grants.values()
    assert grant["scope"] == "access_as_user read"
    assert "Auditor" in [role["value"] for role in api["appRoles"]]
    assert caller.run("assign", "bob@contoso.example", "Auditor") == 0
    assert caller.run("doctor") == 0, caller.out
    assert caller.run("token") == 0
    asked = caller.asked[-1][2].split()
    assert asked == [f"api://{api['appId']}/{value}" for value in scopes]


DRIVER = """
import sys

import httpx2

from registration.cli import main
from tests import graph

graph.TENANT["displayName"] = "Łódź Sp. z o.o."
http = httpx2.Client(transport=graph.Wire(graph.create_graph(graph.Directory())))
sys.exit(main("Usage", sys.argv[1:], http=http, sign_in=lambda *_: "a token"))
"""


@pytest.mark.parametrize("name", ["Todo API", "注文 API"])
def test_console_without_the_characters_of_a_name_does_not_stop_apply(
    bake: Bake, tmp_path: Path, name: str
) -> None:
    project = bake(project_name=name, project_slug="orders-api")
    (tmp_path / "copy").mkdir()
    user = Caller(project, tmp_path / "copy")
    ended = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", DRIVER, "apply"],
        cwd=user.folder,
        env=clean_environment() | {"PYTHONPATH": str(TEMPLATE), "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        encoding="cp1252",
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("Tenant ?ód? Sp. z o.o.")
    assert f'App registration "{name.replace("注文", "??")}": created' in ended.stdout
    assert "API_CLIENT_ID=1d000000" in user.env.read_text(encoding="utf-8")
