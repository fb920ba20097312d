"""Refuse invalid answers before any file is written."""

import re
import sys
import unicodedata
from pathlib import Path

ANSWERS = {
    "project_name": {{ cookiecutter.project_name | string | python_string }},
    "project_slug": {{ cookiecutter.project_slug | string | python_string }},
    "description": {{ cookiecutter.description | string | python_string }},
    "author_name": {{ cookiecutter.author_name | string | python_string }},
    "tenancy": {{ cookiecutter.tenancy | string | python_string }},
    "app_roles": {{ cookiecutter.app_roles | string | python_string }},
    "storage": {{ cookiecutter.storage | string | python_string }},
    "deployment": {{ cookiecutter.deployment | string | python_string }},
    "mcp": {{ cookiecutter.mcp | string | python_string }},
}

# Names of packages that the project installs, and of Windows devices.
RESERVED_SLUGS = frozenset({{ reserved_slugs }})

TEXT_LENGTHS = {"project_name": (1, 60), "description": (0, 200), "author_name": (1, 80)}
CHOICES = {
    "tenancy": ("single-tenant", "multi-tenant"),
    "app_roles": ("True", "False"),
    "storage": ("database", "memory"),
    "deployment": ("none", "azure-container-apps"),
    "mcp": ("True", "False"),
}
SLUG = re.compile(r"[a-z](?:[a-z0-9-]{0,48}[a-z0-9])?")
TEMPLATE_MARKS = ("{" "{", "{" "%", "{" "#")
BIDIRECTIONAL_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def text_fault(text: str, shortest: int, longest: int) -> str | None:
    """Return why `text` is invalid, or None."""
    if not shortest <= len(text) <= longest:
        return f"must have {shortest} to {longest} characters, not {len(text)}"
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp"):
            return "must be a single line without control characters"
        if char in BIDIRECTIONAL_CONTROLS:
            return "must not contain bidirectional control characters"
    if any(mark in text for mark in TEMPLATE_MARKS):
        return "must not contain template delimiters such as two opening braces"
    return None


def slug_fault(slug: str) -> str | None:
    """Return why `slug` is invalid, or None."""
    if not SLUG.fullmatch(slug):
        return (
            "must have 1 to 50 lower-case letters, digits and hyphens, "
            "start with a letter and not end with a hyphen"
        )
    if slug in RESERVED_SLUGS:
        return "must not be the name of a package that the project installs, or of a Windows device"
    return None


def faults(answers: dict[str, str]) -> list[str]:
    """Return a sentence for each invalid answer, without its full stop."""
    found = {key: text_fault(answers[key], *TEXT_LENGTHS[key]) for key in TEXT_LENGTHS}
    found["project_slug"] = slug_fault(answers["project_slug"])
    for key, choices in CHOICES.items():
        if answers[key] not in choices:
            found[key] = f"must be one of {', '.join(choices)}"
    return [f"{key} {fault}; got {answers[key]!a}" for key, fault in found.items() if fault]


if __name__ == "__main__":
    sentences = faults(ANSWERS)
    for sentence in sentences:
        print(f"ERROR: {sentence}.", file=sys.stderr)
    if not sentences and not any(Path.cwd().iterdir()):
        # Lets the post-generation hook remove this project, which is new, on Ctrl-C.
        Path(".unfinished-render").touch()
    sys.exit(1 if sentences else 0)
