"""The cursor of a list: where the next page begins, in a form that clients pass back unread."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

CHECK_LENGTH = 8


class InvalidCursorError(ValueError):
    """The cursor was not made by this service for this list."""


def encode_cursor(last: UUID, tenant_id: UUID, owner_id: UUID | None) -> str:
    """Return the cursor behind the todo `last` in the list of this tenant and owner."""
    return urlsafe_b64encode(last.bytes + _check(last, tenant_id, owner_id)).decode()


def decode_cursor(cursor: str, tenant_id: UUID, owner_id: UUID | None) -> UUID:
    """Return the id of the todo that the next page follows.

    Raises InvalidCursorError for a cursor that is broken or belongs to another list. The check is
    against mistakes: a forged cursor gains nothing, because each query names its tenant and owner.
    """
    try:
        content = urlsafe_b64decode(cursor)
        last, check = UUID(bytes=content[:16]), content[16:]
    except ValueError as error:
        raise InvalidCursorError from error
    if check != _check(last, tenant_id, owner_id):
        raise InvalidCursorError
    return last


def _check(last: UUID, tenant_id: UUID, owner_id: UUID | None) -> bytes:
    of_list = last.bytes + tenant_id.bytes + (owner_id.bytes if owner_id else b"")
    return hashlib.blake2b(of_list, digest_size=CHECK_LENGTH).digest()
