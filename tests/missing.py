"""What to do about a real part of the tests that this machine lacks."""

import os
import shutil
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the test and say how to have it run; with `CI=true`, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need(*tools: str, root: bool = False) -> None:
    """Skip the test where a tool, or root, is missing; with `CI=true`, fail it."""
    if absent := " ".join(tool for tool in tools if not shutil.which(tool)):
        missing(f"there is no {absent}: install it (Debian: apt install {absent})")
    if root and os.geteuid() != 0:
        missing("only root can mount and run a system: run this test as root")
