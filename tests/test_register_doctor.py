"""`register.py doctor`."""

import io
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable

import httpx2
import pytest

from tests.graph import TENANT, Wire, create_graph
from tests.registering import (
    API,
    DOCS,
    TAMPERING,
    Caller,
    caller,
    each_variant,
    is_right,
    nothing_given,
    single_tenant,
    with_roles,
)

__all__ = ["caller", "nothing_given"]

CUSTOMERS = "https://contoso.ciamlogin.com"
"""The authority of an External ID tenant."""


@each_variant
@pytest.mark.parametrize("tampering", TAMPERING)
def test_doctor_finds_a_change_and_apply_repairs_it(caller: Caller, tampering: str) -> None:
    caller.run("apply")
    assert caller.run("doctor") == 0, caller.out
    assert "No problems found." in caller.out
    TAMPERING[tampering](caller.directory.application(API), caller.directory.application(DOCS))
    assert caller.run("doctor") == (tampering != "text changed")
    if tampering != "text changed":
        assert "-> run `apply`" in caller.out
    assert caller.run("apply") == 0
    is_right(caller)
    assert caller.run("doctor") == 0


def test_doctor_names_the_error_that_a_change_causes(caller: Caller) -> None:
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
    assert "assigned to the docs page instead of the API: alice@contoso.example" in caller.out
    assert "nobody is assigned" in caller.out
    directory.principal(directory.application(API)["appId"])["appRoleAssignmentRequired"] = False
    caller.run("doctor")
    assert "assigned or not" in caller.out


@each_variant
def test_doctor_checks_settings_tenant_and_service_principals(caller: Caller) -> None:
    assert caller.run("doctor") == 1
    assert caller.out.count("run `apply`, which writes it to .env") == 3
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


def claims(caller: Caller, **changed: object) -> str:
    """Return a token that the service accepts, except for the changed claims; None removes one."""
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
    kept = {name: value for name, value in (good | changed).items() if value is not None}
    payload = urlsafe_b64encode(json.dumps(kept).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJSUzI1NiJ9.{payload}.signature"


BAD_CLAIMS: list[tuple[dict[str, object], str]] = [
    ({"ver": "1.0", "aud": "api://x"}, "accepts only v2.0 tokens"),
    ({"aud": "00000003-0000-0000-c000-000000000000"}, "but API_CLIENT_ID is"),
    ({"tid": "fa000000-0000-4000-8000-00000000fab0"}, "sign in with another account"),
    ({"tid": ""}, "sign in with another account"),
    ({"iss": "https://sts.windows.net/x/"}, "iss is https://sts.windows.net/x/"),
    ({"scp": None}, "should include access_as_user"),
    ({"acct": 1}, "this is a guest"),
    ({"idp": "https://sts.windows.net/other/"}, "this is a guest"),
    ({"exp": 1}, "the token expired"),
]


@each_variant
@pytest.mark.parametrize(("changed", "words"), BAD_CLAIMS)
def test_doctor_reports_a_bad_claim(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], words: str
) -> None:
    caller.run("apply")
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller)))
    assert caller.run("doctor") == 0, caller.out
    assert "ok    access token" in caller.out
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller, **changed) + "\n"))
    assert caller.run("doctor") == 1
    assert words in caller.out


def test_doctor_compares_a_token_with_the_settings(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.run("apply")
    monkeypatch.setenv("ALLOWED_CLIENT_IDS", "d0c50000-0000-4000-8000-000000000002")
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller, roles=[])))
    assert caller.run("doctor") == 1
    assert "add it to ALLOWED_CLIENT_IDS" in caller.out
    assert "the API returns 403" in caller.out
    monkeypatch.setenv("ALLOW_GUESTS", "true")
    monkeypatch.setenv("ALLOWED_CLIENT_IDS", "")
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller, acct=1)))
    assert caller.run("doctor") == 0


@each_variant
def test_doctor_accepts_a_daemon_with_the_permission_only(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.run("apply")
    daemon: dict[str, object] = {"idtyp": "app", "scp": None, "idp": "https://sts.windows.net/x/"}
    monkeypatch.setattr(
        "sys.stdin", io.StringIO(claims(caller, **daemon, roles=["Todos.Read.All"]))
    )
    assert caller.run("doctor") == 0, caller.out
    for roles in (None, ["Admin"], "Todos.Read.All", [["Todos.Read.All"]]):
        monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller, **daemon, roles=roles)))
        assert caller.run("doctor") == 1
        assert f"roles is {roles}, but should include Todos.Read.All" in caller.out
        assert "run `client --daemon` or `client --managed-identity`" in caller.out
    other = claims(caller, **daemon, aud="x", roles=["Todos.Read.All"])
    monkeypatch.setattr("sys.stdin", io.StringIO(other))
    assert caller.run("doctor") == 1
    assert "/.default" in caller.out


@single_tenant
@pytest.mark.parametrize("authority", [CUSTOMERS, f"{CUSTOMERS}/"])
def test_issuer_of_external_id_is_that_of_the_discovery_document(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, authority: str
) -> None:
    caller.run("apply")
    with caller.env.open("a", encoding="utf-8") as file:
        file.write(f"ENTRA_AUTHORITY={authority}\n")
    issuer = f"https://{TENANT['id']}.ciamlogin.com/{TENANT['id']}/v2.0"
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller, iss=issuer, idp="google.com")))
    caller.asked.clear()
    assert caller.run("doctor") == 0, caller.out
    # Administrators sign in where those of every tenant do.
    assert [login for login, *_ in caller.asked] == ["https://login.microsoftonline.com"]
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller)))
    assert caller.run("doctor") == 1
    assert f"/v2.0, but should be {issuer}\n" in caller.out


@single_tenant
def test_apply_keeps_the_host_of_external_id_and_client_prints_it(caller: Caller) -> None:
    caller.env.write_text(f"ENTRA_AUTHORITY={CUSTOMERS}\n", encoding="utf-8")
    assert caller.run("apply") == 0
    assert caller.values()["ENTRA_AUTHORITY"] == CUSTOMERS
    assert caller.run("client", "--spa", "http://localhost:5173") == 0
    assert f"    authority: {CUSTOMERS}/{TENANT['id']}\n" in caller.out
    assert caller.run("token") == 0
    assert caller.asked[-1][0] == CUSTOMERS
    caller.run("apply", "--cloud", "usgov")
    assert caller.values()["ENTRA_AUTHORITY"] == "https://login.microsoftonline.us"


@each_variant
@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        (
            lambda issuer: issuer.replace(".com/", ".us/"),
            "the tenant is in another cloud: the issuer is https://login.microsoftonline.us/",
            "set ENTRA_AUTHORITY to https://login.microsoftonline.us\n",
        ),
        (
            lambda _: "https://login.microsoftonline.com/fa000000-0000-4000-8000-00000000fab0/v2.0",
            "but should end with /",
            " or ENTRA_AUTHORITY\n",
        ),
        (lambda issuer: issuer.removesuffix("/v2.0"), "but should end with /", "ENTRA_AUTHORITY"),
    ],
    ids=["another cloud", "another tenant", "v1.0"],
)
def test_issuer_of_another_tenant_or_cloud_is_reported(
    caller: Caller, change: Callable[[str], str], problem: str, remedy: str
) -> None:
    caller.run("apply")

    def changed(_: int, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        if not request.url.path.endswith("openid-configuration"):
            return response
        document = json.loads(response.content)
        document["issuer"] = change(document["issuer"])
        return httpx2.Response(200, json=document)

    caller.go_through(changed)
    assert caller.run("doctor") == 1
    assert problem in caller.out
    assert remedy in caller.out


def test_tenant_id_in_capitals_is_the_same_tenant(caller: Caller) -> None:
    caller.run("apply")
    text = caller.env.read_text(encoding="utf-8")
    caller.env.write_text(text.replace(TENANT["id"], TENANT["id"].upper()), encoding="utf-8")

    def ignoring_case(
        _: int, request: httpx2.Request, response: httpx2.Response
    ) -> httpx2.Response:
        if TENANT["id"].upper() not in str(request.url):
            return response
        other = httpx2.Request("GET", str(request.url).replace(TENANT["id"].upper(), TENANT["id"]))
        return Wire(create_graph(caller.directory)).handle_request(other)

    caller.go_through(ignoring_case)
    assert caller.run("doctor") == 0, caller.out


def payload(text: str) -> str:
    """Return a token with this payload."""
    return f"a.{urlsafe_b64encode(text.encode()).decode().rstrip('=')}.c"


NO_TOKENS = {
    "rubbish": "rubbish",
    "no JSON": "a.b.c",
    "no claims": payload("{}"),
    "an array": payload("[]"),
    "nested": payload("[" * 100_000),
    "beyond time": payload(f'{{"exp": 1{"0" * 400}}}'),
}


@pytest.mark.parametrize("text", NO_TOKENS.values(), ids=NO_TOKENS)
def test_doctor_reports_input_that_is_not_a_token(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    caller.run("apply")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert caller.run("doctor") == 1
    assert "not an access token" in caller.out


@pytest.mark.parametrize("roles", [5, "User", [["User"]], {"User": 1}, [None]])
def test_roles_of_another_type_count_as_none(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, roles: object
) -> None:
    caller.run("apply")
    monkeypatch.setattr("sys.stdin", io.StringIO(claims(caller, roles=roles)))
    assert caller.run("doctor") == 1
    assert "the API returns 403" in caller.out


@each_variant
def test_every_error_that_doctor_names_is_in_the_guide(caller: Caller) -> None:
    sources = (caller.folder / "registration").glob("*.py")
    named = {
        number
        for path in sources
        for number in re.findall(r"AADSTS\d+", path.read_text(encoding="utf-8"))
    }
    assert {"AADSTS500014", "AADSTS7000112"} < named
    for number in named:
        assert caller.run("doctor", number) == 0
        assert "error?code=" not in caller.out, number


@each_variant
def test_doctor_explains_every_documented_error(
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


def test_disabled_service_principal_is_reported_and_left_disabled(caller: Caller) -> None:
    caller.run("apply")
    for name, whose in {API: "API", DOCS: "docs page"}.items():
        principal = caller.directory.principal(caller.directory.application(name)["appId"])
        principal["accountEnabled"] = False
        assert caller.run("doctor") == 1
        assert f"the {whose}'s service principal is disabled" in caller.out
        assert 'set "Enabled for users to sign-in?" to Yes' in caller.out
        caller.directory.calls.clear()
        assert caller.run("apply") == 0
        assert caller.directory.writes == []
        assert principal["accountEnabled"] is False
        principal["accountEnabled"] = True
    assert caller.run("doctor") == 0
    for principal in caller.directory.principals.values():
        principal["accountEnabled"] = False
    assert caller.run("doctor") == 1
    assert "2 problems found." in caller.out
