"""The middleware that every request passes through."""

import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests import samples
from tests.access import Bearer
from tests.conftest import Serve


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """Return a client of the service with the sample resource."""
    return serve(routers=[samples.router])


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/me", "/api/samples/1", "/health"])
def test_every_response_has_security_headers_and_an_id(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    api = path.startswith("/api/")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers.get("x-frame-options") == (None if api else "DENY")
    assert headers.get("referrer-policy") == (None if api else "no-referrer")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert len(headers["x-request-id"]) == 32
    assert headers.get("cache-control") == ("no-store" if api else None)
    assert "strict-transport-security" not in headers


def test_responses_over_tls_have_strict_transport_security(client: TestClient) -> None:
    response = client.get("https://testserver/")
    assert response.headers["strict-transport-security"] == "max-age=31536000"


def test_valid_request_id_is_kept(client: TestClient) -> None:
    response = client.get("/nothing", headers={"X-Request-ID": "from-the-gateway_1"})
    assert response.headers["x-request-id"] == "from-the-gateway_1"
    assert response.json()["request_id"] == "from-the-gateway_1"


@pytest.mark.parametrize("given", ["short", "a" * 65, "with space", "semi;colon", '"quoted-id"'])
def test_invalid_request_id_is_replaced(client: TestClient, given: str) -> None:
    response = client.get("/", headers={"X-Request-ID": given})
    assert response.headers["x-request-id"] != given


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/samples/", 404),
        ("GET", "/swagger-ui", 404),
        ("GET", "/%E2%82%AC%20%22", 404),
        ("PUT", "/", 405),
        ("PUT", "/api/me", 405),
    ],
)
def test_every_error_has_problem_details(
    client: TestClient, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "instance", "request_id"}
    assert (problem["status"], problem["instance"]) == (status, path)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["detail"].endswith(".")


def test_405_lists_every_supported_method(client: TestClient) -> None:
    def allowed(path: str) -> str:
        response = client.request("PUT", path)
        assert response.status_code == 405
        return response.headers["allow"]

    assert allowed("/api/me") == "GET, HEAD"
    assert allowed("/swagger-ui/docs.js") == "GET, HEAD"
    assert allowed("/api/samples") == "GET, HEAD, POST"
    assert allowed("/api/samples/1") == "PATCH, DELETE"


def test_unexpected_error_is_logged_but_not_revealed(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(client.app, FastAPI)

    @client.app.get("/breaks")
    def breaks() -> None:
        raise RuntimeError("an internal secret")

    response = client.get("/breaks")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert "an internal secret" in str(record.exc_info)


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_body_over_the_limit_is_refused(serve: Serve, bearer: Bearer, *, chunked: bool) -> None:
    client = serve(routers=[samples.router], max_body_bytes=100)
    body = b'{"title": "' + b"a" * 100 + b'"}'
    headers = bearer("bob") | {"Content-Type": "application/json"}
    content = iter([body[:50], body[50:]]) if chunked else body
    response = client.post("/api/samples", content=content, headers=headers)
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    short = client.post("/api/samples", json={"title": "a"}, headers=bearer("bob"))
    assert short.status_code == 201


def test_content_length_of_5000_digits_causes_no_server_error(
    client: TestClient, bearer: Bearer
) -> None:
    headers = bearer("bob") | {"Content-Type": "application/json", "Content-Length": "9" * 5000}
    response = client.post("/api/samples", content=b'{"title": "milk"}', headers=headers)
    assert response.status_code in {201, 413}


def preflight(client: TestClient, origin: str) -> tuple[int, str | None]:
    """Send the preflight request of a page; return the status and the allowed origin."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = client.options("/api/samples", headers=headers)
    assert "access-control-allow-credentials" not in response.headers
    return response.status_code, response.headers.get("access-control-allow-origin")


def test_preflight_succeeds_only_for_a_listed_origin(serve: Serve) -> None:
    client = serve(
        routers=[samples.router], cors_origins="https://app.example,http://localhost:3000"
    )
    assert preflight(client, "https://app.example") == (200, "https://app.example")
    assert preflight(client, "http://localhost:3000") == (200, "http://localhost:3000")
    for origin in (
        "https://app.example.evil",
        "http://app.example",
        "https://app.example:444",
        "null",
    ):
        assert preflight(client, origin) == (400, None)


def test_page_of_a_listed_origin_can_read_errors(serve: Serve) -> None:
    client = serve(cors_origins="https://app.example")
    response = client.get("/api/me", headers={"Origin": "https://app.example"})
    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    assert "WWW-Authenticate" in response.headers["access-control-expose-headers"]


def test_preflight_fails_if_no_origin_is_listed(client: TestClient) -> None:
    assert preflight(client, "https://app.example") == (405, None)


def test_other_host_is_refused_except_for_probes(serve: Serve) -> None:
    client = serve(trusted_hosts="api.example,*.b.example")
    statuses = {
        host: client.get("/", headers={"Host": host}).status_code
        for host in (
            "api.example",
            "api.example:8000",
            "x.b.example",
            "evil.example",
            "b.example.evil",
        )
    }
    assert list(statuses.values()) == [200, 200, 200, 400, 400]
    refused = client.get("/", headers={"Host": "evil.example"})
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.get("/health/live", headers={"Host": "10.0.0.7"}).status_code == 200
