"""Explain errors of Entra ID."""

import re
from pathlib import Path

from registration.errors import USAGE, RegisterError

GUIDE = Path(__file__).parent.parent / "docs" / "troubleshooting.md"
ERRORS = "https://login.microsoftonline.com/error?code="


def explain(text: str) -> int:
    """Print what docs/troubleshooting.md says about each error code in a text."""
    rows = GUIDE.read_text(encoding="utf-8").splitlines() if GUIDE.exists() else []
    numbers = re.findall(r"AADSTS(\d+)", text) or re.findall(r"\d{4,}", text)
    if not numbers:
        raise RegisterError(
            f"{text!r} contains no error code of Entra ID. Expected one such as AADSTS50011.", USAGE
        )
    for number in dict.fromkeys(numbers):
        row = next((row for row in rows if re.match(rf"\|.*AADSTS{number}\b.*\|.*\|", row)), "")
        parts = [part.strip() for part in row.strip("|").split("|")]
        told = parts if row else [f"AADSTS{number}", f"See {ERRORS}{number}"]
        print("\n  ".join(told))
    return 0
