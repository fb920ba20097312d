"""The shell blocks of Markdown documents, as a reader would type them.

A block that begins with ```` ```sh ```` is typed line by line. One that cannot run on a machine
without a cloud, GitHub or a Docker engine has an invisible comment in front of it:
`<!-- not run: REASON -->`. Blocks of other languages are not typed.
"""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"^(?:[ ]*<!-- not run: (?P<reason>[^\n]+) -->\n\n?)?"
    r"(?P<indent>[ ]*)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
SHELLS = {"sh", "powershell"}
PROGRAMS = re.compile(
    r"^\s*(?:\$ )?(?:uv|uvx|az|azd|docker|make|git|curl|pip|python)\b", re.MULTILINE
)
SERVERS = re.compile(r"(?:uv run python -m dev(?! token| openapi)|make demo)(?!\S)")
"""Commands that stay in the foreground; a reader types the next ones in a second terminal."""


@dataclass(frozen=True)
class Block:
    """A block of a document, and the reason if it is not typed."""

    path: str
    language: str
    text: str
    reason: str | None

    @property
    def commands(self) -> list[str]:
        """The commands, without comments; a line that ends with a backslash continues."""
        joined = self.text.replace("\\\n", " ")
        lines = (re.sub(r"\s+#.*", "", line).strip() for line in joined.splitlines())
        return [line for line in lines if line]


def blocks_of(path: Path, name: str) -> list[Block]:
    """Return the blocks of a document, in order."""
    text = path.read_text(encoding="utf-8")
    return [
        Block(name, match["language"], match["text"], match["reason"])
        for match in BLOCK.finditer(text)
    ]


def script_of(blocks: list[Block], ready: str) -> str:
    """Return a bash program that types the blocks and stops at the first command that fails.

    It starts a server in the background, waits until the address `ready` answers, and stops the
    server at the end.
    """
    lines = [
        "set -euo pipefail",
        "server=",
        "trap '[ -z \"$server\" ] || kill -TERM -- -$server' EXIT",
    ]
    for block in blocks:
        for command in block.commands:
            lines.append(f"printf '%s\\n' {shlex.quote(f'$ {command}')}")
            if SERVERS.match(command):
                lines += [
                    f"setsid {command} &",
                    "server=$!",
                    f"for _ in $(seq 600); do curl -fs {ready} > /dev/null && break; sleep 0.1; done",
                    f"curl -fsS {ready} > /dev/null",
                ]
            else:
                lines.append(command)
    return "\n".join([*lines, ""])


def type_blocks(
    blocks: list[Block], folder: Path, environment: Mapping[str, str], *, ready: str, seconds: float
) -> str:
    """Type the blocks in a shell in this folder; return the output.

    Raises AssertionError, with the output, if a command fails or the time runs out.
    """
    log = folder.parent / f"{folder.name}.log"
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["bash", "-c", script_of(blocks, ready)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + seconds
        while shell.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        if shell.poll() is None:
            os.killpg(shell.pid, 15)
            shell.wait(20)
    printed = log.read_text(encoding="utf-8", errors="replace")
    assert shell.returncode == 0, f"The shell ended with {shell.returncode}:\n{printed}"
    return printed
