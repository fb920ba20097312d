"""People of another tenant cannot sign in."""

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from dev.directory import CONTOSO
from tests.access import Bearer
from tests.conftest import ENTRA, Values
from tests.settings import refuses


@pytest.mark.parametrize("name", ["erin", "frank"])
def test_people_from_another_tenant_are_refused(
    client: TestClient, bearer: Bearer, name: str
) -> None:
    response = client.get("/api/me", headers=bearer(name))
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


def test_sign_in_address_is_that_of_the_tenant(values: Values) -> None:
    assert Settings.model_validate(values).sign_in_address == f"{ENTRA}/{CONTOSO.id}"


@pytest.mark.parametrize("value", ["common", "contoso.example", "*"])
def test_tenant_id_that_is_not_a_guid_is_refused(
    environment: pytest.MonkeyPatch, value: str
) -> None:
    refuses(environment, "entra_tenant_id", value)
