"""Compare the current state with the wanted state, and merge them."""

from collections.abc import Iterator
from typing import Any

from registration.aliases import Json

KEYS = ("value", "name", "appId", "resourceAppId", "id")
"""The properties that identify an item of a list; the first that an item has counts."""


def merged(current: Any, wanted: Any) -> Any:
    """Return the current state with the wanted state merged in; additions of others are kept."""
    if isinstance(wanted, dict):
        current = current or {}
        return current | {key: merged(current.get(key), value) for key, value in wanted.items()}
    if not isinstance(wanted, list):
        return wanted
    items = list(current or [])
    for new in wanted:
        at = next((at for at, old in enumerate(items) if same(old, new)), None)
        if at is None:
            items.append(new)
        elif isinstance(new, dict):
            kept = {"id": items[at]["id"]} if "id" in items[at] else {}
            items[at] = merged(items[at], new | kept)
    return items


def same(old: Any, new: Any) -> bool:
    """Whether two items of a list identify the same thing."""
    if key_of(old) == key_of(new):
        return True
    return isinstance(new, dict) and "id" in new and old.get("id") == new["id"]


def key_of(item: Any) -> tuple[str, Any]:
    """Return the property that identifies an item of a list, and its value."""
    if not isinstance(item, dict):
        return "", item
    return next(((key, item[key]) for key in KEYS if key in item), ("", item))


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of each value that differs, and a line that shows the difference."""
    if isinstance(new, dict):
        for key, value in new.items():
            before = old.get(key) if isinstance(old, dict) else None
            yield from differences(before, value, f"{path}.{key}" if path else key)
    elif isinstance(new, list):
        for item in new:
            before = next((before for before in old or [] if same(before, item)), None)
            if before is None:
                yield path, f"+ {path}: {key_of(item)[1]}"
            else:
                yield from differences(before, item, path)
        for item in old or []:
            if isinstance(item, str) and item not in new:
                yield path, f"- {path}: {item}"
    elif old != new:
        yield path, f"+ {path}: {new}" if old is None else f"~ {path}: {old} -> {new}"


def changes(found: Json, wanted: Json) -> Json:
    """Return the properties to send, each in full, to bring an object to the wanted state."""
    result = merged(found, wanted)
    for uri in wanted.get("spa", {}).get("redirectUris", []):
        # Entra ID allows a redirect URI on one platform only, and a page needs it under `spa`.
        for platform in ("web", "publicClient"):
            uris = (result.get(platform) or {}).get("redirectUris") or []
            if uri in uris:
                kept = [other for other in uris if other != uri]
                result[platform] = result[platform] | {"redirectUris": kept}
                result[platform].pop("redirectUriSettings", None)
    return {key: value for key, value in result.items() if value != found.get(key)}


def switched_off(old: Any, new: Any) -> Any:
    """Return the current state, with each enabled item that is about to change disabled."""
    if isinstance(old, dict):
        return {key: switched_off(value, new.get(key, value)) for key, value in old.items()}
    if not isinstance(old, list):
        return old
    return [
        item | {"isEnabled": False}
        if isinstance(item, dict) and item.get("isEnabled") and item not in new
        else item
        for item in old
    ]
