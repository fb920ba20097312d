"""The docs page and app roles."""

from collections.abc import Callable

from tests.browser.visit import Visit

Open = Callable[..., Visit]


def test_page_shows_the_app_roles_of_the_person(visit: Open) -> None:
    alice = visit()
    alice.sign_in("alice")
    alice.says("Roles: Admin.")
    dave = visit(alice.service)
    dave.sign_in("dave")
    dave.says("Signed in as Dave")
    assert "Roles" not in dave.page.get_by_role("status").inner_text()
