"""The email address of the caller."""

from collections.abc import Callable
from typing import Annotated, Any

import jwt
import pytest
from app.identity.access import require_caller
from app.identity.caller import Caller
from dev.directory import docs_page, person_called
from dev.entra import API_SCOPES, StandIn
from fastapi import APIRouter, Security
from fastapi.testclient import TestClient


async def email(caller: Annotated[Caller, Security(require_caller)]) -> Any:
    """Return the address."""
    return caller.email


router = APIRouter()
router.add_api_route("/email", email)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [({"email": "bob@contoso.example"}, "bob@contoso.example"), ({}, None), ({"email": 1}, None)],
    ids=["text", "missing", "number"],
)
def test_address_comes_from_the_token(
    entra: StandIn, build: Callable[..., Any], claims: dict[str, Any], expected: str | None
) -> None:
    token = entra.access_token(person_called("bob"), docs_page(8000), API_SCOPES)
    signed = entra.sign(jwt.decode(token, options={"verify_signature": False}) | claims)
    with TestClient(build(routers=[router])) as client:
        response = client.get("/email", headers={"Authorization": f"Bearer {signed}"})
    assert response.json() == expected
