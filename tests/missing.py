"""Skips tests that need something which this machine lacks."""

import os
import shutil
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the test and say what to do to run it; with `CI=true`, fail instead."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need(*tools: str, root: bool = False) -> None:
    """Skip the test if a tool, or root, is missing; with `CI=true`, fail instead."""
    if absent := " ".join(tool for tool in tools if not shutil.which(tool)):
        missing(f"Missing: {absent}. Install with `apt install {absent}` on Debian.")
    if root and os.geteuid() != 0:
        missing("Only root can mount and run a system. Run this test as root.")
