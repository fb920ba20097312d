"""The docs page and the OpenAPI document."""

import json
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import permissions
from dev.directory import API_CLIENT_ID, DOCS_CLIENT_ID
from tests.conftest import ENTRA, Serve

SCOPES = {scope.value: f"api://{API_CLIENT_ID}/{scope.value}" for scope in permissions.SCOPES}


@pytest.fixture
def document(client: TestClient) -> Any:
    """Return the OpenAPI document."""
    return client.get("/openapi.json").json()


def operations(document: Any) -> dict[str, Any]:
    """Return every operation by its method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_page_signs_in_by_pkce_with_every_scope(client: TestClient) -> None:
    page = client.get("/docs").text
    assert f'"clientId": "{DOCS_CLIENT_ID}"' in page
    assert f'"scopes": {json.dumps(list(SCOPES.values()))}' in page
    assert '"redirectPath": "/oauth2-redirect"' in page
    script = client.get("/swagger-ui/docs.js").text
    assert "usePkceWithAuthorizationCodeGrant: true" in script


@pytest.mark.parametrize("path", ["/docs", "/oauth2-redirect"])
def test_the_pages_load_everything_from_this_host(client: TestClient, path: str) -> None:
    page = client.get(path)
    addresses = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page.text)
    assert addresses
    for address in addresses:
        assert re.fullmatch(r"/?swagger-ui/[\w.-]+", address)
        assert client.get(address).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/oauth2-redirect"])
def test_the_pages_run_no_script_of_their_own_or_of_others(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert not re.search(r"<script>|<script (?!src=|type=.application/json.)|\son\w+=", page.text)
    policy = page.headers["content-security-policy"]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["connect-src"] in {"'none'", f"'self' {ENTRA}"}


def test_behind_a_prefix_every_address_has_it(client: TestClient) -> None:
    behind = TestClient(client.app, root_path="/base")
    page = behind.get("/docs").text
    assert page.count("/base/") == page.count("/swagger-ui/") + 2 == 6
    assert behind.get("/openapi.json").json()["servers"] == [{"url": "/base"}]
    assert behind.get("/").json()["links"]["docs"] == "/base/docs"


def test_the_docs_can_be_switched_off(serve: Serve) -> None:
    client = serve(docs_enabled=False, swagger_ui_client_id=None)
    for path in (
        "/docs",
        "/oauth2-redirect",
        "/openapi.json",
        "/swagger-ui/swagger-ui.css",
        "/redoc",
    ):
        assert client.get(path).status_code == 404
    assert "docs" not in client.get("/").json()["links"]


def test_the_document_names_the_sign_in(client: TestClient, document: Any) -> None:
    (scheme,) = document["components"]["securitySchemes"].values()
    flow = scheme["flows"]["authorizationCode"]
    assert flow["authorizationUrl"].startswith(ENTRA)
    assert flow["tokenUrl"].startswith(ENTRA)
    assert list(flow["scopes"]) == list(SCOPES.values())


def test_guarded_operations_have_a_padlock_with_the_scope(document: Any) -> None:
    for name, operation in operations(document).items():
        if " /api/" in name:
            (requirement,) = operation["security"]
            scopes = set(requirement["EntraID"])
            assert {SCOPES["access_as_user"]} <= scopes <= set(SCOPES.values())
        else:
            assert "security" not in operation


def test_operations_are_named_by_their_functions(document: Any) -> None:
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert "me" in ids
    twice = {one for one in ids if ids.count(one) > 1}
    assert not twice, f"rename one function, or give its route an operation_id: {twice}"


def test_every_operation_documents_its_access(document: Any) -> None:
    for name, operation in operations(document).items():
        assert "Access: " in operation.get("description", ""), f"{name}: say it in the docstring"


def test_every_error_is_documented_as_a_problem(document: Any) -> None:
    for name, operation in operations(document).items():
        errors = {code: answer for code, answer in operation["responses"].items() if code >= "400"}
        for answer in errors.values():
            assert list(answer["content"]) == ["application/problem+json"], name
        expected = {"401", "403", "503"} if " /api/" in name else set()
        if "requestBody" in operation:
            expected |= {"413", "415", "422"}
        if "{" in name:
            expected |= {"404", "422"}
        assert expected <= set(errors), f"{name} lacks responses(…) for {expected - set(errors)}"
    assert "HTTPValidationError" not in document["components"]["schemas"]
