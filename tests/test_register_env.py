"""What `register.py` does to `.env`."""

import re
from pathlib import Path

import pytest

from tests.graph import TENANT
from tests.registering import (
    API,
    MULTI,
    Caller,
    Variant,
    caller,
    each_variant,
    is_right,
    nothing_given,
)

__all__ = ["caller", "nothing_given"]


def test_a_byte_order_mark_hides_no_key(caller: Caller) -> None:
    assert caller.run("apply") == 0
    lines = caller.env.read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(line for line in lines if line.startswith("API_CLIENT_ID="))
    lines.remove(first)
    caller.env.write_text("".join([first, *lines]), encoding="utf-8-sig")
    assert caller.run("apply") == 0
    assert "+ API_CLIENT_ID" not in caller.out
    assert caller.env.read_text(encoding="utf-8-sig").count("API_CLIENT_ID=") == 1


ENV_FILES = {
    "nothing": b"",
    "other lines": b"# mine\n\nDATABASE_URL=sqlite+aiosqlite:///./x.db\nLOG_LEVEL=debug # loud\n",
    "no newline at the end": b"LOG_LEVEL=DEBUG",
    "old ids": b"API_CLIENT_ID=a9100000-0000-4000-8000-000000000001\nX=1\nSWAGGER_UI_CLIENT_ID=\n",
    "half-written": b"X=1\nAPI_CLIENT_ID\nSWAGGER_UI_CLIENT_ID=d0c50000-00",
    "cut off in a name": b"X=1\nAPI_CLI",
    "twice": b"API_CLIENT_ID=1\nX=1\nAPI_CLIENT_ID=2\n",
    "quoted": b"export API_CLIENT_ID = 'x'\nX=\"a b\"\n",
    "comments": b"# API_CLIENT_ID=\nX=1\n",
    "Windows": b"X=1\r\nAPI_CLIENT_ID=\r\nY=2\r\n",
    "not ASCII": "NAME=Zoë 🥛\n".encode(),
}


@each_variant
@pytest.mark.parametrize("text", ENV_FILES.values(), ids=ENV_FILES)
def test_env_is_merged(caller: Caller, text: bytes) -> None:
    caller.env.write_bytes(text)
    caller.env.chmod(0o644)
    assert caller.run("apply") == 0, caller.err
    is_right(caller)
    ours = re.compile(
        rb"\s*(export )?(API_CLIENT_ID|SWAGGER_UI_CLIENT_ID|ENTRA_TENANT_ID|ALLOWED_)"
    )
    lines = caller.env.read_bytes().split(b"\n")
    others = [line for line in text.split(b"\n") if line and not ours.match(line)]
    assert [line for line in lines if line and not ours.match(line)] == others
    assert lines[-1] == b""
    assert b"SECRET" not in caller.env.read_bytes().upper()
    assert list(caller.folder.glob(".env.*")) == [caller.folder / ".env.example"]
    before = caller.env.read_bytes()
    caller.run("apply")
    assert caller.env.read_bytes() == before


def test_env_begins_as_the_example_and_says_what_changes(caller: Caller) -> None:
    caller.run("apply")
    example = (caller.folder / ".env.example").read_text(encoding="utf-8")
    text = caller.env.read_text(encoding="utf-8")
    assert re.sub(r"(_ID)=.+", r"\1=", text) == example
    old = caller.values()["API_CLIENT_ID"]
    caller.env.write_text(text.replace(old, TENANT["id"]), encoding="utf-8")
    caller.run("plan")
    assert f"~ API_CLIENT_ID: {TENANT['id']} -> {old}" in caller.out
    caller.env.chmod(0o644)
    caller.run("apply")
    assert "~ mode: readable only by its owner" in caller.out


@pytest.mark.usefixtures("nothing_given")
def test_env_keeps_its_tenants(variant: Variant, tmp_path: Path) -> None:
    other = "fa000000-0000-4000-8000-00000000fab0"
    caller = Caller(variant(MULTI), tmp_path)
    for before, after in {
        "*": "*",
        other: f"{other},{TENANT['id']}",
        f"{TENANT['id']}, {other}": f"{TENANT['id']}, {other}",
    }.items():
        caller.env.write_text(f"ALLOWED_TENANT_IDS={before}\n", encoding="utf-8")
        assert caller.run("apply") == 0
        assert caller.values()["ALLOWED_TENANT_IDS"] == after


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_env_in_another_encoding_stops_a_command_before_it_begins(
    caller: Caller, command: str, encoding: str
) -> None:
    content = "# für Entra\nAPI_CLIENT_ID=x\n".encode(encoding)
    caller.env.write_bytes(content)
    assert caller.run(command) == 7
    assert ".env is not UTF-8 text." in caller.err
    assert len(caller.err.splitlines()) == 1
    assert caller.directory.calls == []
    assert caller.env.read_bytes() == content


def test_env_that_cannot_be_written_is_said_with_what_belongs_in_it(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    caller.env.write_text("X=1\n", encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr("os.fdopen", full)
        assert caller.run("apply") == 7
    assert "No space left on device" in caller.err
    assert f"API_CLIENT_ID={caller.directory.application(API)['appId']}" in caller.err
    assert caller.env.read_text(encoding="utf-8") == "X=1\n"
    assert not [path for path in caller.folder.glob(".env.*") if path.name != ".env.example"]


def test_env_behind_a_link_stays_behind_it(caller: Caller) -> None:
    target = caller.folder / "docs" / "settings"
    target.write_text("X=1\n", encoding="utf-8")
    caller.env.symlink_to(target)
    assert caller.run("apply") == 0
    assert caller.env.is_symlink()
    assert "API_CLIENT_ID=" in target.read_text(encoding="utf-8")
