"""A person signs in on the docs page, in a real browser, and uses the service."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

{% if cookiecutter.tenancy == "multi-tenant" %}
from dev.directory import CONTOSO
{% endif %}
from tests.browser.visit import Visit

Live = Callable[..., str]


@pytest.fixture
def visit(
    chromium: Any, live: Live, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens the docs page; what happened there is checked in the end."""
    visits = []

    def start(service: str | None = None, **changes: Any) -> Visit:
        visits.append(Visit(chromium, service or live(**changes)))
        return visits[-1]

    yield start
    for each in visits:
        each.ends_well(caplog.text)


Open = Callable[..., Visit]


def test_a_person_signs_in_and_uses_every_operation(visit: Open) -> None:
    bob = visit()
    bob.sign_in("bob")
    status, me = bob.execute("me")
    assert (status, me["name"]) == (200, "Bob")
    status, todo = bob.execute("create_todo", body={"title": "Buy milk"})
    assert (status, todo["title"]) == (201, "Buy milk")
    status, page = bob.execute("list_todos")
    assert (status, page["items"]) == (200, [todo])
    status, changed = bob.execute("change_todo", todo_id=todo["id"], body={"done": True})
    assert (status, changed["done"]) == (200, True)
    assert bob.execute("get_todo", todo_id=todo["id"]) == (200, changed)
{% if cookiecutter.app_roles %}
    assert bob.execute("delete_all_todos")[0] == 403
{% endif %}
    assert bob.execute("delete_todo", todo_id=todo["id"]) == (204, None)
    bob.log_out()
    assert bob.execute("me")[0] == 401


def test_the_padlock_of_an_operation_shows_the_scope_ticked(visit: Open) -> None:
    page = visit().page
    page.locator(".opblock[id$='-list_todos'] .authorization__btn").click()
    scope = page.locator(".modal-ux .scopes .checkbox")
    assert scope.count() == 1
    assert "/access_as_user" in scope.inner_text()
    assert scope.locator("input").is_checked()
    assert page.locator(".opblock[id$='-welcome'] .authorization__btn").count() == 0


def test_two_people_do_not_share_their_todos(visit: Open) -> None:
    bob = visit()
    bob.sign_in("bob")
    todo = bob.execute("create_todo", body={"title": "bob's"})[1]
    carol = visit(bob.service)
    carol.sign_in("carol")
    assert carol.execute("list_todos")[1]["items"] == []
    assert carol.execute("get_todo", todo_id=todo["id"])[0] == 403
{% if cookiecutter.app_roles %}
    alice = visit(bob.service)
    alice.sign_in("alice")
    assert alice.execute("list_todos")[1]["items"] == [todo]
    assert alice.execute("delete_all_todos")[0] == 204
    assert bob.execute("get_todo", todo_id=todo["id"])[0] == 404


def test_somebody_without_a_role_is_signed_in_and_may_not_use_todos(visit: Open) -> None:
    dave = visit()
    dave.sign_in("dave")
    assert dave.execute("me")[0] == 200
    assert dave.execute("list_todos")[0] == 403
{% endif %}


def test_a_guest_is_refused(visit: Open) -> None:
    gita = visit()
    gita.sign_in("gita")
    assert gita.execute("me")[0] == 403


def test_the_account_picker_is_used_by_keyboard(visit: Open) -> None:
    somebody = visit()
    picker = somebody.open_picker()
    with picker.expect_event("close"):
        picker.keyboard.press("Tab")
        picker.keyboard.press("Tab")
        picker.keyboard.press("Enter")
    somebody.is_signed_in()
    assert somebody.execute("me")[1]["name"] == "Bob"


def test_who_cancels_is_told_so_and_is_not_signed_in(visit: Open) -> None:
    somebody = visit()
    picker = somebody.open_picker()
    with picker.expect_event("close"):
        picker.get_by_role("button", name="Cancel").click()
    somebody.page.locator(".modal-ux .errors").filter(has_text="access_denied").wait_for()
    somebody.page.locator(".modal-ux .btn-done").click()
    assert somebody.execute("me")[0] == 401
{% if cookiecutter.tenancy == "single-tenant" %}


def test_somebody_of_another_tenant_cannot_sign_in(visit: Open) -> None:
    picker = visit().open_picker()
    assert picker.get_by_role("button", name="erin@").count() == 0
    picker.get_by_text("Use another account").click()
    picker.get_by_label("Username").fill("erin@fabrikam.example")
    picker.get_by_role("button", name="Next").click()
    picker.get_by_role("alert").filter(has_text="AADSTS50020").wait_for()
{% else %}


def test_people_of_both_tenants_are_offered_and_kept_apart(visit: Open) -> None:
    bob = visit()
    bob.sign_in("bob")
    todo = bob.execute("create_todo", body={"title": "Contoso's"})[1]
    erin = visit(bob.service)
    erin.sign_in("erin")
    assert erin.execute("list_todos")[1]["items"] == []
    assert erin.execute("get_todo", todo_id=todo["id"])[0] == 404


def test_somebody_of_a_tenant_that_is_not_on_the_list_is_refused(visit: Open) -> None:
    erin = visit(allowed_tenant_ids=CONTOSO.id)
    erin.sign_in("erin")
    assert erin.execute("me")[0] == 401
{% endif %}
