"""Debian systems in a folder of their own, for what this machine does not have."""

import re
import subprocess
from pathlib import Path

SOURCES = Path("/etc/apt")


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
