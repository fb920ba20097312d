"""Pages of a list: the parameters of a request, and the cursor of the next page."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated
from uuid import UUID

from fastapi import Query
from fastapi.exceptions import RequestValidationError

CHECK_LENGTH = 8

Limit = Annotated[int, Query(ge=1, le=100, description="The maximum number of items.")]
After = Annotated[str | None, Query(max_length=100, description="`next` of the previous page.")]


def encode_cursor(last: UUID, *of_list: UUID) -> str:
    """Return the cursor for what follows the item `last` in the list that these ids identify.

    The ids are those to which the query is restricted, such as a tenant and an owner.
    """
    return urlsafe_b64encode(last.bytes + _check(last, of_list)).decode()


def decode_cursor(cursor: str | None, *of_list: UUID) -> UUID | None:
    """Return the id of the item after which the next page begins, or None without a cursor.

    Raises RequestValidationError for a cursor that is invalid or belongs to another list. The check
    finds mistakes; a forged cursor gains nothing, because every query is restricted anyway.
    """
    if cursor is None:
        return None
    try:
        content = urlsafe_b64decode(cursor)
        last, check = UUID(bytes=content[:16]), content[16:]
    except ValueError:
        raise _invalid() from None
    if check != _check(last, of_list):
        raise _invalid()
    return last


def _check(last: UUID, of_list: tuple[UUID, ...]) -> bytes:
    content = b"".join(part.bytes for part in (last, *of_list))
    return hashlib.blake2b(content, digest_size=CHECK_LENGTH).digest()


def _invalid() -> RequestValidationError:
    fault = {"type": "cursor", "loc": ("query", "after"), "msg": "Not a cursor for this list"}
    return RequestValidationError([fault])
