"""`register.py` in projects that agents can use."""

import pytest

from tests.registering import API, MULTI, ROLES, Caller, caller, nothing_given

__all__ = ["caller", "nothing_given"]

VS_CODE = "aebc6443-996d-45c2-90f0-388ff96faa56"
ADDRESS = "https://api.example.com"
for_agents = pytest.mark.parametrize(
    "caller", [f"{ROLES}, agents", f"{MULTI}, agents"], indirect=True
)


def uris(caller: Caller) -> list[str]:
    """Return the identifier URIs of the API."""
    found: list[str] = caller.directory.application(API)["identifierUris"]
    return found


@for_agents
def test_vs_code_gets_one_scope(caller: Caller) -> None:
    with (caller.folder / "app" / "permissions.py").open("a", encoding="utf-8") as file:
        file.write('SCOPES = (*SCOPES, Scope("read", "Read", "Reads.", "Read", "Reads."))\n')
    caller.load()
    assert caller.run("apply") == 0, caller.err
    api = caller.directory.application(API)["api"]
    first = api["oauth2PermissionScopes"][0]["id"]
    (allowed,) = (one for one in api["preAuthorizedApplications"] if one["appId"] == VS_CODE)
    assert allowed["delegatedPermissionIds"] == [first]


@for_agents
def test_apply_registers_the_tools_and_vs_code_and_then_writes_nothing(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", ADDRESS)
    assert caller.run("apply") == 0, caller.err
    api = caller.directory.application(API)
    assert uris(caller) == [f"api://{api['appId']}", f"{ADDRESS}/mcp"]
    allowed = [one["appId"] for one in api["api"]["preAuthorizedApplications"]]
    assert VS_CODE in allowed
    assert VS_CODE not in api["api"]["knownClientApplications"]
    caller.directory.calls.clear()
    assert caller.run("apply") == 0
    assert caller.directory.writes == []


@for_agents
@pytest.mark.parametrize("address", ["", "http://localhost:8000"], ids=["none", "http"])
def test_apply_warns_about_an_address_that_is_not_https(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", address)
    assert caller.run("apply") == 0
    assert "PUBLIC_URL is not an https:// address" in caller.out
    assert len(uris(caller)) == 1


@for_agents
def test_doctor_finds_an_address_that_differs_in_a_slash(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", ADDRESS)
    assert caller.run("apply") == 0
    caller.run("doctor")
    assert "AADSTS9010010" not in caller.out
    assert "ok    agents" in caller.out
    api = caller.directory.application(API)
    api["identifierUris"][1] += "/"
    api["api"]["preAuthorizedApplications"] = []
    assert caller.run("doctor") != 0
    assert f"lacks {ADDRESS}/mcp, and has {ADDRESS}/mcp/: agents get AADSTS9010010" in caller.out
    assert "VS Code is not pre-authorised" in caller.out


@for_agents
def test_doctor_explains_an_error_that_only_agents_meet(caller: Caller) -> None:
    assert caller.run("doctor", "AADSTS9010010") == 0
    assert "PUBLIC_URL" in caller.out
