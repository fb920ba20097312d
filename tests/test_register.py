"""`register.py` of rendered projects, against Microsoft Graph in memory."""

import importlib.util
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response

from tests.conftest import Project, clean_environment
from tests.graph import ALICE, BOB, TENANT, Directory, Wire, create_graph
from tests.tenant import tenant

ROLES, NO_ROLES = "single-tenant, roles, database", "single-tenant, no roles, memory"
MULTI_ROLES, MULTI = "multi-tenant, roles, memory", "multi-tenant, no roles, database"
EACH = (ROLES, NO_ROLES, MULTI_ROLES, MULTI)
API, DOCS = "todo-api", "todo-api-docs"

Variant = Callable[[str], Project]


class Caller:
    """A user at the command line of a rendered project, and the tenant that they are signed in to."""

    def __init__(self, project: Project, folder: Path, capsys: Any = None) -> None:
        for name in (".env.example", "register.py", "README.md", "docs", "app"):
            source = project.path / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / name)
        self.folder, self.capsys = folder, capsys
        self.directory = Directory()
        self.http = httpx2.Client(transport=Wire(create_graph(self.directory)))
        self.slept: list[float] = []
        self.asked: list[tuple[Any, ...]] = []
        self.script = load(folder)
        self.out = self.err = ""

    def sign_in(self, *asked: Any) -> str:
        """Give a token."""
        self.asked.append(asked)
        return "a token"

    def run(self, *argv: str) -> int:
        """Run a command; keep what it printed."""
        try:
            status = self.script.main(
                list(argv), http=self.http, sign_in=self.sign_in, sleep=self.slept.append
            )
        except SystemExit as ended:
            status = int(ended.code or 0)
        if self.capsys:
            self.out, self.err = self.capsys.readouterr()
        return int(status)

    @property
    def env(self) -> Path:
        """The file .env of the project."""
        return self.folder / ".env"

    def values(self) -> dict[str, str]:
        """Return what .env says."""
        found: dict[str, str] = self.script.env_values(self.env.read_text(encoding="utf-8"))
        return found


def load(folder: Path) -> ModuleType:
    """Import the script of a rendered project as a module of its own."""
    spec = importlib.util.spec_from_file_location("register", folder / "register.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
            patched.delitem(sys.modules, name)
        patched.setitem(sys.modules, "register", module)
        spec.loader.exec_module(module)
        for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
            del sys.modules[name]
    return module


@pytest.fixture(autouse=True)
def nothing_piped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    for name in ("ENTRA_TENANT_ID", "ALLOWED_TENANT_IDS", "API_CLIENT_ID", "SWAGGER_UI_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def caller(
    variant: Variant,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Caller:
    """Return somebody in a rendered project, by default of the default answers."""
    return Caller(variant(getattr(request, "param", ROLES)), tmp_path, capsys)


each_variant = pytest.mark.parametrize("caller", EACH, indirect=True)
with_roles = pytest.mark.parametrize("caller", [ROLES, MULTI_ROLES], indirect=True)
without_roles = pytest.mark.parametrize("caller", [NO_ROLES, MULTI], indirect=True)


def test_a_byte_order_mark_hides_no_key(caller: Caller) -> None:
    assert caller.run("apply") == 0
    lines = caller.env.read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(line for line in lines if line.startswith("API_CLIENT_ID="))
    lines.remove(first)
    caller.env.write_text("".join([first, *lines]), encoding="utf-8-sig")
    assert caller.run("apply") == 0
    assert "+ API_CLIENT_ID" not in caller.out
    assert caller.env.read_text(encoding="utf-8-sig").count("API_CLIENT_ID=") == 1


def is_right(caller: Caller) -> None:
    """Check that the tenant and .env are as `apply` promises."""
    directory, script = caller.directory, caller.script
    api, docs = directory.application(API), directory.application(DOCS)
    assert len(directory.applications) == 2
    assert api["api"]["requestedAccessTokenVersion"] == 2
    (scope,) = api["api"]["oauth2PermissionScopes"]
    assert scope == script.API["api"]["oauth2PermissionScopes"][0]
    assert api["identifierUris"] == [f"api://{api['appId']}"]
    assert {claim["name"] for claim in api["optionalClaims"]["accessToken"]} == {"idtyp", "acct"}
    multi = script.TENANT_KEY == "ALLOWED_TENANT_IDS"
    for app in (api, docs):
        assert app["signInAudience"] == ("AzureADMultipleOrgs" if multi else "AzureADMyOrg")
        assert app["tags"] == ["created-by:register.py"]
    assert docs["spa"]["redirectUris"][0] == "http://localhost:8000/oauth2-redirect"
    assert docs["requiredResourceAccess"] == [
        {
            "resourceAppId": api["appId"],
            "resourceAccess": [{"id": scope["id"], "type": "Scope"}],
        }
    ]
    assert api["api"]["preAuthorizedApplications"] == [
        {"appId": docs["appId"], "delegatedPermissionIds": [scope["id"]]}
    ]
    assert api["api"]["knownClientApplications"] == ([docs["appId"]] if multi else [])
    principal = directory.principal(api["appId"])
    directory.principal(docs["appId"])
    roles = [role["value"] for role in api["appRoles"]]
    assert roles == (["Admin", "User"] if "appRoles" in script.API else [])
    assert principal["appRoleAssignmentRequired"] == bool(roles)
    assert [a["principalId"] for a in directory.assignments.values()] == [ALICE["id"]] * bool(roles)
    values = caller.values()
    assert values[script.TENANT_KEY] == TENANT["id"]
    assert values["API_CLIENT_ID"] == api["appId"]
    assert values["SWAGGER_UI_CLIENT_ID"] == docs["appId"]
    assert stat.S_IMODE(caller.env.stat().st_mode) == 0o600


@each_variant
def test_plan_shows_what_apply_does_and_changes_nothing(caller: Caller) -> None:
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
    assert "Nothing to do." in caller.out


@each_variant
@pytest.mark.parametrize("echoes", [True, False], ids=["201", "204"])
@pytest.mark.parametrize("lag", [0, 3])
def test_apply_registers_and_a_second_time_writes_nothing(
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
    assert "Nothing had to be done." in caller.out


COMMANDS = st.sampled_from(["plan", "apply", "apply --admin-consent", "destroy", "doctor"])
FAULTS = st.none() | st.tuples(
    st.integers(1, 40), st.sampled_from(["lost", "lost after", 403, 429, 500]), st.integers(0, 3)
)
TAMPERING: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "scope off": lambda api, docs: [
        scope.update(isEnabled=False) for scope in api["api"]["oauth2PermissionScopes"]
    ],
    "scope renamed": lambda api, docs: [
        scope.update(value="user_impersonation") for scope in api["api"]["oauth2PermissionScopes"]
    ],
    "text changed": lambda api, docs: [
        item.update(adminConsentDescription="x") for item in api["api"]["oauth2PermissionScopes"]
    ],
    "v1 tokens": lambda api, docs: api["api"].update(requestedAccessTokenVersion=None),
    "type Web": lambda api, docs: (
        docs["web"].update(redirectUris=docs["spa"].pop("redirectUris"))
        or docs.update(spa={"redirectUris": []})
    ),
    "no pre-authorisation": lambda api, docs: api["api"].update(preAuthorizedApplications=[]),
    "no permission": lambda api, docs: docs.update(requiredResourceAccess=[]),
    "no claims": lambda api, docs: api.update(optionalClaims=None),
    "no identifier URI": lambda api, docs: api.update(identifierUris=[]),
}
"""What somebody changes in the portal, by its name."""


def broken(kind: str | int) -> Response | Exception:
    """Return what a request is answered that fails."""
    if isinstance(kind, str):
        return httpx2.ConnectError("the connection was lost")
    body = {"error": {"code": "Broken", "message": "on purpose"}}
    return JSONResponse(body, kind, headers={"Retry-After": "7"})


@pytest.mark.parametrize("name", EACH)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(COMMANDS, FAULTS, st.none() | st.sampled_from([*TAMPERING])), max_size=5
    )
)
def test_from_any_half_finished_state_apply_and_destroy_reach_their_end(
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
        assert status in ({0, 1, 4, 5, 6} if fault or command == "doctor" else {0, 6})
        if command in {"plan", "doctor"}:
            assert directory.writes == []
            assert json.dumps([directory.applications, directory.principals]) == before
        directory.fault, directory.lag = lambda *_: None, 0
        directory.unseen.clear()
        by_name = {app["uniqueName"]: app for app in directory.applications.values()}
        if tampering and len(by_name) == 2:
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
    assert caller.run("doctor") == 0
    assert caller.run("destroy") == 0
    for left in ("applications", "deleted", "principals", "assignments", "grants"):
        assert getattr(directory, left) == {}
    assert caller.values()["API_CLIENT_ID"] == ""


@each_variant
@pytest.mark.parametrize("tampering", TAMPERING)
def test_doctor_finds_what_was_changed_and_apply_repairs_it(caller: Caller, tampering: str) -> None:
    caller.run("apply")
    assert caller.run("doctor") == 0, caller.out
    assert "Nothing is wrong." in caller.out
    TAMPERING[tampering](caller.directory.application(API), caller.directory.application(DOCS))
    assert caller.run("doctor") == (tampering != "text changed")
    if tampering != "text changed":
        assert "-> run apply" in caller.out
    assert caller.run("apply") == 0
    is_right(caller)
    assert caller.run("doctor") == 0


def test_doctor_names_the_errors_that_a_mismatch_leads_to(caller: Caller) -> None:
    caller.run("apply")
    for tampering, words in {
        "v1 tokens": "audience is invalid",
        "type Web": "AADSTS9002326",
        "no identifier URI": "AADSTS500011",
        "no pre-authorisation": "AADSTS65001",
        "scope off": "AADSTS650053",
    }.items():
        TAMPERING[tampering](caller.directory.application(API), caller.directory.application(DOCS))
        assert caller.run("doctor") == 1
        assert words in caller.out
        caller.run("apply")


@with_roles
def test_doctor_checks_assignments(caller: Caller) -> None:
    caller.run("apply")
    directory = caller.directory
    (assignment,) = directory.assignments.values()
    docs = directory.principal(directory.application(DOCS)["appId"])
    assignment["resourceId"] = docs["id"]
    assert caller.run("doctor") == 1
    assert "assigned on the docs page instead of the API: alice@contoso.example" in caller.out
    assert "nobody has an app role" in caller.out
    directory.principal(directory.application(API)["appId"])["appRoleAssignmentRequired"] = False
    caller.run("doctor")
    assert "even without a role" in caller.out


@each_variant
def test_doctor_checks_settings_tenant_and_service_principals(caller: Caller) -> None:
    assert caller.run("doctor") == 1
    assert caller.out.count("run apply, which writes it to .env") == 3
    assert caller.directory.calls == []
    caller.run("apply")
    text = caller.env.read_text(encoding="utf-8")
    caller.directory.principals.clear()
    caller.run("doctor")
    assert "AADSTS650052" in caller.out
    caller.directory.applications.clear()
    assert caller.run("doctor") == 1
    assert "the tenant has no app registration" in caller.out
    if "ENTRA_TENANT_ID" in text:
        other = "fa000000-0000-4000-8000-00000000fab0"
        caller.env.write_text(text.replace(TENANT["id"], other), encoding="utf-8")
        caller.run("doctor")
        assert f"AADSTS90002: Tenant '{other}' not found." in caller.out
    caller.env.write_text(
        f"{text}ENTRA_AUTHORITY=https://login.microsoftonline.us\n", encoding="utf-8"
    )
    assert caller.run("doctor") == 1


@each_variant
def test_a_client_lost_on_the_way_is_said(caller: Caller) -> None:
    caller.directory.fault = lambda number, *_: broken("lost") if number == 5 else None
    assert caller.run("apply") == 5
    assert "the connection was lost" in caller.err
    assert "It is safe to run this again" in caller.err
    assert not caller.env.exists()


def claims(caller: Caller, **changed: object) -> str:
    """Return a token that the service would take, with these claims changed."""
    values = caller.values()
    good = {
        "aud": values["API_CLIENT_ID"],
        "ver": "2.0",
        "tid": TENANT["id"],
        "iss": f"https://login.microsoftonline.com/{TENANT['id']}/v2.0",
        "scp": "access_as_user",
        "azp": values["SWAGGER_UI_CLIENT_ID"],
        "roles": ["User"],
        "exp": 4e9,
    }
    payload = urlsafe_b64encode(json.dumps(good | changed).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJSUzI1NiJ9.{payload}.signature"


BAD_CLAIMS: list[tuple[dict[str, object], str]] = [
    ({"ver": "1.0", "aud": "api://x"}, "v2.0 tokens alone pass"),
    ({"aud": "00000003-0000-0000-c000-000000000000"}, "another API than API_CLIENT_ID"),
    ({"tid": "fa000000-0000-4000-8000-00000000fab0"}, "sign in with another account"),
    ({"tid": ""}, "sign in with another account"),
    ({"iss": "https://sts.windows.net/x/"}, "iss is https://sts.windows.net/x/"),
    ({"scp": None}, "without access_as_user"),
    ({"acct": 1}, "this is a guest"),
    ({"idp": "https://sts.windows.net/other/"}, "this is a guest"),
    ({"exp": 1}, "it expired"),
]


@each_variant
@pytest.mark.parametrize(("changed", "words"), BAD_CLAIMS)
def test_doctor_compares_a_token_that_is_piped_in(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], words: str
) -> None:
    caller.run("apply")
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller)))
    assert caller.run("doctor") == 0, caller.out
    assert "ok    access token" in caller.out
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller, **changed) + "\n"))
    assert caller.run("doctor") == 1
    assert words in caller.out


def test_doctor_compares_a_token_with_every_setting(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.run("apply")
    monkeypatch.setenv("ALLOWED_CLIENT_IDS", "d0c50000-0000-4000-8000-000000000002")
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller, roles=[])))
    assert caller.run("doctor") == 1
    assert "add it to ALLOWED_CLIENT_IDS" in caller.out
    assert "todos are a 403" in caller.out
    monkeypatch.setenv("ALLOW_GUESTS", "true")
    monkeypatch.setenv("ALLOWED_CLIENT_IDS", "")
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller, acct=1)))
    assert caller.run("doctor") == 0


@pytest.mark.parametrize("text", ["rubbish", "a.b.c", "a.e30.c", "a.W10.c"])
def test_doctor_says_when_what_is_piped_in_is_no_token(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    caller.run("apply")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert caller.run("doctor") == 1
    assert "not an access token" in caller.out


@each_variant
def test_doctor_explains_each_error_that_the_documentation_knows(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = caller.folder / "docs" / "troubleshooting.md"
    rows = [
        row for row in guide.read_text(encoding="utf-8").splitlines() if row.startswith("| AADSTS")
    ]
    numbers = set(re.findall(r"AADSTS(\d+)", " ".join(row.split("|")[1] for row in rows)))
    assert {"50011", "9002326", "7000218"} < numbers
    for number in numbers:
        assert caller.run("doctor", f"AADSTS{number}") == 0
        assert f"AADSTS{number}" in caller.out
        assert len(caller.out.splitlines()) == 3, caller.out
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("AADSTS50011: does not match. Timestamp: 2026-11-21")
    )
    assert caller.run("doctor") == 0
    assert "127.0.0.1" in caller.out
    assert "2026" not in caller.out
    assert caller.run("doctor", "AADSTS12345") == 0
    assert "error?code=12345" in caller.out
    assert caller.run("doctor", "no-error") == 2
    assert caller.directory.calls == []


def test_what_somebody_else_made_is_not_touched(caller: Caller) -> None:
    other = caller.directory.add_application(None, displayName="Todo API")
    before = json.dumps(other)
    for command in ("plan", "apply"):
        assert caller.run(command) == 6
        assert other["appId"] in caller.err
        assert "--adopt" in caller.err
        assert "did not make" in caller.err
    assert caller.directory.writes == []
    assert json.dumps(other) == before
    assert not caller.env.exists()


def test_a_docs_page_of_somebody_else_stops_apply_before_it_begins(caller: Caller) -> None:
    caller.directory.add_application(None, displayName="Todo API docs page")
    assert caller.run("apply") == 6
    assert caller.directory.writes == []


def test_a_unique_name_without_the_mark_is_somebody_elses(caller: Caller) -> None:
    caller.directory.add_application(API, displayName="Mine", tags=["hand-made"])
    assert caller.run("apply") == 6
    assert caller.directory.writes == []
    assert caller.run("apply", "--adopt") == 0
    assert caller.directory.application(API)["tags"] == ["hand-made", "adopted-by:register.py"]


@each_variant
def test_adopting_keeps_what_is_there_and_destroy_leaves_it(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = {"id": "5c09e000-0000-4000-8000-000000000001", "type": "Admin", "isEnabled": True}
    texts = caller.script.API["api"]["oauth2PermissionScopes"][0]
    names = [name for name in texts if name.endswith(("DisplayName", "Description"))]
    scopes = [
        {name: texts[name] for name in names} | scope | {"value": "access_as_user"},
        dict.fromkeys(names, "x") | scope | {"id": scope["id"][:-1] + "2", "value": "other"},
    ]
    other = caller.directory.add_application(
        None,
        displayName="Todo API",
        api={"oauth2PermissionScopes": scopes},
        identifierUris=["https://contoso.example/api"],
    )
    assert caller.run("plan", "--adopt") == 0
    assert caller.directory.writes == []
    assert caller.run("apply", "--adopt") == 0, caller.err
    assert other["uniqueName"] == API
    kept, untouched = other["api"]["oauth2PermissionScopes"]
    assert (kept["id"], kept["type"], kept["isEnabled"]) == (scope["id"], "User", True)
    assert untouched == scopes[1]
    assert other["identifierUris"] == ["https://contoso.example/api", f"api://{other['appId']}"]
    docs = caller.directory.application(DOCS)
    assert docs["requiredResourceAccess"][0]["resourceAccess"][0]["id"] == scope["id"]
    caller.directory.calls.clear()
    assert caller.run("apply") == 0
    assert caller.directory.writes == []
    assert caller.run("doctor") == 0
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert caller.run("destroy") == 0
    assert 'Stays: "Todo API"' in caller.out
    assert list(caller.directory.applications.values()) == [other]


def test_several_of_the_same_name_or_one_of_another_service_cannot_be_adopted(
    caller: Caller,
) -> None:
    caller.directory.add_application("billing", displayName="Todo API")
    assert caller.run("apply", "--adopt") == 6
    assert "cannot be adopted" in caller.err
    caller.directory.applications.clear()
    for _ in range(2):
        caller.directory.add_application(None, displayName="Todo API")
    assert caller.run("apply", "--adopt") == 6
    assert caller.directory.writes == []


def test_a_name_with_a_quote_is_looked_for_as_it_is(caller: Caller) -> None:
    caller.script.API["displayName"] = "Ann's & Bob's API"
    caller.directory.add_application(None, displayName="Ann's & Bob's API")
    assert caller.run("plan") == 6


@pytest.mark.parametrize("answer", ["", "no", "YES", EOFError])
def test_destroy_asks_first(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, answer: str | type[EOFError]
) -> None:
    caller.run("apply")
    caller.directory.calls.clear()

    def asked(_: str) -> str:
        if isinstance(answer, str):
            return answer
        raise answer

    monkeypatch.setattr("builtins.input", asked)
    assert caller.run("destroy") == 1
    assert caller.out.count("To remove for good") == 2
    assert caller.directory.writes == []


def test_destroy_with_nothing_there_is_done(caller: Caller) -> None:
    assert caller.run("destroy") == 0
    assert "nothing to remove" in caller.out


def test_a_deleted_registration_that_cannot_be_removed_for_good_is_said(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.run("apply")
    caller.directory.rights.remove("purge")
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert caller.run("destroy") == 4
    assert "It is safe to run this again" in caller.err
    assert caller.run("apply") == 6
    assert "still holds the unique name todo-api" in caller.err
    caller.directory.rights.add("purge")
    assert caller.run("destroy") == 0
    assert caller.run("apply") == 0


@pytest.mark.parametrize(
    ("right", "needed", "done"),
    [
        ("register", "Application.ReadWrite.All", "Nothing else was changed."),
        ("assign", "AppRoleAssignment.ReadWrite.All", "What is listed above is done and stays."),
        ("consent", "DelegatedPermissionGrant.ReadWrite.All", "What is listed above"),
    ],
)
def test_a_missing_right_is_named(caller: Caller, right: str, needed: str, done: str) -> None:
    caller.directory.rights.remove(right)
    assert caller.run("apply", "--admin-consent") == 4
    assert "Authorization_RequestDenied: Insufficient privileges" in caller.err
    assert re.match(r"register\.py: (PATCH|POST) /", caller.err)
    assert needed in caller.err
    assert done in caller.err
    assert "It is safe to run this again" in caller.err
    caller.directory.rights.add(right)
    assert caller.run("apply", "--admin-consent") == 0
    is_right(caller)


@each_variant
def test_admin_consent_is_given_once_and_added_to_what_is_there(caller: Caller) -> None:
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


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_busy_graph_is_asked_again_when_it_says(caller: Caller, status: int) -> None:
    caller.directory.fault = lambda number, *_: broken(status) if number % 2 else None
    assert caller.run("apply") == 0, caller.err
    assert set(caller.slept) == {7}
    is_right(caller)


@pytest.mark.parametrize(
    ("told", "waited"), [("7", [7] * 5), ("600", []), ("soon", [1, 2, 4, 8, 16])]
)
def test_retries_are_bounded(caller: Caller, told: str, waited: list[int]) -> None:
    body = {"error": {"code": "TooManyRequests", "message": "slow down"}}
    answer = JSONResponse(body, 429, headers={"Retry-After": told})
    caller.directory.fault = lambda *_: answer
    assert caller.run("apply") == 5
    assert caller.slept == waited
    assert "429 TooManyRequests: slow down" in caller.err


def test_what_is_no_answer_of_graph_is_said(caller: Caller) -> None:
    caller.directory.fault = lambda *_: Response("<html>proxy</html>", 502)
    assert caller.run("plan") == 5
    assert "Is a proxy in between?" in caller.err
    caller.directory.fault = lambda *_: JSONResponse(
        {"error": {"code": "InvalidAuthenticationToken", "message": "x"}}, 401
    )
    assert caller.run("plan") == 3


@with_roles
def test_a_service_principal_assigns_nobody(caller: Caller) -> None:
    caller.directory.me = None
    assert caller.run("apply") == 0
    assert "signed in as a service principal" in caller.out
    assert caller.directory.assignments == {}
    assert caller.run("doctor") == 1
    assert "nobody has an app role" in caller.out


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
def test_other_clouds_have_hosts_of_their_own(
    caller: Caller, cloud: str, graph: str, login: str
) -> None:
    assert caller.run("apply", "--cloud", cloud, "--tenant", TENANT["id"]) == 0
    assert caller.asked == [(login, TENANT["id"], f"{graph}/.default")]
    assert caller.values()["ENTRA_AUTHORITY"] == login
    assert caller.run("doctor", "--cloud", cloud) == 0, caller.out
    caller.run("apply")
    assert caller.values()["ENTRA_AUTHORITY"] == "https://login.microsoftonline.com"


def test_further_redirect_uris_are_added_and_kept(caller: Caller) -> None:
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


ENV_FILES = {
    "nothing": b"",
    "other lines": b"# mine\n\nDATABASE_URL=sqlite+aiosqlite:///./x.db\nLOG_LEVEL=debug # loud\n",
    "no newline at the end": b"LOG_LEVEL=DEBUG",
    "old ids": b"API_CLIENT_ID=a9100000-0000-4000-8000-000000000001\nX=1\nSWAGGER_UI_CLIENT_ID=\n",
    "half-written": b"X=1\nAPI_CLIENT_ID\nSWAGGER_UI_CLIENT_ID=d0c50000-00",
    "cut off in a name": b"X=1\nAPI_CLI",
    "twice": b"API_CLIENT_ID=1\nX=1\nAPI_CLIENT_ID=2\n",
    "quoted": b"export API_CLIENT_ID = 'x'\nX=\"a b\"\n",
    "comments": b"# API_CLIENT_ID=\nX=1\n",
    "Windows": b"X=1\r\nAPI_CLIENT_ID=\r\nY=2\r\n",
    "not ASCII": "NAME=Zoë 🥛\n".encode(),
}


@each_variant
@pytest.mark.parametrize("text", ENV_FILES.values(), ids=ENV_FILES)
def test_env_is_merged(caller: Caller, text: bytes) -> None:
    caller.env.write_bytes(text)
    caller.env.chmod(0o644)
    assert caller.run("apply") == 0, caller.err
    is_right(caller)
    ours = re.compile(
        rb"\s*(export )?(API_CLIENT_ID|SWAGGER_UI_CLIENT_ID|ENTRA_TENANT_ID|ALLOWED_)"
    )
    lines = caller.env.read_bytes().split(b"\n")
    others = [line for line in text.split(b"\n") if line and not ours.match(line)]
    assert [line for line in lines if line and not ours.match(line)] == others
    assert lines[-1] == b""
    assert b"SECRET" not in caller.env.read_bytes().upper()
    assert list(caller.folder.glob(".env.*")) == [caller.folder / ".env.example"]
    before = caller.env.read_bytes()
    caller.run("apply")
    assert caller.env.read_bytes() == before


def test_env_begins_as_the_example_and_says_what_changes(caller: Caller) -> None:
    caller.run("apply")
    example = (caller.folder / ".env.example").read_text(encoding="utf-8")
    text = caller.env.read_text(encoding="utf-8")
    assert re.sub(r"(_ID)=.+", r"\1=", text) == example
    old = caller.values()["API_CLIENT_ID"]
    caller.env.write_text(text.replace(old, TENANT["id"]), encoding="utf-8")
    caller.run("plan")
    assert f"~ API_CLIENT_ID: {TENANT['id']} -> {old}" in caller.out
    caller.env.chmod(0o644)
    caller.run("apply")
    assert "~ mode: readable by its owner alone" in caller.out


def test_env_keeps_its_tenants(variant: Variant, tmp_path: Path) -> None:
    other = "fa000000-0000-4000-8000-00000000fab0"
    caller = Caller(variant(MULTI), tmp_path)
    for before, after in {
        "*": "*",
        other: f"{other},{TENANT['id']}",
        f"{TENANT['id']}, {other}": f"{TENANT['id']}, {other}",
    }.items():
        caller.env.write_text(f"ALLOWED_TENANT_IDS={before}\n", encoding="utf-8")
        assert caller.run("apply") == 0
        assert caller.values()["ALLOWED_TENANT_IDS"] == after


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_env_in_another_encoding_stops_a_command_before_it_begins(
    caller: Caller, command: str, encoding: str
) -> None:
    content = "# für Entra\nAPI_CLIENT_ID=x\n".encode(encoding)
    caller.env.write_bytes(content)
    assert caller.run(command) == 7
    assert ".env is not UTF-8 text." in caller.err
    assert len(caller.err.splitlines()) == 1
    assert caller.directory.calls == []
    assert caller.env.read_bytes() == content


def test_env_that_cannot_be_written_is_said_with_what_belongs_in_it(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    caller.env.write_text("X=1\n", encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr("os.fdopen", full)
        assert caller.run("apply") == 7
    assert "No space left on device" in caller.err
    assert f"API_CLIENT_ID={caller.directory.application(API)['appId']}" in caller.err
    assert caller.env.read_text(encoding="utf-8") == "X=1\n"
    assert not [path for path in caller.folder.glob(".env.*") if path.name != ".env.example"]


def test_env_behind_a_link_stays_behind_it(caller: Caller) -> None:
    target = caller.folder / "docs" / "settings"
    target.write_text("X=1\n", encoding="utf-8")
    caller.env.symlink_to(target)
    assert caller.run("apply") == 0
    assert caller.env.is_symlink()
    assert "API_CLIENT_ID=" in target.read_text(encoding="utf-8")


def test_an_interrupted_run_says_so(caller: Caller) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    status = caller.script.main(["apply"], http=caller.http, sign_in=interrupted)
    assert status == 130
    caller.err = caller.capsys.readouterr().err
    assert "safe to run this again" in caller.err


def test_runs_agree_on_ids(variant: Variant, tmp_path: Path) -> None:
    ids = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        script = Caller(variant(ROLES), folder).script
        ids.append(
            [script.derived_id("scope", "x"), *[role["id"] for role in script.API["appRoles"]]]
        )
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


@each_variant
def test_every_command_has_a_line_of_help(caller: Caller) -> None:
    assert caller.run("--help") == 0
    for command in ("plan", "apply", "doctor", "token", "destroy"):
        assert f"uv run register.py {command}" in caller.out
        assert f"\n    {command}" in caller.out
    assert ("register.py assign" in caller.out) == ("appRoles" in caller.script.API)
    assert caller.run() == 2


def commands(guide: Path) -> list[tuple[str, str]]:
    """Return the commands in a document's transcripts, and what each printed."""
    text = guide.read_text(encoding="utf-8")
    blocks = re.findall(
        r"^```console\n\$ uv run register\.py (.+)\n((?:.*\n)+?)```$", text, re.MULTILINE
    )
    assert [command.split()[0] for command, _ in blocks] == [
        "plan",
        "apply",
        "apply",
        *["doctor"] * 3,
    ]
    return blocks


def meddle(directory: Directory) -> None:
    """Change what the document says that somebody changed."""
    for tampering in ("type Web", "v1 tokens"):
        TAMPERING[tampering](directory.application(API), directory.application(DOCS))


@each_variant
def test_the_transcripts_are_what_the_commands_print(caller: Caller) -> None:
    for number, (command, printed) in enumerate(commands(caller.folder / "docs" / "register.md")):
        if number == 4:
            meddle(caller.directory)
        caller.run(*command.split())
        assert caller.out == printed
        assert caller.err == ""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="the Azure CLI of this test is a script")
def test_the_commands_run_as_a_user_types_them(variant: Variant, tmp_path: Path, uv: str) -> None:
    caller = Caller(variant(ROLES), tmp_path)
    folder, directory = tmp_path / "machine", caller.directory
    folder.mkdir()

    def run(*argv: str, env: dict[str, str], typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [uv, "run", "register.py", *argv]
        return subprocess.run(
            command, cwd=tmp_path, env=env, input=typed, capture_output=True, text=True, check=False
        )

    # This installs what the head of the script declares.
    ended = run("--help", env=clean_environment())
    assert ended.returncode == 0, ended.stderr
    assert "uv run register.py plan" in ended.stdout
    nobody = run("plan", env=clean_environment() | {"PATH": str(folder), "UV_OFFLINE": "1"})
    assert nobody.returncode == 3
    assert nobody.stdout == ""
    assert nobody.stderr.startswith(
        "register.py: Nobody is signed in. Run `az login`, then this again."
    )
    assert "Traceback" not in nobody.stderr
    with tenant(directory, folder) as env:
        for number, (command, printed) in enumerate(commands(tmp_path / "docs" / "register.md")):
            if number == 4:
                meddle(directory)
            ended = run(*command.split(), env=env)
            assert ended.stdout == printed, ended.stderr
            assert ended.returncode == (number == 4)
        assert run("assign", "bob@contoso.example", "User", env=env).returncode == 0
        assert run("destroy", env=env, typed="no\n").returncode == 1
        assert run("destroy", env=env, typed="yes\n").returncode == 0
        assert directory.applications == directory.deleted == {}
        unreachable = run("plan", env=env | {"HTTPS_PROXY": "http://127.0.0.1:1"})
        assert unreachable.returncode == 5
        assert "https://graph.microsoft.com did not answer" in unreachable.stderr


@each_variant
def test_the_manual_steps_name_what_the_script_makes(caller: Caller) -> None:
    readme = (caller.folder / "README.md").read_text(encoding="utf-8")
    appendix = readme[readme.index("## Appendix: registering by hand") :]
    script = caller.script
    (scope,) = script.API["api"]["oauth2PermissionScopes"]
    for name, label in {
        "value": "Scope name",
        "adminConsentDisplayName": "Admin consent display name",
        "adminConsentDescription": "Admin consent description",
        "userConsentDisplayName": "User consent display name",
        "userConsentDescription": "User consent description",
    }.items():
        assert f"| {label} | {scope[name]} |" in appendix.replace("`", "")
    roles = re.findall(r"^\| (\w+) \| `(\w+)` \| (.+) \|$", appendix, re.MULTILINE)
    keys = ("displayName", "value", "description")
    assert roles == [tuple(role[key] for key in keys) for role in script.API.get("appRoles", [])]
    claims = {claim["name"] for claim in script.API["optionalClaims"]["accessToken"]}
    assert claims == set(re.findall(r"`(\w+)` \(is this", appendix))
    assert script.DOCS["spa"]["redirectUris"] == re.findall(r"exactly `([^`]+)`", appendix)
    assert script.DOCS["publicClient"]["redirectUris"] == re.findall(
        r"applications\* with `([^`]+)`", appendix
    )
    version = script.API["api"]["requestedAccessTokenVersion"]
    assert f'"requestedAccessTokenVersion": {version}' in appendix
    caller.run("apply")
    api = caller.directory.application(API)
    known = api["api"]["knownClientApplications"]
    assert bool(known) == ("knownClientApplications" in appendix)
    required = caller.directory.principal(api["appId"])["appRoleAssignmentRequired"]
    assert required == ("*Assignment required?* to *Yes*" in appendix)
    settings_named = re.findall(r"^\| `([A-Z_]+_IDS?)` \|", appendix, re.MULTILINE)
    assert settings_named == [script.TENANT_KEY, "API_CLIENT_ID", "SWAGGER_UI_CLIENT_ID"]
