"""Read `.env` as the service does, and write to it without touching other lines."""

import io
import os
import re
import tempfile
from pathlib import Path

from dotenv.parser import parse_stream

from app.env_file import EnvFileError, check_env_file, read_env_file
from registration.errors import ENV_FAULT, RegisterError

ENV_FILE = Path(__file__).parent.parent / ".env"
BYTE_ORDER_MARK = "\ufeff"
LINE = re.compile(
    r"(?P<before>\s*(?:export[^\S\r\n]+)?)(?P<name>'[^']+'|[^=#\s]+).*?(?P<end>\r\n|\n|\r|)",
    re.DOTALL,
)
"""An assignment to a variable, with the blank lines before it."""


def env_path() -> Path:
    """Return `.env`, or `.env.example` if `.env` does not exist yet."""
    return ENV_FILE if ENV_FILE.exists() else ENV_FILE.with_name(".env.example")


def env_text() -> str:
    """Return the text of `.env` or `.env.example`, with its byte order mark and line endings.

    Raises RegisterError when it cannot be read as UTF-8 text.
    """
    path = env_path()
    try:
        check_env_file(path)
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except EnvFileError as error:
        fault = str(error)
    except OSError as error:
        fault = f"{path.name} cannot be read ({error.strerror})."
    raise RegisterError(
        f"{fault} The file was not changed: repair or remove it, then run this command again.",
        ENV_FAULT,
    )


def env_values() -> dict[str, str]:
    """Return the variables of `.env` or `.env.example` by upper-case name, as the service does.

    Raises RegisterError when it cannot be read as UTF-8 text.
    """
    env_text()
    return read_env_file(env_path())


def effective_values() -> dict[str, str]:
    """Return the settings as the service reads them: the environment overrides `.env`."""
    return env_values() | {name.upper(): value for name, value in os.environ.items() if value}


def authority_in(env: dict[str, str], login: str) -> str:
    """Return the sign-in host in the settings, or this one if they name none."""
    return (env.get("ENTRA_AUTHORITY") or login).rstrip("/")


def env_with(text: str, values: dict[str, str]) -> str:
    """Return the text with these values, replaced where they are set or added at the end.

    Like the service, this ignores the case of names.
    """
    mark, body = text[: text.startswith(BYTE_ORDER_MARK)], text.removeprefix(BYTE_ORDER_MARK)
    lines, missing = [], dict(values)
    for binding in parse_stream(io.StringIO(body, newline="")):
        name, original = (binding.key or "").upper(), binding.original.string
        missing.pop(name, None)
        match = LINE.fullmatch(original) if name in values else None
        if match:
            lines.append(f"{match['before']}{match['name']}={values[name]}{match['end']}")
        else:
            lines.append(original)
    written = "".join(lines)
    end = "\r\n" if "\r\n" in body else "\n"
    if missing and written and not written.endswith(("\n", "\r")):
        written += end
    return mark + written + "".join(f"{name}={value}{end}" for name, value in missing.items())


def replace(path: Path, text: str) -> None:
    """Replace a file atomically."""
    handle, name = tempfile.mkstemp(prefix=".env.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def listed(value: str) -> list[str]:
    """Return the items of a comma-separated setting, in lower case."""
    return [part.strip().lower() for part in value.split(",") if part.strip()]
