"""The command line of `register.py`, and its commands `assign` and `token`."""

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
def test_assign_gives_a_role_once(caller: Caller) -> None:
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
    caller.directory.rights.remove("assign")
    assert caller.run("assign", "bob@contoso.example", "Admin") == 4


@without_roles
def test_without_app_roles_there_is_no_assign(caller: Caller) -> None:
    assert caller.run("assign", "bob@contoso.example", "User") == 2


@each_variant
def test_token_signs_in_to_the_api_as_the_docs_page(caller: Caller) -> None:
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


def test_an_interrupted_run_says_so(caller: Caller) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    assert caller.run("apply", sign_in=interrupted) == 130
    assert "safe to run this again" in caller.err


@each_variant
def test_every_command_has_a_line_of_help(caller: Caller) -> None:
    assert caller.run("--help") == 0
    for command in ("plan", "apply", "doctor", "token", "destroy"):
        assert f"uv run register.py {command}" in caller.out
        assert f"\n    {command}" in caller.out
    assert ("register.py assign" in caller.out) == ("appRoles" in caller.wanted.API)
    assert caller.run() == 2
