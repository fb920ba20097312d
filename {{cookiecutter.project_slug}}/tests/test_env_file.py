"""`.env` as editors and shells write it: all that read it agree on its values, or refuse it."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.env_file import EnvFileError, read_env_file
from app.settings import SettingsError, load_settings
from dev.directory import API_CLIENT_ID
from tests.conftest import Values
from tests.settings import NOT_UTF_8, UNREADABLE

OTHER_ID = "0" * 8 + API_CLIENT_ID[8:]
FORMS = {
    "plain": "{name}={value}\n",
    "CRLF": "{name}={value}\r\n",
    "double quotes": '{name}="{value}"\n',
    "single quotes": "{name}='{value}'\n",
    "export": "export {name}={value}\n",
    "spaces": "  {name} = {value}  \n\n",
    "comment": "# a comment\n{name}={value} # another\n",
    "lower case": "{lower}={value}\n",
    "no final newline": "# a comment\n{name}={value}",
}
ENCODINGS = {"UTF-8": "utf-8", "UTF-8 with a byte order mark": "utf-8-sig"}


@pytest.fixture(autouse=True)
def folder(values: Values, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the current folder; the environment has the settings in `values`, except API_CLIENT_ID."""
    for name, value in values.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.delenv("API_CLIENT_ID")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(name: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m app.env_file` in the current folder; return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "app.env_file", name],
        env={"PYTHONPATH": str(Path(__file__).parent.parent), "SYSTEMROOT": "C:\\Windows"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_settings_and_command_read_the_same_value(folder: Path, form: str, encoding: str) -> None:
    text = form.format(name="API_CLIENT_ID", lower="api_client_id", value=API_CLIENT_ID)
    (folder / ".env").write_bytes(text.encode(encoding))
    assert read_env_file()["API_CLIENT_ID"] == API_CLIENT_ID
    assert str(load_settings().api_client_id) == API_CLIENT_ID


def test_last_value_of_a_repeated_key_wins(folder: Path) -> None:
    lines = [f"API_CLIENT_ID={value}\n" for value in (OTHER_ID, API_CLIENT_ID)]
    (folder / ".env").write_text("".join(lines))
    assert read_env_file()["API_CLIENT_ID"] == API_CLIENT_ID
    assert str(load_settings().api_client_id) == API_CLIENT_ID


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_other_encoding_is_refused_with_a_remedy(folder: Path, content: bytes) -> None:
    (folder / ".env").write_bytes(content)
    with pytest.raises(EnvFileError, match=NOT_UTF_8):
        read_env_file()
    with pytest.raises(SettingsError, match=NOT_UTF_8):
        load_settings()


def test_command_prints_the_value(folder: Path) -> None:
    (folder / ".env").write_bytes(f'export API_CLIENT_ID="{API_CLIENT_ID}"\r\n'.encode("utf-8-sig"))
    assert printed("API_CLIENT_ID").stdout == f"{API_CLIENT_ID}\n"


@pytest.mark.parametrize(
    "content",
    [b"", b"API_CLIENT_ID=\n", UNREADABLE["UTF-16"]],
    ids=["empty file", "empty value", "UTF-16"],
)
def test_command_without_a_value_fails_with_one_line(folder: Path, content: bytes) -> None:
    (folder / ".env").write_bytes(content)
    ended = printed("API_CLIENT_ID")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert len(ended.stderr.splitlines()) == 1
