"""The types of arguments; each returns the value, or raises ArgumentTypeError."""

import re
from argparse import ArgumentTypeError

from registration.guid import GUID

LONGEST_URI = 256
PAGE = re.compile(
    r"(https://(?:[a-z0-9-]+\.)*[a-z0-9-]+|http://localhost)(?::([0-9]{1,5}))?"
    # Entra ID does not support other special characters in a redirect URI.
    r"((?:/[\w.~%&+=:@-]*)*)",
    re.ASCII | re.IGNORECASE,
)
PORTS = range(1, 65536)


def tenant_id(text: str) -> str:
    """Return the id or domain name of a tenant."""
    if not re.fullmatch(r"[0-9A-Za-z.-]+", text):
        raise ArgumentTypeError(f"{text!r} is invalid: expected a GUID or a domain name")
    return text


def redirect_uri(text: str) -> str:
    """Return a redirect URI that Entra ID accepts for a page."""
    if not re.fullmatch(r"https://[^\s*]+|http://localhost(:\d+)?(/[^\s*]*)?", text):
        raise ArgumentTypeError(
            f"{text!r} is invalid: expected https:// or http://localhost, and no * or space"
        )
    return text


def page(text: str) -> str:
    """Return the address of a page, with the origin as a browser writes it."""
    match = PAGE.fullmatch(text)
    port = int(match[2] or 0) if match else 0
    if not match or len(text) > LONGEST_URI or (match[2] and port not in PORTS):
        raise ArgumentTypeError(
            f"{text!r} is invalid: expected the https:// or http://localhost address of a page, "
            "without a query, a fragment or special characters"
        )
    origin, path = match[1].lower(), match[3]
    default = 443 if origin.startswith("https:") else 80
    return f"{origin}:{port}{path}" if port and port != default else f"{origin}{path}"


def daemon_name(text: str) -> str:
    """Return the name of a daemon."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,49}", text):
        raise ArgumentTypeError(
            f"{text!r} is invalid: expected 1 to 50 lower-case letters, digits and hyphens"
        )
    return text


def object_id(text: str) -> str:
    """Return a GUID, in lower case."""
    if not re.fullmatch(GUID, text):
        raise ArgumentTypeError(f"{text!r} is invalid: expected a GUID")
    return text.lower()
