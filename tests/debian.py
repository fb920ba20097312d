"""Debian systems in a folder of their own, for what this machine does not have."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path("/etc/apt")


def need(*tools: str) -> None:
    """Skip the test where a tool, or root, is missing; with `CI=true`, fail it."""
    absent = [tool for tool in tools if not shutil.which(tool)]
    reason = f"there is no {', '.join(absent)}: install it (Debian: apt install {' '.join(absent)})"
    if not absent and os.geteuid() != 0:
        absent, reason = ["root"], "only root can mount and run a system: run this test as root"
    if absent:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def make_system(target: Path, *packages: str) -> None:
    """Make Debian unstable, which has the newest versions of Python, in a folder or tar file."""
    texts = [
        path.read_text() for path in SOURCES.rglob("*") if path.suffix in {".list", ".sources"}
    ]
    archives = re.findall(
        r"^(?:URIs:|deb(?: \[.*\])?) *(\S+/debian/?)(?= |$)", "\n".join(texts), re.M
    )
    assert archives, "the sources of apt name no archive of Debian"
    command = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        # The copy of the archive may be older than the release files allow.
        '--aptopt=Acquire::Check-Valid-Until "false"',
        f"--include={','.join(('ca-certificates', *packages))}",
        "sid",
        str(target),
        f"deb {archives[0]} sid main",
    ]
    made = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert made.returncode == 0, made.stderr
