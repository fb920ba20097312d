"""Fuzzing, which requires `uv sync --inexact --group fuzz`."""

from importlib.util import find_spec

import pytest

from tests.missing import missing

if not find_spec("schemathesis"):
    collect_ignore = ["test_properties.py"]


@pytest.fixture(autouse=True)
def fuzzing_is_installed() -> None:
    """Skip the tests if their libraries are not installed."""
    if not find_spec("schemathesis"):
        missing("The group `fuzz` is not installed", "run `uv sync --inexact --group fuzz`")
