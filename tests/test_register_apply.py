"""`register.py plan` and `register.py apply`."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.graph import TENANT
from tests.registering import (
    API,
    DOCS,
    EACH,
    ROLES,
    TAMPERING,
    Caller,
    Variant,
    broken,
    caller,
    each_variant,
    is_right,
    nothing_given,
    with_roles,
)

__all__ = ["caller", "nothing_given"]


@each_variant
def test_plan_lists_the_changes_of_apply_and_changes_nothing(caller: Caller) -> None:
    assert caller.run("plan") == 0, caller.err
    assert caller.directory.writes == []
    assert not caller.env.exists()
    planned = caller.out
    assert "Nothing was changed" in planned
    for name in ("access_as_user", "http://localhost:8000/oauth2-redirect", "API_CLIENT_ID"):
        assert name in planned
    assert caller.run("apply") == 0
    headings = [re.findall(r"^(\S.*): would be (\w+)$", planned, re.MULTILINE)]
    headings.append(
        re.findall(r"^(\S.*): (created|changed|assigned|written)$", caller.out, re.MULTILINE)
    )
    assert headings[0] == headings[1]
    assert caller.run("plan") == 0
    assert "Everything is up to date." in caller.out


@each_variant
@pytest.mark.parametrize("echoes", [True, False], ids=["201", "204"])
@pytest.mark.parametrize("lag", [0, 3])
def test_apply_registers_once_and_then_writes_nothing(
    caller: Caller, echoes: bool, lag: int
) -> None:
    caller.directory.echoes, caller.directory.lag = echoes, lag
    assert caller.run("apply") == 0, caller.err
    is_right(caller)
    assert bool(caller.slept) == (lag > 0)
    caller.directory.calls.clear()
    caller.directory.unseen.clear()
    before = caller.env.read_bytes()
    assert caller.run("apply") == 0
    assert caller.directory.writes == []
    assert caller.env.read_bytes() == before
    assert "Everything is up to date." in caller.out


DAEMON = "client --daemon --federated https://token.example job"
CLIENTS = ["client --spa http://localhost:5173", "client --daemon", DAEMON]
COMMANDS = st.sampled_from(
    ["plan", "apply", "apply --admin-consent", "destroy", "doctor", *CLIENTS]
)


FAULTS = st.none() | st.tuples(
    st.integers(1, 40), st.sampled_from(["lost", "lost after", 403, 429, 500]), st.integers(0, 3)
)


@pytest.mark.parametrize("name", EACH)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(COMMANDS, FAULTS, st.none() | st.sampled_from([*TAMPERING])), max_size=5
    )
)
@pytest.mark.usefixtures("nothing_given")
def test_apply_and_destroy_succeed_from_any_half_finished_state(
    variant: Variant,
    name: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[tuple[str, tuple[int, str | int, int] | None, str | None]],
) -> None:
    caller = Caller(variant(name), tmp_path_factory.mktemp("caller"))
    directory = caller.directory
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    for command, fault, tampering in steps:
        directory.calls.clear()
        if fault:
            at, kind, directory.lag = fault
            directory.breaks_after = kind == "lost after"
            directory.fault = lambda number, *_, at=at, kind=kind: (
                broken(kind) if number == at else None
            )
        before = json.dumps([directory.applications, directory.principals])
        status = caller.run(*command.split())
        assert status in ({0, 1, 4, 5, 6} if fault or command == "doctor" else {0, 6}) | (
            {2} if command in CLIENTS else set()
        )
        if command in {"plan", "doctor"}:
            assert directory.writes == []
            assert json.dumps([directory.applications, directory.principals]) == before
        directory.fault, directory.lag = lambda *_: None, 0
        directory.unseen.clear()
        by_name = {app["uniqueName"]: app for app in directory.applications.values()}
        if tampering and {API, DOCS} <= set(by_name):
            TAMPERING[tampering](by_name[API], by_name[DOCS])
    status = caller.run("apply")
    if directory.deleted:
        assert status == 6
        assert caller.run("destroy") == 0
        status = caller.run("apply")
    assert status == 0
    is_right(caller)
    directory.calls.clear()
    assert caller.run("apply") == 0
    assert directory.writes == []
    if any("daemon" in app["uniqueName"] for app in directory.applications.values()):
        assert caller.run(*DAEMON.split()) == 0
    assert caller.run("doctor") == 0
    assert caller.run("destroy") == 0
    for left in ("applications", "deleted", "principals", "assignments", "grants", "credentials"):
        assert getattr(directory, left) == {}
    assert caller.values()["API_CLIENT_ID"] == ""


@each_variant
def test_lost_connection_is_reported(caller: Caller) -> None:
    caller.directory.fault = lambda number, *_: broken("lost") if number == 5 else None
    assert caller.run("apply") == 5
    assert "the connection was lost" in caller.err
    assert "It is safe to run this command again" in caller.err
    assert not caller.env.exists()


@pytest.mark.parametrize(
    ("right", "needed", "done"),
    [
        ("register", "Application.ReadWrite.All", "Nothing else was changed."),
        ("assign", "AppRoleAssignment.ReadWrite.All", "Changes listed above are kept."),
        ("consent", "DelegatedPermissionGrant.ReadWrite.All", "Changes listed above"),
    ],
)
def test_missing_right_is_named(caller: Caller, right: str, needed: str, done: str) -> None:
    caller.directory.rights.remove(right)
    assert caller.run("apply", "--admin-consent") == 4
    assert "Authorization_RequestDenied: Insufficient privileges" in caller.err
    assert re.match(r"register\.py: (PATCH|POST) /", caller.err)
    assert needed in caller.err
    assert done in caller.err
    assert "It is safe to run this command again" in caller.err
    caller.directory.rights.add(right)
    assert caller.run("apply", "--admin-consent") == 0
    is_right(caller)


@each_variant
def test_admin_consent_is_granted_once_and_keeps_other_scopes(caller: Caller) -> None:
    caller.run("apply")
    assert caller.directory.grants == {}
    assert caller.run("apply", "--admin-consent") == 0
    (grant,) = caller.directory.grants.values()
    assert grant["consentType"] == "AllPrincipals"
    assert grant["scope"] == "access_as_user"
    caller.directory.calls.clear()
    caller.run("apply", "--admin-consent")
    assert caller.directory.writes == []
    grant["scope"] = "openid"
    caller.run("apply", "--admin-consent")
    assert grant["scope"] == "openid access_as_user"


@with_roles
def test_service_principal_is_not_assigned(caller: Caller) -> None:
    caller.directory.me = None
    assert caller.run("apply") == 0
    assert "signed in as a service principal" in caller.out
    assert caller.directory.assignments == {}
    assert caller.run("doctor") == 1
    assert "nobody is assigned" in caller.out


def test_further_redirect_uri_is_added_and_kept(caller: Caller) -> None:
    uri = "https://todo.contoso.example/oauth2-redirect"
    assert caller.run("apply", "--redirect-uri", uri) == 0
    both = ["http://localhost:8000/oauth2-redirect", uri]
    assert caller.directory.application(DOCS)["spa"]["redirectUris"] == both
    caller.directory.calls.clear()
    assert caller.run("apply") == 0
    assert caller.directory.writes == []
    for wrong in ("http://todo.contoso.example", "https://*.contoso.example", "todo"):
        assert caller.run("apply", "--redirect-uri", wrong) == 2
    assert caller.run("plan", "--tenant", "my tenant") == 2


@pytest.mark.parametrize(
    ("cloud", "graph", "login"),
    [
        ("usgov", "https://graph.microsoft.us", "https://login.microsoftonline.us"),
        ("usgov-dod", "https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
        (
            "china",
            "https://microsoftgraph.chinacloudapi.cn",
            "https://login.partner.microsoftonline.cn",
        ),
    ],
)
def test_other_clouds_use_their_own_hosts(
    caller: Caller, cloud: str, graph: str, login: str
) -> None:
    assert caller.run("apply", "--cloud", cloud, "--tenant", TENANT["id"]) == 0
    assert caller.asked == [(login, TENANT["id"], f"{graph}/.default")]
    assert caller.values()["ENTRA_AUTHORITY"] == login
    assert caller.run("doctor", "--cloud", cloud) == 0, caller.out
    caller.run("apply")
    assert caller.values()["ENTRA_AUTHORITY"] == "https://login.microsoftonline.com"


def test_permission_ids_are_the_same_in_every_run(variant: Variant, tmp_path: Path) -> None:
    ids = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        wanted = Caller(variant(ROLES), folder).wanted
        ids.append(
            [wanted.derived_id("scope", "x"), *[role["id"] for role in wanted.API["appRoles"]]]
        )
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 4
