"""Makes the pictures in the documentation of the rendered project: `make screenshots`."""

import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.conftest import PROJECT, render
from tests.running import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IMAGES = PROJECT / "docs" / "images"


def main() -> None:
    """Make all pictures again."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415  may not be installed
    except ImportError:
        sys.exit("Playwright is missing: run `uv sync`.")
    uv, chromium = shutil.which("uv"), shutil.which("chromium")
    if not uv or not chromium:
        sys.exit("uv or Chromium is missing: install them (Debian: apt install chromium).")
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for tenancy in ("single-tenant", "multi-tenant"):
            for app_roles in (True, False):
                variant = f"{tenancy}{'-roles' if app_roles else ''}"
                answers = {"tenancy": tenancy, "app_roles": app_roles, "storage": "memory"}
                project = render(Path(folder) / variant, answers)
                with running(project, uv, "--no-reload") as (service, _, _):
                    take(browser, service, variant)
        browser.close()


def take(browser: "Browser", service: str, variant: str) -> None:
    """Make the pictures of one variant: the account picker, and the docs page signed in."""
    page = browser.new_page(viewport={"width": 900, "height": 640})
    page.goto(f"{service}/docs")
    page.locator(".btn.authorize").click()
    with page.expect_popup() as opened:
        page.locator(".modal-ux .btn.authorize").click()
    picker = opened.value
    picker.set_viewport_size({"width": 640, "height": 400})
    picker.get_by_role("heading", name="Pick an account").wait_for()
    picker.screenshot(path=IMAGES / f"account-picker-{variant}.png", full_page=True)
    picker.get_by_role("button", name=re.compile("bob@")).click()
    page.locator(".modal-ux button", has_text="Logout").wait_for()
    page.locator(".modal-ux .btn-done").click()
    page.get_by_role("status").filter(has_text="Signed in as Bob").wait_for()
    if variant.startswith("single-tenant"):
        page.mouse.move(0, 0)
        page.screenshot(path=IMAGES / f"docs-page{variant.removeprefix('single-tenant')}.png")
    page.close()


if __name__ == "__main__":
    main()
