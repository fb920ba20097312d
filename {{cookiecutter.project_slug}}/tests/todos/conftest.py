"""What the tests of todos share."""

from importlib.util import find_spec

from tests.browser.conftest import chromium, visit  # noqa: F401  fixtures

# The tests in `tests/fuzz` say what is missing.
if not find_spec("hypothesis"):
    collect_ignore = ["test_properties.py"]
