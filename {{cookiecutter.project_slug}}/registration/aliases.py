"""The types that several files of this package share."""

from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Findings = Iterator[tuple[str, str]]
"""What a check found: what is wrong, and the remedy."""
SignIn = Callable[..., str]
"""Returns an access token, from a login host, a tenant, scopes and perhaps a client ID."""
