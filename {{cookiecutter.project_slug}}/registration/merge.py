"""Comparing what is there with what is wanted, and putting the one into the other."""

from collections.abc import Iterator
from typing import Any

from registration.aliases import Json

KEYS = ("value", "name", "appId", "resourceAppId", "id")
"""The properties that tell the items of a list apart: the first that an item has counts."""


def merged(current: Any, wanted: Any) -> Any:
    """Return what is there with what is wanted put into it: what others added is kept."""
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
    """Whether two items of a list are about the same thing."""
    if key_of(old) == key_of(new):
        return True
    return isinstance(new, dict) and "id" in new and old.get("id") == new["id"]


def key_of(item: Any) -> tuple[str, Any]:
    """Return what tells an item of a list from the others: the property and its value."""
    if not isinstance(item, dict):
        return "", item
    return next((key, item[key]) for key in KEYS if key in item)


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of each value that differs, and a line that shows how."""
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
    """Return the properties to send, each whole, that make an object what is wanted."""
    result = merged(found, wanted)
    for uri in wanted.get("spa", {}).get("redirectUris", []):
        # A redirect URI belongs to one platform, and that of a page has to be a page's.
        for platform in ("web", "publicClient"):
            uris = (result.get(platform) or {}).get("redirectUris", [])
            if uri in uris:
                kept = [other for other in uris if other != uri]
                result[platform] = result[platform] | {"redirectUris": kept}
                result[platform].pop("redirectUriSettings", None)
    return {key: value for key, value in result.items() if value != found.get(key)}


def switched_off(old: Any, new: Any) -> Any:
    """Return what is there, with the enabled items disabled that are about to change."""
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
