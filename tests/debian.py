"""Debian systems in a folder or tar file, with versions that this machine lacks."""

import re
import subprocess
from pathlib import Path

from tests.conftest import PATIENCE

SOURCES = Path("/etc/apt")


def make_system(target: Path, *packages: str) -> None:
    """Create a Debian unstable system, which has the newest Python, in a folder or tar file."""
    texts = [
        path.read_text() for path in SOURCES.rglob("*") if path.suffix in {".list", ".sources"}
    ]
    archives = re.findall(
        r"^(?:URIs:|deb(?: \[.*\])?) *(\S+/debian/?)(?= |$)", "\n".join(texts), re.M
    )
    assert archives, "The sources of apt list no Debian archive."
    command = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        # A mirror of the archive may be older than its release files allow.
        '--aptopt=Acquire::Check-Valid-Until "false"',
        f"--include={','.join(('ca-certificates', *packages))}",
        "sid",
        str(target),
        f"deb {archives[0]} sid main",
    ]
    made = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert made.returncode == 0, made.stderr
