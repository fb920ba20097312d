"""Reads `.env`, for the service and for the commands that share its settings.

`python -m app.env_file NAME` prints the value of a variable in it.
"""

import sys
from pathlib import Path

from dotenv import dotenv_values

ENV_FILE = Path(".env")
ENCODING = "utf-8-sig"
"""UTF-8, with or without the byte order mark that some Windows tools write."""


class EnvFileError(Exception):
    """The file cannot be read; the message says why, and what to do."""


def read_env_file(path: Path = ENV_FILE) -> dict[str, str]:
    """Return the variables of an environment file by upper-case name; none if it does not exist.

    Raises EnvFileError when the file cannot be read as UTF-8 text.
    """
    check_env_file(path)
    values = dotenv_values(path, encoding=ENCODING) if path.is_file() else {}
    return {name.upper(): value or "" for name, value in values.items()}


def check_env_file(path: Path = ENV_FILE) -> None:
    """Raise EnvFileError when the file exists and cannot be read as UTF-8 text."""
    try:
        text = path.read_text(ENCODING) if path.is_file() else ""
    except OSError as error:
        raise EnvFileError(
            f"{path.name} cannot be read ({error.strerror}). Give the user that runs this command "
            "permission to read it."
        ) from None
    except UnicodeDecodeError:
        text = "\0"
    # UTF-16 without a byte order mark is valid UTF-8 with a NUL in every other place.
    if "\0" in text:
        raise EnvFileError(f"{path.name} is not UTF-8 text. Save it again with the encoding UTF-8.")


def main() -> None:
    """Print the value of the variable that the command line names."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit("usage: python -m app.env_file NAME")
    try:
        values = read_env_file()
    except EnvFileError as error:
        sys.exit(str(error))
    name = sys.argv[1]
    if not values.get(name):
        sys.exit(f"{name} has no value in {ENV_FILE}. Set it there.")
    print(values[name])  # noqa: T201


if __name__ == "__main__":
    main()
