"""Who can sign in on the docs page: people of one organisation."""

from collections.abc import Callable

from tests.browser.visit import Visit

Open = Callable[..., Visit]


def test_person_from_another_tenant_cannot_sign_in(visit: Open) -> None:
    picker = visit().open_picker()
    assert picker.get_by_role("button", name="erin@").count() == 0
    picker.get_by_text("Use another account").click()
    picker.get_by_label("Username").fill("erin@fabrikam.example")
    picker.get_by_role("button", name="Next").click()
    picker.get_by_role("alert").filter(has_text="AADSTS50020").wait_for()
