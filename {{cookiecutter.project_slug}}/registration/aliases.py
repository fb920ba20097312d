"""Types that several modules of this package share."""

from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Findings = Iterator[tuple[str, str]]
"""The problems that a check found, each with its remedy."""
SignIn = Callable[..., str]
"""Returns an access token for a login host, a tenant, scopes and, optionally, a client id."""
