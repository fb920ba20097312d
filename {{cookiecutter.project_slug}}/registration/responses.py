"""What `register.py` reads in the responses of Microsoft Graph and Entra ID.

A shape is a type, a pattern that a text has to match, a list with the shape of its items, or an
object with the shapes of its members. A member whose name ends with `?` may be missing or null.
Whatever else a response contains is not checked.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2

from registration.guid import GUID

DEEPEST = 100
"""How many lists and objects of a JSON document may contain one another; Python limits recursion."""
LONGEST_EXCERPT = 60
EXPECTED = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    re.Pattern: "a GUID",
}

ID = re.compile(GUID)
URIS = {"redirectUris?": [str]}
CLAIMS = [{"name": str}]
APPLICATION = {
    "id": ID,
    "appId": ID,
    "displayName": str,
    "uniqueName?": str,
    "tags": [str],
    "identifierUris?": [str],
    "api": {
        "oauth2PermissionScopes": [{"id": ID, "value?": str, "isEnabled": bool}],
        "knownClientApplications?": [str],
        "preAuthorizedApplications?": [{"appId": str, "delegatedPermissionIds?": [str]}],
    },
    "appRoles": [{"id": ID, "value?": str, "isEnabled": bool, "allowedMemberTypes?": [str]}],
    "optionalClaims?": {"accessToken?": CLAIMS, "idToken?": CLAIMS, "saml2Token?": CLAIMS},
    "requiredResourceAccess?": [{"resourceAppId": str, "resourceAccess?": [{"id": str}]}],
    "spa?": URIS,
    "publicClient?": URIS,
    "web?": URIS,
    "keyCredentials?": [dict],
}
DELETED = {"id": ID, "appId": ID, "displayName": str, "uniqueName?": str, "tags?": [str]}
PRINCIPAL = {"id": ID, "tags?": [str], "accountEnabled?": bool}
IDENTITY = PRINCIPAL | {"appId": ID, "displayName": str, "servicePrincipalType": str}
CREDENTIAL = {"name": str, "issuer": str, "subject": str, "audiences": [str]}
ASSIGNMENT = {"principalId": ID, "appRoleId": ID, "principalDisplayName?": str}
GRANT = {"id": str, "consentType": str, "scope": str}
USER = {"id": ID, "userPrincipalName": str}
TENANT = {"id": ID, "displayName": str}
WRITTEN = {"id": str}
ERROR = {"error": {"code": str, "message": str}}
REFUSED = {"error_description": str}
DISCOVERY = {"issuer": str, "jwks_uri": str}
SIGNING_KEYS = {"keys": [dict]}


def content(response: httpx2.Response) -> Any:
    """Return the JSON document of a response, or its text if it has none.

    A document that could not be sent back or printed, such as one with a lone surrogate, counts as
    text.
    """
    try:
        found = json.loads(response.content)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
        if depth(found) <= DEEPEST:
            return found
    except (ValueError, RecursionError):
        pass
    return response.content.decode(errors="replace")


def depth(value: Any) -> int:
    """Return how many lists and objects contain one another."""
    parts = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, parts), default=0) if isinstance(value, dict | list) else 0


def faults(value: Any, shape: Any, at: str = "") -> Iterator[str]:
    """Yield what a value lacks to have a shape: where, what is there, and what should be there."""
    kind = shape if isinstance(shape, type) else type(shape)
    if kind is re.Pattern:
        fits = isinstance(value, str) and shape.fullmatch(value)
    else:
        fits = isinstance(value, kind)
    if not fits:
        yield f"{at or 'it'} is {shown(value)}, but should be {EXPECTED[kind]}"
    elif isinstance(shape, list):
        for number, item in enumerate(value):
            yield from faults(item, shape[0], f"{at}[{number}]")
    elif isinstance(shape, dict):
        for name, part in shape.items():
            key = name.removesuffix("?")
            if key == name or value.get(key) is not None:
                yield from faults(value.get(key), part, f"{at}.{key}".lstrip("."))


def shown(value: Any) -> str:
    """Return a value for a message: as JSON, and cut off if it is long."""
    text = "missing or null" if value is None else json.dumps(value)
    return text if len(text) <= LONGEST_EXCERPT else f"{text[:LONGEST_EXCERPT]}..."
