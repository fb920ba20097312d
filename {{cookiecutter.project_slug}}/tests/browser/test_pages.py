"""What the docs page, the redirect page and the account picker show, and to whom."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.datastructures import QueryParams

from dev.directory import CONTOSO, Person, docs_page
from dev.sign_in import sign_in_page
from tests.browser.visit import Visit, until_closed
from tests.missing import missing
from tests.waiting import wait_until

Open = Callable[..., Visit]

SWAGGER_UI = {"heading-order": "its headings go from h2 to h4, and from h4 to h6"}
"""The rules of axe-core that Swagger UI breaks where neither its plug-ins nor CSS can help."""


def faults(page: Any) -> list[str]:
    """Return what axe-core finds on this page, apart from faults of Swagger UI itself."""
    try:
        from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  may not be installed
    except ImportError:
        missing("axe-core is not installed", "run `uv sync --inexact --group browser`")
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html']}"
        for fault in found
        for node in fault["nodes"]
        if fault["id"] not in SWAGGER_UI
    ]


def fits(page: Any) -> bool:
    """Return whether the page can be read without scrolling sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def is_dark(page: Any) -> bool:
    """Return whether the background of the page is dark."""
    colours = page.evaluate(
        "[document.body, document.documentElement].map(one => getComputedStyle(one).backgroundColor)"
    )
    painted = [colour for colour in colours if colour != "rgba(0, 0, 0, 0)"]
    return bool(painted) and all(int(part) < 128 for part in re.findall(r"\d+", painted[0]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_of_ours(visit: Open, scheme: str) -> None:
    bob = visit(browser={"color_scheme": scheme})
    assert faults(bob.page) == []
    dialog = bob.open_dialog()
    assert faults(bob.page) == []
    dialog.locator(".btn-done").click()
    picker = bob.open_picker()
    assert faults(picker) == []
    with until_closed(picker):
        picker.get_by_role("button", name="bob@").click()
    bob.page.locator(".modal-ux button", has_text="Logout").wait_for()
    assert faults(bob.page) == []
    redirect = bob.context.new_page()
    redirect.goto(f"{bob.service}/oauth2-redirect#error=access_denied")
    assert faults(redirect) == []


@pytest.mark.parametrize(("width", "height"), [(360, 640), (900, 640), (640, 450)])
def test_buttons_of_the_dialog_are_in_view(visit: Open, width: int, height: int) -> None:
    bob = visit(browser={"viewport": {"width": width, "height": height}})
    assert fits(bob.page)
    # As many lines as with a second scope.
    bob.page.route("**/openapi.json", _with_second_scope)
    bob.page.reload()
    dialog = bob.open_dialog()
    for button in (dialog.locator(".btn.authorize"), dialog.locator(".btn-done")):
        box = button.bounding_box()
        assert 0 <= box["x"] <= width - box["width"]
        assert 0 <= box["y"] <= height - box["height"]
        button.click(trial=True)
    assert dialog.locator(".scopes .checkbox").count() == 2


def _with_second_scope(route: Any) -> None:
    response = route.fetch()
    document = response.json()
    (scheme,) = document["components"]["securitySchemes"].values()
    scheme["flows"]["authorizationCode"]["scopes"]["api://id/second"] = "A second scope " * 5
    route.fulfill(response=response, json=document)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_follow_the_colours_of_the_system(visit: Open, scheme: str) -> None:
    bob = visit(browser={"color_scheme": scheme})
    assert is_dark(bob.page) == (scheme == "dark")
    assert is_dark(bob.open_picker()) == (scheme == "dark")
    bob.page.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
    wait_until(lambda: is_dark(bob.page) == (scheme == "light"))


def test_error_that_no_docs_page_waits_for_is_shown_as_text(visit: Open) -> None:
    page = visit().context.new_page()
    service = page.context.pages[0].url.removesuffix("/docs")
    page.goto(
        f"{service}/oauth2-redirect#error=access_denied&error_description=AADSTS65004%3A+<b>no</b>"
    )
    message = page.get_by_role("status").filter(has_text="The sign-in failed")
    message.wait_for()
    assert "access_denied: AADSTS65004: <b>no</b>" in message.inner_text()
    assert "open the docs page and sign in there" in message.inner_text()
    assert message.locator("*").count() == 0
    assert page.url == f"{service}/oauth2-redirect"


def test_code_that_no_docs_page_waits_for_leaves_the_address(visit: Open) -> None:
    somebody = visit()
    page = somebody.context.new_page()
    page.goto(f"{somebody.service}/oauth2-redirect#code=abc&state=unknown")
    page.get_by_role("status").filter(has_text="No docs page is waiting").wait_for()
    assert page.url == f"{somebody.service}/oauth2-redirect"
    assert page.evaluate("history.length") == 2
    assert "abc" not in page.content()


@pytest.mark.parametrize("path", ["/docs", "/oauth2-redirect"])
def test_without_scripts_the_pages_say_what_is_missing(
    chromium: Any, live: Callable[..., str], path: str
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(live() + path)
    assert "needs JavaScript" in page.locator("body").inner_text()
    context.close()


def test_long_name_does_not_widen_the_picker(chromium: Any) -> None:
    person = Person("m" * 49, CONTOSO, object_id="", note="x" * 49, roles=("y" * 49,))
    html = sign_in_page(QueryParams(""), [person], docs_page(8000), "z" * 49).body
    context = chromium.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.set_content(bytes(html).decode())
    assert fits(page)
    context.close()
