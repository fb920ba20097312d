"""A person signs in on the docs page, in a real browser, and uses the service."""

from collections.abc import Callable

from tests.browser.visit import Visit, until_closed

Open = Callable[..., Visit]


def test_person_signs_in_and_signs_out(visit: Open) -> None:
    bob = visit()
    bob.sign_in("bob")
    status, me = bob.execute("me")
    assert (status, me["name"]) == (200, "Bob")
    bob.log_out()
    assert bob.execute("me")[0] == 401


def test_page_says_who_is_signed_in_until_they_log_out(visit: Open) -> None:
    bob = visit()
    bob.sign_in("bob")
    bob.says("Signed in as Bob (bob@contoso.example).")
    bob.log_out()
    bob.says("")


def test_dialog_never_mentions_a_client_secret(visit: Open) -> None:
    bob = visit()
    dialog = bob.open_dialog()
    assert "client_id" in dialog.inner_html()
    assert "secret" not in dialog.inner_html().lower()
    dialog.locator(".btn-done").click()
    bob.sign_in("bob")
    assert "Logout" in bob.open_dialog().inner_text()
    assert "secret" not in dialog.inner_html().lower()


def test_two_tabs_sign_in_two_people(visit: Open) -> None:
    somebody = visit()
    first, second = somebody.page, somebody.open_docs()
    for page in (first, second):
        # Swagger UI's own state is the time.
        page.clock.set_fixed_time("2026-01-01T12:00:00Z")
    for_first, for_second = somebody.open_picker(first), somebody.open_picker(second)
    for picker, name in ((for_first, "alice"), (for_second, "bob")):
        with until_closed(picker):
            picker.get_by_role("button", name=f"{name}@").click()
    somebody.says("Signed in as Alice", first)
    somebody.says("Signed in as Bob", second)


def test_blocked_window_is_reported_and_the_next_attempt_signs_in(visit: Open) -> None:
    bob = visit()
    bob.page.evaluate("() => { window.allowed = window.open; window.open = () => null; }")
    dialog = bob.open_dialog()
    dialog.locator(".btn.authorize").click()
    dialog.get_by_text("The browser blocked the sign-in window. Allow pop-up windows").wait_for()
    bob.page.evaluate("() => { window.open = window.allowed; }")
    with bob.context.expect_page() as opened:
        dialog.locator(".btn.authorize").click()
    with until_closed(opened.value) as picker:
        picker.get_by_role("button", name="bob@").click()
    bob.is_signed_in()
    bob.says("Signed in as Bob")
    assert "blocked" not in bob.page.content()


def test_padlock_of_an_operation_shows_the_scope_ticked(visit: Open) -> None:
    page = visit().page
    page.locator(".opblock[id$='-me'] .authorization__btn").click()
    scope = page.locator(".modal-ux .scopes .checkbox")
    assert scope.count() == 1
    assert "/access_as_user" in scope.inner_text()
    assert scope.locator("input").is_checked()
    assert page.locator(".opblock[id$='-welcome'] .authorization__btn").count() == 0


def test_guest_is_refused(visit: Open) -> None:
    gita = visit()
    gita.sign_in("gita")
    gita.says("Guests may not sign in. Log out and sign in with another account")
    assert gita.execute("me")[0] == 403


def test_service_that_does_not_answer_is_reported(visit: Open) -> None:
    bob = visit()
    bob.page.route("**/api/me", lambda route: route.abort())
    bob.sign_in("bob")
    bob.says("Reload this page and sign in again.")


def test_account_picker_is_used_by_keyboard(visit: Open) -> None:
    somebody = visit()
    picker = somebody.open_picker()
    picker.keyboard.press("Tab")
    picker.keyboard.press("Tab")
    with until_closed(picker):
        picker.keyboard.press("Enter")
    somebody.is_signed_in()
    assert somebody.execute("me")[1]["name"] == "Bob"


def test_cancelled_sign_in_shows_an_error(visit: Open) -> None:
    somebody = visit()
    with until_closed(somebody.open_picker()) as picker:
        picker.get_by_role("button", name="Cancel").click()
    somebody.page.locator(".modal-ux .errors").filter(has_text="access_denied").wait_for()
    somebody.page.locator(".modal-ux .btn-done").click()
    assert somebody.execute("me")[0] == 401
