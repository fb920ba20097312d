"""`make demo` on a machine without uv, in a folder whose name is not plain ASCII."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TEMPLATE, clean_environment
from tests.missing import need
from tests.running import free_ports, wait_until_ready

pytestmark = pytest.mark.slow


def test_demo_starts_without_uv_in_a_folder_with_spaces(tmp_path: Path) -> None:
    need("git", "make")
    clone = tmp_path / "Grüße an alle"
    names = (
        "Makefile",
        "cookiecutter.json",
        "template_text.py",
        "hooks",
        "{{cookiecutter.project_slug}}",
    )
    clone.mkdir()
    for name in names:
        copy = shutil.copytree if (TEMPLATE / name).is_dir() else shutil.copy
        copy(TEMPLATE / name, clone / name)
    subprocess.run(["git", "init", "--quiet", str(clone)], check=True)
    tools = tmp_path / "bin"
    tools.mkdir()
    python = tools / "python3"
    python.write_text(f'#!/bin/sh\nexec "{sys.base_prefix}/bin/python3" "$@"\n')
    python.chmod(0o755)
    # The system's folders, except one that contains uv.
    system = [folder for folder in ("/usr/bin", "/bin") if not Path(folder, "uv").exists()]
    environment = clean_environment() | {
        "HOME": str(tmp_path),
        "PATH": os.pathsep.join([str(tools), *system]),
        "PWD": str(clone),
    }
    environment.pop("UV", None)
    port, entra_port = free_ports()
    log = tmp_path / "demo.log"
    with log.open("wb") as output:
        demo = subprocess.Popen(
            ["make", "demo", f"ARGS=--port {port} --entra-port {entra_port}"],
            cwd=clone,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_ready(f"http://localhost:{port}", demo, log, seconds=240)
            said = log.read_text(encoding="utf-8")
            typed = re.search(r"^A token for curl: (.*)$", said, re.MULTILINE)
            assert typed, said
            token = subprocess.run(
                ["sh", "-c", typed[1]],
                cwd=clone,
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            os.killpg(demo.pid, signal.SIGINT)
            demo.wait(20)
    assert token.stdout.count(".") == 2, token.stderr
    assert "cd todo-api" not in said
    assert "git repository" not in said
