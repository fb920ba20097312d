"""People of every allowed tenant can sign in."""

from uuid import UUID

import pytest

from app.settings import Settings
from app.tenancy_multi import PERSONAL_ACCOUNTS
from dev.directory import CONTOSO, FABRIKAM
from tests.access import Bearer
from tests.conftest import ENTRA, Serve, Values
from tests.settings import refuses


def test_people_of_an_unlisted_tenant_are_refused(serve: Serve, bearer: Bearer) -> None:
    client = serve(allowed_tenant_ids=CONTOSO.id)
    assert client.get("/api/me", headers=bearer("bob")).status_code == 200
    assert client.get("/api/me", headers=bearer("frank")).status_code == 401


def test_star_allows_every_organisation(serve: Serve, bearer: Bearer) -> None:
    client = serve(allowed_tenant_ids="*")
    assert client.get("/api/me", headers=bearer("frank")).status_code == 200


@pytest.mark.parametrize(
    "tenants", ["*", str(PERSONAL_ACCOUNTS), f"{CONTOSO.id},{PERSONAL_ACCOUNTS}"]
)
def test_personal_accounts_are_refused_even_if_listed(values: Values, tenants: str) -> None:
    settings = Settings.model_validate(values | {"allowed_tenant_ids": tenants})
    assert not settings.allows_tenant(PERSONAL_ACCOUNTS)


def test_sign_in_address_is_open_to_every_organisation(values: Values) -> None:
    settings = Settings.model_validate(values)
    assert settings.sign_in_address == f"{ENTRA}/organizations"
    assert settings.allowed_tenant_ids == frozenset({UUID(CONTOSO.id), UUID(FABRIKAM.id)})


@pytest.mark.parametrize("value", ["common", "contoso.example", "*,*", " , "])
def test_tenant_ids_that_are_not_guids_are_refused(
    environment: pytest.MonkeyPatch, value: str
) -> None:
    refuses(environment, "allowed_tenant_ids", value)
