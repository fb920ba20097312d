"""People of the tenants on the list sign in, and no tenant sees another's todos."""

from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from app.settings import PERSONAL_ACCOUNTS, Settings
from dev.directory import CONTOSO, FABRIKAM
from tests.access import Bearer, titles, todo_of
from tests.conftest import ENTRA, Serve, Values


def test_people_of_both_tenants_have_todos_of_their_own(client: TestClient, bearer: Bearer) -> None:
    for name in ("bob", "frank"):
        todo_of(client, bearer, name)
    assert titles(client, bearer, "bob") == ["bob's"]
    assert titles(client, bearer, "frank") == ["frank's"]


@pytest.mark.parametrize("name", ["erin", "frank"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_another_tenants_todo_does_not_exist(
    client: TestClient, bearer: Bearer, name: str, method: str
) -> None:
    path = todo_of(client, bearer, "bob")
    body = {"done": True} if method == "PATCH" else None
    assert client.request(method, path, headers=bearer(name), json=body).status_code == 404
    assert client.get(path, headers=bearer("bob")).json()["done"] is False
{% if cookiecutter.app_roles %}


def test_an_admin_is_admin_of_their_own_tenant(client: TestClient, bearer: Bearer) -> None:
    todo_of(client, bearer, "bob")
    assert titles(client, bearer, "erin") == []
    assert client.delete("/api/todos", headers=bearer("erin")).status_code == 204
    assert titles(client, bearer, "bob") == ["bob's"]
{% endif %}


def test_people_of_a_tenant_that_is_not_on_the_list_are_refused(
    serve: Serve, bearer: Bearer
) -> None:
    client = serve(allowed_tenant_ids=CONTOSO.id)
    assert client.get("/api/me", headers=bearer("bob")).status_code == 200
    assert client.get("/api/me", headers=bearer("frank")).status_code == 401


def test_a_star_lets_every_organisation_in(serve: Serve, bearer: Bearer) -> None:
    client = serve(allowed_tenant_ids="*")
    assert client.get("/api/me", headers=bearer("frank")).status_code == 200


@pytest.mark.parametrize(
    "tenants", ["*", str(PERSONAL_ACCOUNTS), f"{CONTOSO.id},{PERSONAL_ACCOUNTS}"]
)
def test_personal_accounts_are_refused_whatever_the_list_says(values: Values, tenants: str) -> None:
    settings = Settings.model_validate(values | {"allowed_tenant_ids": tenants})
    assert not settings.allows_tenant(PERSONAL_ACCOUNTS)


def test_sign_in_happens_where_every_organisation_may(values: Values) -> None:
    settings = Settings.model_validate(values)
    assert settings.sign_in_address == f"{ENTRA}/organizations"
    assert settings.allowed_tenant_ids == frozenset({UUID(CONTOSO.id), UUID(FABRIKAM.id)})
