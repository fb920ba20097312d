"""The request's log line: who called, with which application, and why it was refused."""

import logging
from typing import Any
from uuid import UUID

import jwt
import pytest
from fastapi.testclient import TestClient

from dev.directory import DAEMONS, DOCS_CLIENT_ID, person_called
from dev.entra import SCOPE, StandIn
from tests.conftest import DOCS_PAGE

BLUEPRINT = "30cf4c22-9985-4ef7-8756-91cc888176bd"
FIELDS = ("tenant_id", "object_id", "client_id", "daemon", "agent", "blueprint_id", "refused")


def line_of(
    client: TestClient, caplog: pytest.LogCaptureFixture, token: str | None
) -> dict[str, Any]:
    """Call `/api/me` with this token; return the fields about the caller in the request's line."""
    caplog.set_level(logging.INFO, "app.requests")
    caplog.clear()
    client.get("/api/me", headers={"Authorization": f"Bearer {token}"} if token else {})
    (record,) = (record for record in caplog.records if record.message == "request")
    fields = record.__dict__
    return {name: fields[name] for name in FIELDS if name in fields}


def bobs(entra: StandIn, **changes: Any) -> str:
    """Return bob's token with these claims."""
    token = entra.access_token(person_called("bob"), DOCS_PAGE, frozenset({SCOPE}))
    return entra.sign(jwt.decode(token, options={"verify_signature": False}) | changes)


def test_line_names_person_and_application(
    client: TestClient, entra: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    bob = person_called("bob")
    assert line_of(client, caplog, bobs(entra)) == {
        "tenant_id": UUID(bob.tenant.id),
        "object_id": UUID(bob.object_id),
        "client_id": UUID(DOCS_CLIENT_ID),
    }


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (("3 9 11", BLUEPRINT), {"agent": True, "blueprint_id": UUID(BLUEPRINT)}),
        (("11", "x"), {"agent": True, "blueprint_id": None}),
        (("3 9 111", BLUEPRINT), {}),
        ((11, BLUEPRINT), {}),
    ],
    ids=["agent", "agent with a malformed blueprint", "another facet", "not text"],
)
def test_line_names_the_blueprint_of_an_agent(
    client: TestClient,
    entra: StandIn,
    caplog: pytest.LogCaptureFixture,
    claims: tuple[object, str],
    expected: dict[str, Any],
) -> None:
    token = bobs(entra, xms_act_fct=claims[0], xms_par_app_azp=claims[1])
    line = line_of(client, caplog, token)
    assert {name: line[name] for name in ("agent", "blueprint_id") if name in line} == expected


def test_line_of_a_daemon_says_so(
    client: TestClient, entra: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    line = line_of(client, caplog, entra.app_only_token(DAEMONS[0]))
    assert (line["daemon"], line["refused"]) == (True, "scope")
    assert line["client_id"] == UUID(DAEMONS[0].client_id)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": 1}, "expired"),
        ({"nbf": 4_000_000_000}, "not_yet_valid"),
        ({"aud": DOCS_CLIENT_ID}, "audience"),
        ({"ver": "1.0"}, "version"),
        ({"tid": DOCS_CLIENT_ID}, "tenant"),
        ({"iss": "https://login.example"}, "issuer"),
        ({"oid": "bob"}, "claims"),
        ({"scp": ""}, "scope"),
        ({"acct": 1}, "guest"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_line_of_a_refused_token_has_a_code_and_nothing_of_the_token(
    client: TestClient,
    entra: StandIn,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    code: str,
) -> None:
    token = bobs(entra, **changes)
    assert line_of(client, caplog, token)["refused"] == code
    assert not any(part in caplog.text for part in token.split("."))
    assert "Bob" not in caplog.text


@pytest.mark.parametrize(
    ("token", "code"), [(None, "no_token"), ("a.b.c", "signature")], ids=["none", "malformed"]
)
def test_line_without_a_verified_token_names_nobody(
    client: TestClient, caplog: pytest.LogCaptureFixture, token: str | None, code: str
) -> None:
    assert line_of(client, caplog, token) == {"refused": code}
