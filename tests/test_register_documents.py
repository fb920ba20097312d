"""The documents about `register.py`."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import clean_environment
from tests.graph import Directory
from tests.registering import (
    API,
    DOCS,
    ROLES,
    TAMPERING,
    Caller,
    Variant,
    caller,
    each_variant,
    nothing_given,
)
from tests.tenant import tenant

__all__ = ["caller", "nothing_given"]


def commands(guide: Path) -> list[tuple[str, str]]:
    """Return each command in a document's transcripts, with its output."""
    text = guide.read_text(encoding="utf-8")
    blocks = re.findall(
        r"^```console\n\$ uv run register\.py (.+)\n((?:.*\n)+?)```$", text, re.MULTILINE
    )
    assert [command.split()[0] for command, _ in blocks] == [
        "plan",
        "apply",
        "apply",
        *["doctor"] * 3,
        *["client"] * 2,
    ]
    return blocks


def meddle(directory: Directory) -> None:
    """Make the changes that the document describes."""
    for tampering in ("type Web", "v1 tokens"):
        TAMPERING[tampering](directory.application(API), directory.application(DOCS))


@each_variant
def test_transcripts_match_the_output(caller: Caller) -> None:
    for number, (command, printed) in enumerate(commands(caller.folder / "docs" / "register.md")):
        if number == 4:
            meddle(caller.directory)
        caller.run(*command.split())
        assert caller.out == printed
        assert caller.err == ""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="the Azure CLI of this test is a script")
def test_commands_run_as_a_user_types_them(variant: Variant, tmp_path: Path, uv: str) -> None:
    caller = Caller(variant(ROLES), tmp_path)
    folder, directory = tmp_path / "machine", caller.directory
    folder.mkdir()

    def run(*argv: str, env: dict[str, str], typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [uv, "run", "register.py", *argv]
        return subprocess.run(
            command, cwd=tmp_path, env=env, input=typed, capture_output=True, text=True, check=False
        )

    # The first run installs the dependencies that the script declares.
    ended = run("--help", env=clean_environment())
    assert ended.returncode == 0, ended.stderr
    assert "uv run register.py plan" in ended.stdout
    nobody = run("plan", env=clean_environment() | {"PATH": str(folder), "UV_OFFLINE": "1"})
    assert nobody.returncode == 3
    assert nobody.stdout == ""
    assert nobody.stderr.startswith(
        "register.py: You are not signed in. Run `az login`, then run this command again."
    )
    assert "Traceback" not in nobody.stderr
    with tenant(directory, folder) as env:
        for number, (command, printed) in enumerate(commands(tmp_path / "docs" / "register.md")):
            if number == 4:
                meddle(directory)
            ended = run(*command.split(), env=env)
            assert ended.stdout == printed, ended.stderr
            assert ended.returncode == (number == 4)
        assert run("assign", "bob@contoso.example", "User", env=env).returncode == 0
        assert run("destroy", env=env, typed="no\n").returncode == 1
        assert run("destroy", env=env, typed="yes\n").returncode == 0
        assert directory.applications == directory.deleted == {}
        unreachable = run("plan", env=env | {"HTTPS_PROXY": "http://127.0.0.1:1"})
        assert unreachable.returncode == 5
        assert "https://graph.microsoft.com did not answer" in unreachable.stderr


@each_variant
def test_manual_steps_match_the_script(caller: Caller) -> None:
    appendix = (caller.folder / "docs/register-by-hand.md").read_text(encoding="utf-8")
    wanted = caller.wanted
    (scope,) = wanted.API["api"]["oauth2PermissionScopes"]
    for name, label in {
        "value": "Scope name",
        "adminConsentDisplayName": "Admin consent display name",
        "adminConsentDescription": "Admin consent description",
        "userConsentDisplayName": "User consent display name",
        "userConsentDescription": "User consent description",
    }.items():
        assert f"| {label} | {scope[name]} |" in appendix.replace("`", "")
    roles = re.findall(r"^\| ([\w.]+) \| `([\w.]+)` \| (.+) \|$", appendix, re.MULTILINE)
    keys = ("displayName", "value", "description")
    assert roles == [tuple(role[key] for key in keys) for role in wanted.API["appRoles"]]
    claims = {claim["name"] for claim in wanted.API["optionalClaims"]["accessToken"]}
    assert claims == set(re.findall(r"`(\w+)` \(whether", appendix))
    assert wanted.DOCS["spa"]["redirectUris"] == re.findall(r"exactly `([^`]+)`", appendix)
    assert wanted.DOCS["publicClient"]["redirectUris"] == re.findall(
        r"applications\* with `([^`]+)`", appendix
    )
    version = wanted.API["api"]["requestedAccessTokenVersion"]
    assert f'"requestedAccessTokenVersion": {version}' in appendix
    caller.run("apply")
    api = caller.directory.application(API)
    known = api["api"]["knownClientApplications"]
    assert bool(known) == ("knownClientApplications" in appendix)
    required = caller.directory.principal(api["appId"])["appRoleAssignmentRequired"]
    assert required == ("*Assignment required?* to *Yes*" in appendix)
    settings_named = re.findall(r"^\| `([A-Z_]+_IDS?)` \|", appendix, re.MULTILINE)
    assert settings_named == [caller.setting, "API_CLIENT_ID", "SWAGGER_UI_CLIENT_ID"]
