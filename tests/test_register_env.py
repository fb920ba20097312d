"""How `register.py` reads and writes `.env`."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


def test_key_behind_a_byte_order_mark_is_found(caller: Caller) -> None:
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
    "an unreadable line": b"X=1\r\n'unfinished\r\nY=2\r\n",
}


@each_variant
@pytest.mark.parametrize("text", ENV_FILES.values(), ids=ENV_FILES)
def test_other_lines_of_env_are_kept(caller: Caller, text: bytes) -> None:
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


def test_new_env_starts_as_the_example_and_changes_are_listed(caller: Caller) -> None:
    caller.run("apply")
    example = (caller.folder / ".env.example").read_text(encoding="utf-8")
    text = caller.env.read_text(encoding="utf-8")
    assert re.sub(r"(_ID)=.+", r"\1=", text) == example
    old = caller.values()["API_CLIENT_ID"]
    caller.env.write_text(text.replace(old, TENANT["id"]), encoding="utf-8")
    caller.run("plan")
    assert f"~ API_CLIENT_ID: {TENANT['id']} -> {old}" in caller.out


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such mode: see docs/windows.md")
def test_env_that_others_can_read_is_restricted(caller: Caller) -> None:
    caller.run("apply")
    caller.env.chmod(0o644)
    caller.run("apply")
    assert "~ mode: readable only by its owner" in caller.out


@pytest.mark.usefixtures("nothing_given")
def test_allowed_tenants_are_kept(variant: Variant, tmp_path: Path) -> None:
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
def test_env_in_another_encoding_stops_a_command_before_any_request(
    caller: Caller, command: str, encoding: str
) -> None:
    content = "# für Entra\nAPI_CLIENT_ID=x\n".encode(encoding)
    caller.env.write_bytes(content)
    assert caller.run(command) == 7
    assert ".env is not UTF-8 text." in caller.err
    assert len(caller.err.splitlines()) == 1
    assert caller.directory.calls == []
    assert caller.env.read_bytes() == content


def test_values_for_an_unwritable_env_are_printed(
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


def test_symbolic_link_to_env_is_kept(caller: Caller) -> None:
    target = caller.folder / "docs" / "settings"
    target.write_text("X=1\n", encoding="utf-8")
    caller.env.symlink_to(target)
    assert caller.run("apply") == 0
    assert caller.env.is_symlink()
    assert "API_CLIENT_ID=" in target.read_text(encoding="utf-8")


OLD = "a9100000-0000-4000-8000-000000000001"
IN_PLACE = {
    "lower case": ("api_client_id={old}\n", "api_client_id={new}\n"),
    "mixed case": ("Api_Client_Id={old}\n", "Api_Client_Id={new}\n"),
    "export": ("  export API_CLIENT_ID={old}\n", "  export API_CLIENT_ID={new}\n"),
    "blanks": ("API_CLIENT_ID = {old}  \n", "API_CLIENT_ID={new}\n"),
    "double quotes": ('API_CLIENT_ID="{old}"\n', "API_CLIENT_ID={new}\n"),
    "single quotes": ("'API_CLIENT_ID'='{old}'\n", "'API_CLIENT_ID'={new}\n"),
    "several lines": ('API_CLIENT_ID="{old}\nX=2"\nY=3\n', "API_CLIENT_ID={new}\nY=3\n"),
    "a comment": ("API_CLIENT_ID={old} # mine\n", "API_CLIENT_ID={new}\n"),
    "CRLF": ("X=1\r\nAPI_CLIENT_ID={old}\r\nY=2\r\n", "X=1\r\nAPI_CLIENT_ID={new}\r\nY=2\r\n"),
    "blank lines": (
        "X=1\n\n\nAPI_CLIENT_ID={old}\n\n\n#\n",
        "X=1\n\n\nAPI_CLIENT_ID={new}\n\n\n#\n",
    ),
    "twice": (
        "API_CLIENT_ID={old}\nAPI_CLIENT_ID={old}\n",
        "API_CLIENT_ID={new}\nAPI_CLIENT_ID={new}\n",
    ),
    "twice, the last right": ("api_client_id={old}\nAPI_CLIENT_ID={new}\n",) * 2,
    "right in quotes": ("API_CLIENT_ID='{new}' # mine\r\n",) * 2,
    "right, from another": ("MINE={new}\nAPI_CLIENT_ID=${{MINE}}\n",) * 2,
    "no newline at the end": ("API_CLIENT_ID={old}", "API_CLIENT_ID={new}"),
    "a byte order mark": ("\ufeffAPI_CLIENT_ID={old}\n", "\ufeffAPI_CLIENT_ID={new}\n"),
}
"""Lines of `.env` before and after the client id in them is replaced."""


@pytest.mark.parametrize(("before", "after"), IN_PLACE.values(), ids=IN_PLACE)
def test_only_the_value_is_replaced(caller: Caller, before: str, after: str) -> None:
    caller.run("apply")
    values = caller.values()
    ids = {"old": OLD, "new": values["API_CLIENT_ID"]}
    others = [f"{name}={values[name]}" for name in ("ENTRA_TENANT_ID", "SWAGGER_UI_CLIENT_ID")]

    def content(text: str) -> bytes:
        mark = "\ufeff" * text.startswith("\ufeff")
        return (mark + "\n".join([*others, text.removeprefix(mark)])).format(**ids).encode()

    caller.env.write_bytes(content(before))
    assert caller.run("apply") == 0, caller.err
    assert caller.env.read_bytes() == content(after)
    assert caller.values()["API_CLIENT_ID"] == ids["new"]
    assert caller.run("plan") == 0
    assert ".env: up to date" in caller.out


def test_new_variable_uses_the_line_ending_of_the_file(caller: Caller) -> None:
    for end in ("\n", "\r\n"):
        for last in (end, ""):
            caller.env.write_bytes(f"\ufeffX=1{end}{end}Y=2{last}".encode())
            assert caller.run("apply") == 0
            appended = "".join(
                f"{name}={caller.values()[name]}{end}"
                for name in ("ENTRA_TENANT_ID", "API_CLIENT_ID", "SWAGGER_UI_CLIENT_ID")
            )
            assert caller.env.read_bytes() == f"\ufeffX=1{end}{end}Y=2{end}{appended}".encode()


NAMES = ["API_CLIENT_ID", "api_client_id", "SWAGGER_UI_CLIENT_ID", "OTHER", "# API_CLIENT_ID"]
LINES = st.tuples(
    st.sampled_from(["", "export ", "  ", "\n"]),
    st.sampled_from(NAMES),
    st.sampled_from(["", "=", " = "]),
    st.sampled_from(["", "x", "'a # b'", '"a\\nb"', "a#b # c", "'", '"x\ny"', "Zoë"]),
    st.sampled_from(["\n", "\r\n", "\n\n", "\r"]),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES.map("".join), max_size=6), mark=st.sampled_from(["", "\ufeff"]))
def test_service_reads_the_written_values_and_all_others_are_unchanged(
    caller: Caller, lines: list[str], mark: str
) -> None:
    text = mark + "".join(lines)
    caller.env.write_bytes(text.encode())
    before = caller.values()
    ids = {"API_CLIENT_ID": "1", "SWAGGER_UI_CLIENT_ID": "2"}
    written = caller.env_with(text, ids)
    caller.env.write_bytes(written.encode())
    assert caller.values() == before | ids
    assert caller.env_with(written, ids) == written
    assert written.startswith(mark)


def test_folder_called_env_stops_apply_before_any_request(caller: Caller) -> None:
    caller.env.mkdir()
    assert caller.run("apply") == 7
    assert ".env cannot be read" in caller.err
    assert caller.directory.calls == []
