"""Customers of an external tenant can sign in: see docs/customers.md."""

from typing import Any

import jwt
import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from dev.directory import CONTOSO, FABRIKAM, person_called
from dev.entra import SCOPE, StandIn
from tests.conftest import DOCS_PAGE, Serve, Values

AUTHORITY = "https://contoso.ciamlogin.com"
ISSUER = f"https://{CONTOSO.id}.ciamlogin.com/{CONTOSO.id}/v2.0"
ADDRESS = f"{AUTHORITY}/{CONTOSO.id}"


class ExternalTenant(StandIn):
    """An external tenant, whose issuer has another host than its discovery document."""

    def __init__(self, issuer: str = ISSUER) -> None:
        super().__init__(AUTHORITY, [DOCS_PAGE])
        self._issuer = issuer

    def issuer(self, tenant_id: str) -> str:
        """Return the issuer of the tokens."""
        return self._issuer

    def token(self, **changes: Any) -> str:
        """Return a validly signed access token of a customer; the change None removes a claim."""
        token = self.access_token(person_called("bob"), DOCS_PAGE, frozenset({SCOPE}))
        claims = jwt.decode(token, options={"verify_signature": False}) | changes
        return self.sign({name: value for name, value in claims.items() if value is not None})


@pytest.fixture(scope="module")
def external() -> ExternalTenant:
    """Return the external tenant that these tests share."""
    return ExternalTenant()


@pytest.fixture
def client(serve: Serve, external: ExternalTenant) -> TestClient:
    """Return a client of a service for the customers of the external tenant."""
    return serve(external, entra_authority=AUTHORITY)


def status_of(client: TestClient, token: str) -> int:
    """Return the status of `/api/me` with this token."""
    return client.get("/api/me", headers={"Authorization": f"Bearer {token}"}).status_code


CUSTOMERS: dict[str, Values] = {
    "with an email address": {"acct": 0},
    "with an email address, without acct": {"acct": None},
    "from Google": {"acct": 0, "idp": "google.com"},
    "from Google, without acct": {"acct": None, "idp": "google.com"},
    "without a name": {"acct": None, "name": None, "preferred_username": None},
}


@pytest.mark.parametrize("changes", CUSTOMERS.values(), ids=CUSTOMERS)
def test_customer_is_accepted(
    client: TestClient, external: ExternalTenant, changes: Values
) -> None:
    assert status_of(client, external.token(**changes)) == 200


@pytest.mark.parametrize("idp", [None, "google.com"])
def test_invited_guest_is_refused(
    client: TestClient, external: ExternalTenant, idp: str | None
) -> None:
    assert status_of(client, external.token(acct=1, idp=idp)) == 403


ISSUERS = {
    "of ordinary tenants": f"https://login.microsoftonline.com/{CONTOSO.id}/v2.0",
    "on the host of the discovery document": f"{ADDRESS}/v2.0",
    "of another external tenant": f"https://{FABRIKAM.id}.ciamlogin.com/{FABRIKAM.id}/v2.0",
}


@pytest.mark.parametrize("issuer", ISSUERS.values(), ids=ISSUERS)
@pytest.mark.parametrize("tenant", [CONTOSO.id, FABRIKAM.id])
def test_other_issuer_is_refused(
    client: TestClient, external: ExternalTenant, issuer: str, tenant: str
) -> None:
    assert status_of(client, external.token(iss=issuer, tid=tenant)) == 401


@pytest.mark.parametrize(
    "host",
    ["host.example/x.ciamlogin.com", "ciamlogin.com", "x-ciamlogin.com", "x.ciamlogin.com.x"],
)
def test_issuer_that_only_resembles_an_external_tenant_is_an_ordinary_one(
    serve: Serve, host: str
) -> None:
    tenant = ExternalTenant(f"https://{host}/{CONTOSO.id}/v2.0")
    client = serve(tenant, entra_authority=AUTHORITY)
    assert status_of(client, tenant.token(acct=None, idp="google.com")) == 403
    assert status_of(client, tenant.token(acct=None)) == 200


def test_docs_page_signs_in_at_the_authority_and_may_connect_to_it(client: TestClient) -> None:
    schemes = client.get("/openapi.json").json()["components"]["securitySchemes"]
    flow = schemes["EntraID"]["flows"]["authorizationCode"]
    assert flow["authorizationUrl"] == f"{ADDRESS}/oauth2/v2.0/authorize"
    assert flow["tokenUrl"] == f"{ADDRESS}/oauth2/v2.0/token"
    policy = client.get("/docs").headers["content-security-policy"].split("; ")
    assert f"connect-src 'self' {AUTHORITY}" in policy


@pytest.mark.parametrize("given", ["https://Contoso.ciamlogin.com", f"{AUTHORITY}/"])
def test_host_of_an_external_tenant_is_a_valid_authority(values: Values, given: str) -> None:
    settings = Settings.model_validate(values | {"entra_authority": given})
    assert settings.sign_in_address == ADDRESS
