"""Skips tests that need something which this machine lacks."""

import os
from typing import NoReturn

import pytest


def missing(part: str, remedy: str) -> NoReturn:
    """Skip the test and say what to do to run it; with `CI=true`, fail instead."""
    reason = f"{part}: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
