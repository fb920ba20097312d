"""Registrations that others created, and `register.py destroy`."""

import json
from typing import Any

import pytest

from tests.registering import API, DOCS, Caller, caller, each_variant, nothing_given

__all__ = ["caller", "nothing_given"]


def test_registration_created_by_somebody_else_is_not_touched(caller: Caller) -> None:
    other = caller.directory.add_application(None, displayName="Todo API")
    before = json.dumps(other)
    for command in ("plan", "apply"):
        assert caller.run(command) == 6
        assert other["appId"] in caller.err
        assert "--adopt" in caller.err
        assert "did not create" in caller.err
    assert caller.directory.writes == []
    assert json.dumps(other) == before
    assert not caller.env.exists()


def test_docs_page_created_by_somebody_else_stops_apply_before_any_write(caller: Caller) -> None:
    caller.directory.add_application(None, displayName="Todo API docs page")
    assert caller.run("apply") == 6
    assert caller.directory.writes == []


def test_unique_name_without_a_tag_belongs_to_somebody_else(caller: Caller) -> None:
    caller.directory.add_application(API, displayName="Mine", tags=["hand-made"])
    assert caller.run("apply") == 6
    assert caller.directory.writes == []
    assert caller.run("apply", "--adopt") == 0
    assert caller.directory.application(API)["tags"] == ["hand-made", "adopted-by:register.py"]


@each_variant
def test_adopted_registration_keeps_its_contents_and_survives_destroy(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope: dict[str, Any] = {
        "id": "5c09e000-0000-4000-8000-000000000001",
        "type": "Admin",
        "isEnabled": True,
    }
    texts = caller.wanted.API["api"]["oauth2PermissionScopes"][0]
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
    assert 'Kept: "Todo API"' in caller.out
    assert list(caller.directory.applications.values()) == [other]


def test_ambiguous_name_or_registration_of_another_service_cannot_be_adopted(
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


def test_name_with_a_quote_is_found(caller: Caller) -> None:
    caller.wanted.API["displayName"] = "Ann's & Bob's API"
    caller.directory.add_application(None, displayName="Ann's & Bob's API")
    assert caller.run("plan") == 6


@pytest.mark.parametrize("answer", ["", "no", "YES", EOFError])
def test_destroy_without_a_yes_removes_nothing(
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
    assert caller.out.count("To be removed permanently") == 2
    assert caller.directory.writes == []


def test_destroy_with_nothing_to_remove_succeeds(caller: Caller) -> None:
    assert caller.run("destroy") == 0
    assert "nothing to remove" in caller.out


def test_registration_that_cannot_be_removed_permanently_is_reported(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.run("apply")
    caller.directory.rights.remove("purge")
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert caller.run("destroy") == 4
    assert "It is safe to run this command again" in caller.err
    assert caller.run("apply") == 6
    assert "still holds the unique name todo-api" in caller.err
    caller.directory.rights.add("purge")
    assert caller.run("destroy") == 0
    assert caller.run("apply") == 0
