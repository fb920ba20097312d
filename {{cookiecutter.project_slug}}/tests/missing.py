"""What to do about a part of the tests that this machine lacks."""

import os
from typing import NoReturn

import pytest


def missing(part: str, remedy: str) -> NoReturn:
    """Skip the test and say how to have it run; with `CI=true`, fail it."""
    reason = f"{part}: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
