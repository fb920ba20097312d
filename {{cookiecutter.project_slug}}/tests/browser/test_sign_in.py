"""A person signs in on the docs page, in a real browser, and uses the service."""

from collections.abc import Callable

from tests.browser.visit import Visit

Open = Callable[..., Visit]


def test_a_person_signs_in_and_signs_out(visit: Open) -> None:
    bob = visit()
    bob.sign_in("bob")
    status, me = bob.execute("me")
    assert (status, me["name"]) == (200, "Bob")
    bob.log_out()
    assert bob.execute("me")[0] == 401


def test_the_padlock_of_an_operation_shows_the_scope_ticked(visit: Open) -> None:
    page = visit().page
    page.locator(".opblock[id$='-me'] .authorization__btn").click()
    scope = page.locator(".modal-ux .scopes .checkbox")
    assert scope.count() == 1
    assert "/access_as_user" in scope.inner_text()
    assert scope.locator("input").is_checked()
    assert page.locator(".opblock[id$='-welcome'] .authorization__btn").count() == 0


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


def test_cancelled_sign_in_shows_an_error(visit: Open) -> None:
    somebody = visit()
    picker = somebody.open_picker()
    with picker.expect_event("close"):
        picker.get_by_role("button", name="Cancel").click()
    somebody.page.locator(".modal-ux .errors").filter(has_text="access_denied").wait_for()
    somebody.page.locator(".modal-ux .btn-done").click()
    assert somebody.execute("me")[0] == 401
