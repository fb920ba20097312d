"""Fixtures for the tests of the todos."""

from importlib.util import find_spec

from tests.browser.conftest import chromium, visit  # noqa: F401  fixtures

# The tests in `tests/fuzz` report that Hypothesis is missing.
if not find_spec("hypothesis"):
    collect_ignore = ["test_properties.py"]
