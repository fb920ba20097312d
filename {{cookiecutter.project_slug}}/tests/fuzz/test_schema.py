"""Valid and invalid requests that Schemathesis generates from the OpenAPI document."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dev.directory import person_called
from dev.entra import SCOPE, StandIn
from tests.conftest import DOCS_PAGE
from tests.live import free_port

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("person", ["nobody", "bob", "alice"])
def test_schemathesis_finds_no_fault(live: Callable[..., str], tmp_path: Path, person: str) -> None:
    stand_in = StandIn(f"http://localhost:{free_port()}", [DOCS_PAGE])
    service = live(stand_in)
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
    options = ["--max-examples=30", "--generation-deterministic", "--no-color"]
    if person != "nobody":
        token = stand_in.access_token(person_called(person), DOCS_PAGE, frozenset({SCOPE}))
        options += ["--header", f"Authorization: Bearer {token}"]
    ended = subprocess.run(
        [*command, f"--config-file={CONFIGURATION}", "run", f"{service}/openapi.json", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    made = re.search(r"(\d+) generated, (\d+) passed", ended.stdout)
    assert made, ended.stdout
    assert int(made[1]) == int(made[2]) > 200
