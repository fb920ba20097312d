"""The docs page and the OpenAPI document."""

import json
import re
from typing import Any
from uuid import UUID

import pytest
from fastapi import APIRouter, HTTPException
from fastapi.testclient import TestClient
from pydantic import BaseModel

from app import permissions
from app.http.problems import responses
from app.identity.access import SignedIn
from dev.directory import API_CLIENT_ID, DOCS_CLIENT_ID
from dev.entra import StandIn
from tests.access import Bearer
from tests.conftest import DOCS_PAGE, ENTRA, Serve

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


def test_page_signs_in_with_pkce_and_every_scope(client: TestClient) -> None:
    page = client.get("/docs").text
    assert f'"clientId": "{DOCS_CLIENT_ID}"' in page
    assert f'"scopes": {json.dumps(list(SCOPES.values()))}' in page
    assert '"redirectPath": "/oauth2-redirect"' in page
    script = client.get("/swagger-ui/docs.js").text
    assert "usePkceWithAuthorizationCodeGrant: true" in script


@pytest.mark.parametrize("path", ["/docs", "/oauth2-redirect"])
def test_pages_load_everything_from_this_host(client: TestClient, path: str) -> None:
    page = client.get(path)
    addresses = re.findall(r'<(?:link|script)[^>]* (?:src|href)="(?!data:)([^"]+)"', page.text)
    assert addresses
    for address in addresses:
        assert re.fullmatch(r"/?swagger-ui/[\w.-]+", address)
        assert client.get(address).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/oauth2-redirect"])
def test_pages_run_no_script_of_their_own_or_of_others(client: TestClient, path: str) -> None:
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
    addresses = re.findall(r'"(/[^"]*)"', page)
    assert len(addresses) >= 8
    assert all(address.startswith("/base/") for address in addresses)
    assert behind.get("/openapi.json").json()["servers"] == [{"url": "/base"}]
    assert behind.get("/").json()["links"]["docs"] == "/base/docs"


def test_docs_can_be_switched_off(serve: Serve) -> None:
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


def test_document_names_the_sign_in_endpoints(client: TestClient, document: Any) -> None:
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


def test_operations_and_tags_say_what_they_are_for(document: Any) -> None:
    summaries = {name: one["summary"] for name, one in operations(document).items()}
    assert summaries["GET /api/me"] == "Show who you are"
    assert summaries["GET /health/ready"] == "Check that requests can be served"
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert {"identity", "health", "welcome"} <= described


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
        errors = {
            code: response for code, response in operation["responses"].items() if code >= "400"
        }
        for code, response in errors.items():
            documented = list(response["content"])
            assert documented == ["application/problem+json"], f"{name} lacks responses({code})"
        expected = {"401", "403", "503"} if " /api/" in name else set()
        if "requestBody" in operation:
            expected |= {"413", "415", "422"}
        if "parameters" in operation:
            expected |= {"422"}
        if "{" in name:
            expected |= {"404"}
        assert expected <= set(errors), f"{name} lacks responses(…) for {expected - set(errors)}"
    assert "HTTPValidationError" not in document["components"]["schemas"]


class Item(BaseModel):
    """What the route below expects."""

    name: str


items = APIRouter()


@items.put("/api/items/{item_id}", responses=responses(401, 403, 404, 409, 413, 415, 422, 503))
async def put_item(item_id: UUID, item: Item, caller: SignedIn) -> None:
    """Refuse every item.

    Access: any signed-in user.
    """
    raise HTTPException(409 if item.name == "taken" else 404)


@items.get("/api/items/{item_id}", responses=responses(422))
async def get_item(item_id: UUID) -> None:
    """Do nothing.

    Access: anyone.
    """


def example_of(document: Any, operation: str, status: int) -> Any:
    """Return the example of an error response."""
    response = operations(document)[operation]["responses"][str(status)]
    return response["content"]["application/problem+json"]["example"]


@pytest.mark.parametrize(
    ("status", "person", "sent"),
    [
        (401, "nobody", {"json": {"name": "a"}}),
        (403, "gita", {"json": {"name": "a"}}),
        (409, "bob", {"json": {"name": "taken"}}),
        (413, "bob", {"json": {"name": "a" * 2_000_000}}),
        (415, "bob", {"content": "name=a"}),
        (422, "bob", {"json": {"name": 1}}),
        (503, "bob", {"json": {"name": "a"}}),
    ],
)
def test_example_of_an_error_is_what_the_service_answers(
    serve: Serve, bearer: Bearer, status: int, person: str, sent: dict[str, Any]
) -> None:
    without_keys = StandIn(ENTRA, [DOCS_PAGE])
    without_keys.app.router.routes.clear()
    client = serve(without_keys if status == 503 else None, routers=[items])
    example = example_of(client.get("/openapi.json").json(), "PUT /api/items/{item_id}", status)
    response = client.put(example["instance"], headers=bearer(person), **sent)
    assert response.json() | {"request_id": example["request_id"]} == example


def test_example_of_an_invalid_parameter_names_it(serve: Serve) -> None:
    client = serve(routers=[items])
    example = example_of(client.get("/openapi.json").json(), "GET /api/items/{item_id}", 422)
    response = client.get("/api/items/1").json()
    assert example.keys() == response.keys()
    assert response["detail"].startswith(example["detail"])
    (shown,), (real,) = example["errors"], response["errors"]
    assert shown == real | {"detail": shown["detail"]}


def test_details_replace_what_an_example_says(serve: Serve) -> None:
    router = APIRouter()
    own = responses(404, 422, details={404: "No such thing.", 422: "Too much."})

    @router.get("/things/{thing}", responses=own)
    async def get_thing(thing: int) -> None: ...

    document = serve(routers=[router]).get("/openapi.json").json()
    assert example_of(document, "GET /things/{thing}", 404)["detail"] == "No such thing."
    example = example_of(document, "GET /things/{thing}", 422)
    assert (example["detail"], "errors" in example) == ("Too much.", False)


def test_custom_example_is_kept(serve: Serve) -> None:
    router = APIRouter()
    example = {"detail": "Mine."}

    @router.get(
        "/things",
        responses={404: {"content": {"application/problem+json": {"example": example}}}},
    )
    async def get_things() -> None: ...

    document = serve(routers=[router]).get("/openapi.json").json()
    assert example_of(document, "GET /things", 404) == example
