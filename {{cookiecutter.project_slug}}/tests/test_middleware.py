"""What every request meets, whatever it asks for."""

import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests import samples
from tests.access import Bearer
from tests.conftest import Serve


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """Return a client of the service with a resource of the tests' own."""
    return serve(routers=[samples.router])


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/me", "/api/samples/1", "/health"])
def test_every_answer_has_safe_headers_and_a_request_id(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    api = path.startswith("/api/")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers.get("x-frame-options") == (None if api else "DENY")
    assert headers.get("referrer-policy") == (None if api else "no-referrer")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert len(headers["x-request-id"]) == 32
    assert headers.get("cache-control") == ("no-store" if api else None)
    assert "strict-transport-security" not in headers


def test_answers_over_tls_have_strict_transport_security(client: TestClient) -> None:
    answer = client.get("https://testserver/")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_a_well_formed_request_id_is_kept(client: TestClient) -> None:
    answer = client.get("/nothing", headers={"X-Request-ID": "from-the-gateway_1"})
    assert answer.headers["x-request-id"] == "from-the-gateway_1"
    assert answer.json()["request_id"] == "from-the-gateway_1"


@pytest.mark.parametrize("given", ["short", "a" * 65, "with space", "semi;colon", '"quoted-id"'])
def test_another_request_id_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] != given


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
def test_every_error_is_a_problem(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "instance", "request_id"}
    assert (problem["status"], problem["instance"]) == (status, path)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"].endswith(".")


def test_405_lists_every_supported_method(client: TestClient) -> None:
    def allowed(path: str) -> str:
        answer = client.request("PUT", path)
        assert answer.status_code == 405
        return answer.headers["allow"]

    assert allowed("/api/me") == "GET, HEAD"
    assert allowed("/swagger-ui/docs.js") == "GET, HEAD"
    assert allowed("/api/samples") == "GET, HEAD, POST"
    assert allowed("/api/samples/1") == "PATCH, DELETE"


def test_an_unexpected_error_is_logged_and_tells_nothing(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(client.app, FastAPI)

    @client.app.get("/breaks")
    def breaks() -> None:
        raise RuntimeError("an internal secret")

    answer = client.get("/breaks")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert "an internal secret" in str(record.exc_info)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_refused(serve: Serve, bearer: Bearer, *, chunked: bool) -> None:
    client = serve(routers=[samples.router], max_body_bytes=100)
    body = b'{"title": "' + b"a" * 100 + b'"}'
    headers = bearer("bob") | {"Content-Type": "application/json"}
    content = iter([body[:50], body[50:]]) if chunked else body
    answer = client.post("/api/samples", content=content, headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    short = client.post("/api/samples", json={"title": "a"}, headers=bearer("bob"))
    assert short.status_code == 201


def test_a_length_of_thousands_of_digits_breaks_nothing(client: TestClient, bearer: Bearer) -> None:
    headers = bearer("bob") | {"Content-Type": "application/json", "Content-Length": "9" * 5000}
    answer = client.post("/api/samples", content=b'{"title": "milk"}', headers=headers)
    assert answer.status_code in {201, 413}


def preflight(client: TestClient, origin: str) -> tuple[int, str | None]:
    """Ask as a browser does whether a page of this origin may post to the API."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = client.options("/api/samples", headers=headers)
    assert "access-control-allow-credentials" not in answer.headers
    return answer.status_code, answer.headers.get("access-control-allow-origin")


def test_pages_of_the_listed_origins_may_call(serve: Serve) -> None:
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


def test_errors_reach_the_pages_of_listed_origins(serve: Serve) -> None:
    client = serve(cors_origins="https://app.example")
    answer = client.get("/api/me", headers={"Origin": "https://app.example"})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "WWW-Authenticate" in answer.headers["access-control-expose-headers"]


def test_without_a_list_no_page_of_another_origin_may_call(client: TestClient) -> None:
    assert preflight(client, "https://app.example") == (405, None)


def test_the_service_answers_to_its_trusted_hosts_and_to_probes(serve: Serve) -> None:
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
