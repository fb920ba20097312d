"""`python -m dev.reference`: writes what documents say about settings and permissions.

The code is the source: `app/settings.py` and `app/permissions.py`. In a document, the text goes
between `<!-- made by dev.reference: NAME -->` and `<!-- end -->`; `.env.example` is written whole.
"""

import re
import textwrap
from pathlib import Path

from pydantic.fields import FieldInfo

from app.permissions import {{ "APP_ROLES, APPLICATION_PERMISSIONS, SCOPES" if cookiecutter.app_roles else "APPLICATION_PERMISSIONS, SCOPES" }}
from app.settings import Settings

PROJECT = Path(__file__).parent.parent
PART = re.compile(r"(<!-- made by dev\.reference: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = """\
# Copy this file to .env and fill it in, or let `uv run register.py apply` do so. `python -m dev` and
# the tests do not use it. OTEL_* variables belong in the real environment: libraries read them there.
# `uv run python -m dev.reference` writes this file.
"""
{% if cookiecutter.storage == "database" %}
COMPOSE = """
# For `docker compose` only: a password of letters and digits.
POSTGRES_PASSWORD=
"""
{% elif cookiecutter.storage == "memory" %}
COMPOSE = ""
{% endif %}


def default_of(field: FieldInfo) -> str | None:
    """Return the default of a setting as written in the environment, or None when it is required."""
    value = field.get_default()
    if field.is_required() or value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple | frozenset) else str(value)


def has_default(field: FieldInfo) -> bool:
    """Return whether a setting may be left out."""
    return default_of(field) is not None


def settings_table() -> str:
    """Return the table of settings."""
    lines = ["| name | default | expected |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = default_of(field)
        shown = "required" if default is None else f"`{default}`" if default else "empty"
        lines.append(f"| `{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines)


def scopes_table() -> str:
    """Return a table for each scope, as the portal asks for it."""
    tables = []
    for scope in SCOPES:
        rows = {
            "Scope name": f"`{scope.value}`",
            "Who can consent": "Admins and users",
            "Admin consent display name": scope.admin_consent_display_name,
            "Admin consent description": scope.admin_consent_description,
            "User consent display name": scope.user_consent_display_name,
            "User consent description": scope.user_consent_description,
            "State": "Enabled",
        }
        lines = [f"| {field} | {value} |" for field, value in rows.items()]
        tables.append("\n".join(["| field | value |", "|---|---|", *lines]))
    return "\n\n".join(tables)


def permissions_table() -> str:
    """Return the table of application permissions."""
    lines = [
        f"| {one.value} | `{one.value}` | {one.description} |" for one in APPLICATION_PERMISSIONS
    ]
    return "\n".join(["| display name | value | description |", "|---|---|---|", *lines])
{% if cookiecutter.app_roles %}


def roles_table() -> str:
    """Return the table of app roles."""
    lines = [f"| {role.value} | `{role.value}` | {role.description} |" for role in APP_ROLES]
    return "\n".join(["| display name | value | description |", "|---|---|---|", *lines])
{% endif %}


def env_example() -> str:
    """Return `.env.example`: the settings to fill in, then those with a default, as comments."""
    parts = [HEAD]
    required_first = sorted(Settings.model_fields.items(), key=lambda item: has_default(item[1]))
    for name, field in required_first:
        comment = textwrap.wrap(f"{field.description}.", 98)
        default = default_of(field)
        example = next(iter(field.examples or ()), "")
        line = f"{name.upper()}={example}" if default is None else f"# {name.upper()}={default}"
        parts.append("\n".join([*(f"# {text}" for text in comment), line, ""]))
    return "\n".join(parts) + COMPOSE


MAKERS = {
    "settings": settings_table,
    "scopes": scopes_table,
    "permissions": permissions_table,
{% if cookiecutter.app_roles %}
    "roles": roles_table,
{% endif %}
}


def texts() -> dict[Path, str]:
    """Return what the files should say, by their paths."""
    pages = {path: path.read_text(encoding="utf-8") for path in PROJECT.glob("docs/*.md")}
    made = {
        path: PART.sub(lambda part: f"{part[1]}{MAKERS[part[2]]()}\n{part[3]}", text)
        for path, text in pages.items()
        if PART.search(text)
    }
    return made | {PROJECT / ".env.example": env_example()}


if __name__ == "__main__":
    for file, content in texts().items():
        file.write_text(content, encoding="utf-8", newline="\n")
        print(f"{file.relative_to(PROJECT).as_posix()}: up to date")
