{% set roles = cookiecutter.app_roles %}
"""The tools for agents, as the client of the official SDK uses them."""

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient
from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from app.http.log import configure_logging
from app.settings import SettingsError, load_settings
from dev.agents import VS_CODE, tools_at
from dev.directory import (
    CONTOSO,
    daemon_called,
    docs_page,
    person_called,
)
from dev.entra import API, API_SCOPES, MULTI_TENANT, StandIn, code_challenge
from tests.access import Bearer
from tests.conftest import DOCS_PAGE, Build, Serve
from tests.live import free_port, served

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
REDIRECT = "http://127.0.0.1:33418"
REGISTERED = {
    "client_id": VS_CODE.id,
    "redirect_uris": [REDIRECT],
    "token_endpoint_auth_method": "none",
}
METADATA = "/.well-known/oauth-protected-resource/mcp"


class Service:
    """The service and a stand-in, on local ports."""

    def __init__(self) -> None:
        self.port, entra_port = free_port(), free_port()
        self.address = f"http://localhost:{self.port}"
        self.resource = tools_at(self.address)
        self.entra = StandIn(
            f"http://localhost:{entra_port}",
            [docs_page(self.port), VS_CODE],
            identifier_uris=[self.resource],
        )

    def token_of(self, name: str) -> str:
        """Return a token of a person or a daemon."""
        if daemon := daemon_called(name):
            return self.entra.app_only_token(daemon)
        return self.entra.access_token(person_called(name), DOCS_PAGE, API_SCOPES)

    @asynccontextmanager
    async def client(self, auth: httpx2.Auth | str) -> AsyncIterator[Client]:
        """Return a client that signs in, or that has the token of somebody with this name."""
        headers = {}
        if isinstance(auth, str):
            headers["Authorization"] = f"Bearer {self.token_of(auth)}"
        async with httpx2.AsyncClient(
            headers=headers, auth=None if isinstance(auth, str) else auth, trust_env=False
        ) as http:
            transport = streamable_http_client(self.resource, http_client=http)
            async with Client(transport) as client:
                yield client


@pytest.fixture
def service(build: Build) -> Iterator[Service]:
    """Return the service, which serves on a local port."""
    service = Service()
    app = build(service.entra, public_url=service.address, entra_authority=service.entra.address)
    entra_port = urlsplit(service.entra.address).port or 0
    with served(service.entra.app, entra_port), served(app, service.port):
        yield service


class Storage:
    """What the client of the SDK keeps; its client id is registered beforehand."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.info = OAuthClientInformationFull.model_validate(REGISTERED)

    async def get_tokens(self) -> OAuthToken | None:
        """Return the tokens."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep the tokens."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull:
        """Return the registration."""
        return self.info

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep the registration."""
        raise AssertionError("Entra ID registers no client.")


class Browser:
    """A browser in which a person picks their account."""

    def __init__(self, person: str) -> None:
        self.username = person_called(person).username
        self.visits: list[dict[str, list[str]]] = []
        self.parameters: dict[str, list[str]] = {}

    async def visit(self, url: str) -> None:
        """Open the address of the sign-in."""
        self.visits.append(parse_qs(urlsplit(url).query))
        async with httpx2.AsyncClient(trust_env=False) as http:
            response = await http.get(httpx2.URL(url).copy_set_param("login_hint", self.username))
        self.parameters = parse_qs(urlsplit(response.headers["location"]).query)

    async def result(self) -> AuthorizationCodeResult:
        """Return what the redirect brought."""
        code, state = self.parameters["code"], self.parameters["state"]
        return AuthorizationCodeResult(code=code[0], state=state[0])


def signing_in(service: Service, browser: Browser, storage: Storage) -> OAuthClientProvider:
    """Return the sign-in of the SDK's client."""
    return OAuthClientProvider(
        server_url=service.resource,
        client_metadata=OAuthClientMetadata.model_validate(REGISTERED),
        storage=storage,
        redirect_handler=browser.visit,
        callback_handler=browser.result,
    )


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """Call a tool; return its structured result, or the text of the refusal."""
    result = await client.call_tool(tool, arguments)
    return str(result.content) if result.is_error else result.structured_content


without_tenant = pytest.mark.skipif(
    MULTI_TENANT, reason="This client requires the issuer of one tenant, as RFC 8414 does"
)


@without_tenant
@pytest.mark.anyio
async def test_bob_signs_in_and_works_through_every_tool(service: Service) -> None:
    browser, storage = Browser("bob"), Storage()
    async with service.client(signing_in(service, browser, storage)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            "list_todos", "create_todo", "change_todo", "delete_todo",
        }  # fmt: skip
        created = await call(client, "create_todo", todo={"title": "milk"})
        assert created["owner_id"] == person_called("bob").object_id
        changed = await call(client, "change_todo", todo_id=created["id"], changes={"done": True})
        assert changed["done"]
        assert (await call(client, "list_todos"))["items"] == [changed]
        assert "milk" in str(await call(client, "delete_todo", todo_id=created["id"]))
        assert await call(client, "list_todos", limit=1) == {"items": [], "next": None}
    (asked,) = browser.visits
    assert asked["resource"] == [service.resource]
    assert f"{service.resource}/access_as_user" in asked["scope"][0].split()


@without_tenant
@pytest.mark.anyio
async def test_expired_token_is_replaced_by_a_new_sign_in(service: Service) -> None:
    past = StandIn(service.entra.address, [], clock=lambda: time.time() - 7200)
    past.keys = service.entra.keys
    expired = past.access_token(person_called("bob"), VS_CODE, API_SCOPES)
    browser, storage = Browser("bob"), Storage()
    storage.tokens = OAuthToken(access_token=expired)
    async with service.client(signing_in(service, browser, storage)) as client:
        assert await call(client, "list_todos") == {"items": [], "next": None}
    assert len(browser.visits) == 1


@pytest.mark.anyio
async def test_tool_refuses_what_the_api_refuses_and_says_so(service: Service) -> None:
    async with service.client("bob") as bob:
        todo = await call(bob, "create_todo", todo={"title": "bob's"})
        assert "Send title, done or both" in await call(
            bob, "change_todo", todo_id=todo["id"], changes={}
        )
        assert "Not a cursor" in await call(bob, "list_todos", after="x")
    change = {"todo_id": todo["id"], "changes": {"done": True}}
    async with service.client("carol") as carol:
        assert "may use this todo" in await call(carol, "change_todo", **change)
        assert "may use this todo" in await call(carol, "delete_todo", todo_id=todo["id"])
        assert (await call(carol, "list_todos"))["items"] == []
        missing = {"todo_id": person_called("bob").object_id}
        assert "There is no such todo." in await call(carol, "delete_todo", **missing)
{% if roles %}
    async with service.client("dave") as dave:
        for refused in (call(dave, "list_todos"), call(dave, "create_todo", todo={"title": "x"})):
            assert "requires the Admin or User app role" in await refused
    async with service.client("alice") as alice:
        assert (await call(alice, "list_todos"))["items"] == [todo]
        assert (await call(alice, "list_todos", mine=True))["items"] == []
        assert (await call(alice, "change_todo", **change))["done"]
        assert "bob's" in str(await call(alice, "delete_todo", todo_id=todo["id"]))
{% endif %}


@pytest.mark.anyio
async def test_daemon_lists_every_todo_and_changes_none(service: Service) -> None:
    async with service.client("bob") as bob:
        todo = await call(bob, "create_todo", todo={"title": "bob's"})
    async with service.client("nightly") as nightly:
        assert (await call(nightly, "list_todos"))["items"] == [todo]
        for tool, arguments in (
            ("create_todo", {"todo": {"title": "x"}}),
            ("change_todo", {"todo_id": todo["id"], "changes": {"done": True}}),
            ("delete_todo", {"todo_id": todo["id"]}),
        ):
            assert "requires a token for a signed-in user" in await call(nightly, tool, **arguments)


@pytest.mark.parametrize(
    ("name", "status"),
    [("nobody", 401), ("bob", 200), ("gita", 403), ("nightly", 200), ("stranger", 403)],
)
def test_refusal_says_where_to_sign_in(
    client: TestClient, bearer: Bearer, name: str, status: int
) -> None:
    response = client.post("/mcp", json=PING, headers=bearer(name) | {"Host": "testserver"})
    assert response.status_code == status
    challenge = response.headers.get("www-authenticate", "")
    if status == 200:
        assert not challenge
        return
    assert challenge.startswith("Bearer ")
    assert f'resource_metadata="http://testserver{METADATA}"' in challenge
    assert challenge.count("scope=") == 1
    assert 'scope="http://testserver/mcp/access_as_user"' in challenge
    assert response.headers["content-type"] == "application/problem+json"


def test_metadata_names_resource_issuer_and_scope(client: TestClient) -> None:
    metadata = client.get(METADATA).json()
    assert metadata["resource"] == "http://testserver/mcp"
    assert metadata["scopes_supported"] == ["http://testserver/mcp/access_as_user"]
    (issuer,) = metadata["authorization_servers"]
    tenant = "organizations" if MULTI_TENANT else CONTOSO.id
    assert issuer == f"http://localhost:8400/{tenant}/v2.0"


def test_addresses_include_the_prefix_of_the_public_url(serve: Serve) -> None:
    client = serve(public_url="https://example.com/base")
    assert client.get(METADATA).json()["resource"] == "https://example.com/base/mcp"
    challenge = client.post("/mcp", json=PING).headers["www-authenticate"]
    assert f'resource_metadata="https://example.com/base{METADATA}"' in challenge


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://testserver"}, 200),
        ({"Origin": "https://page.example"}, 200),
    ],
    ids=["foreign origin", "foreign host", "own origin", "listed origin"],
)
def test_page_that_rebinds_dns_is_refused(
    serve: Serve, bearer: Bearer, headers: dict[str, str], status: int
) -> None:
    client = serve(cors_origins="https://page.example")
    response = client.post("/mcp", json=PING, headers=bearer("bob") | headers)
    assert response.status_code == status


@pytest.mark.parametrize(
    "address",
    ["", "example.com", "ftp://example.com", "https://example.com/", "https://example.com/a?b=c"],
    ids=["empty", "no scheme", "other scheme", "trailing slash", "query"],
)
def test_invalid_public_url_prevents_the_start(
    environment: pytest.MonkeyPatch, address: str
) -> None:
    environment.setenv("PUBLIC_URL", address)
    with pytest.raises(SettingsError, match=r"PUBLIC_URL is (missing|invalid)\. Expected the addr"):
        load_settings()


def test_middleware_applies_to_the_tools(
    serve: Serve, bearer: Bearer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.requests")
    client = serve(max_body_bytes=500)
    assert client.get("/mcp", headers=bearer("bob")).status_code == 405
    assert client.post("/mcp", json=["x" * 999], headers=bearer("bob")).status_code == 413
    caplog.clear()
    params = {"name": "list_todos", "arguments": {}}
    body = PING | {"method": "tools/call", "params": params}
    response = client.post("/mcp", json=body, headers=bearer("bob"))
    assert response.status_code == 200
    (line,) = (record.__dict__ for record in caplog.records if record.message == "request")
    assert (line["route"], line["tool"]) == ("/mcp", "list_todos")
    assert response.headers["x-request-id"] == line["request_id"]


@pytest.mark.usefixtures("own_logging")
def test_log_does_not_quote_what_a_client_sends(
    serve: Serve, bearer: Bearer, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", "json")
    client = serve()
    for name, arguments in (("a secret", {}), ("create_todo", {"todo": {"a secret": 1}})):
        body = PING | {"method": "tools/call", "params": {"name": name, "arguments": arguments}}
        response = client.post("/mcp", json=body, headers=bearer("bob"))
        assert "a secret" in response.text
    assert "a secret" not in capsys.readouterr().err


def authorize(service: Service, **changes: str) -> dict[str, list[str]]:
    """Ask the stand-in for a code; return the parameters of the redirect."""
    question = {
        "client_id": VS_CODE.id,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": f"{service.resource}/access_as_user",
        "resource": service.resource,
        "code_challenge": code_challenge("v" * 43),
        "code_challenge_method": "S256",
        "login_hint": person_called("bob").username,
    }
    address = f"{service.entra.address}/{CONTOSO.id}/oauth2/v2.0/authorize"
    response = httpx2.get(address, params=question | changes, trust_env=False)
    return parse_qs(urlsplit(response.headers["location"]).query)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, None),
        ({"resource": "http://localhost:1/mcp"}, "AADSTS9010010"),
        ({"resource": "{resource}/"}, "AADSTS9010010"),
        ({"scope": f"{API}access_as_user"}, "AADSTS9010010"),
        ({"scope": "{resource}/unknown"}, "AADSTS70011"),
    ],
    ids=["matching", "other resource", "trailing slash", "scope of another URI", "unknown scope"],
)
def test_resource_that_does_not_match_the_scope_is_refused(
    service: Service, changes: dict[str, str], error: str | None
) -> None:
    filled = {key: text.format(resource=service.resource) for key, text in changes.items()}
    response = authorize(service, **filled)
    if error is None:
        assert "code" in response
    else:
        assert response["error_description"][0].startswith(error)
