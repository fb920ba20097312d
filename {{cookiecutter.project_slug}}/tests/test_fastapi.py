"""What FastAPI's documentation teaches works in this service too.

Each test shows one technique from the tutorial or the advanced guide.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
    Security,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from fastapi.security import APIKeyHeader, HTTPBasic, HTTPBasicCredentials
from fastapi.staticfiles import StaticFiles
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.middleware.gzip import GZipMiddleware

from app.identity.access import SignedIn
from app.identity.caller import Caller
from app.settings import CurrentSettings
from tests.access import Bearer
from tests.conftest import Build, Serve


class Item(BaseModel):
    """The body of a request."""

    name: str
    price: float = 1.0


@pytest.fixture
def app(build: Build) -> FastAPI:
    """Return the service before it starts, so that a test can extend it."""
    return build()


@pytest.fixture
def start(app: FastAPI) -> Iterator[Callable[[], TestClient]]:
    """Return a function that starts the service."""
    clients = []

    def started() -> TestClient:
        client = TestClient(app, raise_server_exceptions=False)
        clients.append(client)
        return client.__enter__()

    yield started
    for client in clients:
        client.__exit__(None, None, None)


Start = Callable[[], TestClient]


@pytest.mark.parametrize(
    "detail",
    ["taken", {"code": "dup", "message": "taken"}, ["a", 1], {"message": None}, 7],
    ids=["text", "dict", "list", "dict with null", "number"],
)
def test_http_exception_keeps_its_detail(app: FastAPI, start: Start, detail: Any) -> None:
    @app.get("/raises")
    def raises() -> None:
        raise HTTPException(409, detail)

    response = start().get("/raises")
    assert (response.status_code, response.json()["detail"]) == (409, detail)
    assert response.headers["content-type"] == "application/problem+json"


def test_http_exception_keeps_its_headers(app: FastAPI, start: Start) -> None:
    @app.get("/raises")
    def raises() -> None:
        raise HTTPException(404, "gone", headers={"X-Error": "there goes my error"})

    assert start().get("/raises").headers["x-error"] == "there goes my error"


@pytest.mark.parametrize("status", [418, 451, 499, 599])
def test_http_exception_keeps_any_status(app: FastAPI, start: Start, status: int) -> None:
    @app.get("/raises")
    def raises() -> None:
        raise HTTPException(status, "because")

    response = start().get("/raises")
    assert (response.status_code, response.json()["detail"]) == (status, "because")


@pytest.mark.parametrize("status", [204, 304])
def test_http_exception_with_a_bodyless_status_has_no_body(
    app: FastAPI, start: Start, status: int
) -> None:
    @app.get("/raises")
    def raises() -> None:
        raise HTTPException(status, headers={"ETag": '"1"'})

    response = start().get("/raises")
    assert (response.status_code, response.content) == (status, b"")
    assert response.headers["etag"] == '"1"'


@pytest.mark.parametrize("status", [200, 400, 409, 499, 500, 503])
def test_returned_response_is_sent_as_it_is(app: FastAPI, start: Start, status: int) -> None:
    @app.get("/returns")
    def returns() -> JSONResponse:
        return JSONResponse({"code": "E42"}, status)

    response = start().get("/returns")
    assert (response.status_code, response.json()) == (status, {"code": "E42"})
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]


def test_custom_exception_handler_answers(app: FastAPI, start: Start) -> None:
    class UnicornError(Exception):
        pass

    @app.exception_handler(UnicornError)
    async def handle(request: Request, error: UnicornError) -> JSONResponse:
        return JSONResponse({"message": "Oops"}, 418)

    @app.get("/raises")
    def raises() -> None:
        raise UnicornError

    response = start().get("/raises")
    assert (response.status_code, response.json()) == (418, {"message": "Oops"})


def test_custom_handler_of_http_exceptions_replaces_the_default(app: FastAPI, start: Start) -> None:
    @app.exception_handler(HTTPException)
    async def handle(request: Request, error: HTTPException) -> PlainTextResponse:
        return PlainTextResponse(str(error.detail), error.status_code)

    @app.get("/raises")
    def raises() -> None:
        raise HTTPException(400, "Nope")

    assert start().get("/raises").text == "Nope"


@pytest.mark.parametrize("key", [500, Exception])
def test_custom_handler_of_unexpected_errors_replaces_the_default(
    app: FastAPI, start: Start, key: Any
) -> None:
    @app.exception_handler(key)
    def handle(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"message": "Oops"}, 500)

    @app.get("/raises")
    def raises() -> None:
        raise RuntimeError

    assert start().get("/raises").json() == {"message": "Oops"}


def test_http_middleware_applies_to_every_response(app: FastAPI, start: Start) -> None:
    @app.middleware("http")
    async def add_header(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["X-Process-Time"] = "1"
        return response

    client = start()
    assert client.get("/").headers["x-process-time"] == "1"
    assert client.get("/nothing").headers["x-process-time"] == "1"


def test_gzip_middleware_compresses_responses(app: FastAPI, start: Start) -> None:
    app.add_middleware(GZipMiddleware, minimum_size=10)
    response = start().get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"


def test_router_with_prefix_and_dependencies_works(app: FastAPI, start: Start) -> None:
    async def need_key(x_key: Annotated[str, Header()]) -> None:
        if x_key != "right":
            raise HTTPException(400, "X-Key is invalid")

    router = APIRouter(prefix="/items", tags=["items"], dependencies=[Depends(need_key)])

    @router.get("/{item_id}")
    async def read(item_id: int) -> dict[str, int]:
        return {"item_id": item_id}

    app.include_router(router, prefix="/v1")
    client = start()
    assert client.get("/v1/items/3", headers={"X-Key": "right"}).json() == {"item_id": 3}
    assert client.get("/v1/items/3", headers={"X-Key": "wrong"}).status_code == 400


def test_dependency_with_yield_cleans_up_after_an_error(app: FastAPI, start: Start) -> None:
    steps = []

    async def resource() -> AsyncIterator[str]:
        steps.append("open")
        try:
            yield "resource"
        finally:
            steps.append("closed")

    @app.get("/uses")
    async def uses(given: Annotated[str, Depends(resource)]) -> None:
        raise HTTPException(400, given)

    assert start().get("/uses").json()["detail"] == "resource"
    assert steps == ["open", "closed"]


def test_class_works_as_a_dependency(app: FastAPI, start: Start) -> None:
    class Common:
        def __init__(self, q: str = "none", limit: int = 10) -> None:
            self.q, self.limit = q, limit

    @app.get("/lists")
    async def lists(common: Annotated[Common, Depends()]) -> dict[str, Any]:
        return {"q": common.q, "limit": common.limit}

    assert start().get("/lists?q=x").json() == {"q": "x", "limit": 10}


def test_second_security_scheme_is_documented_and_enforced(app: FastAPI, start: Start) -> None:
    key = APIKeyHeader(name="X-API-Key")

    @app.get("/keyed")
    async def keyed(given: Annotated[str, Security(key)]) -> str:
        return given

    client = start()
    document = client.get("/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"EntraID", "APIKeyHeader"}
    assert document["paths"]["/keyed"]["get"]["security"] == [{"APIKeyHeader": []}]
    assert client.get("/keyed", headers={"X-API-Key": "k"}).json() == "k"
    assert client.get("/keyed").status_code == 401


def test_basic_authentication_protects_a_route(app: FastAPI, start: Start) -> None:
    @app.get("/basic")
    def basic(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
        return credentials.username

    client = start()
    assert client.get("/basic", auth=("stanley", "x")).json() == "stanley"
    refused = client.get("/basic")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Basic")


def test_dependency_can_depend_on_the_caller(app: FastAPI, start: Start, bearer: Bearer) -> None:
    async def greeting(caller: SignedIn) -> str:
        return f"Hello, {caller.name}"

    @app.get("/greets")
    async def greets(text: Annotated[str, Depends(greeting)]) -> str:
        return text

    client = start()
    assert client.get("/greets", headers=bearer("bob")).json() == "Hello, Bob"
    assert client.get("/greets").status_code == 401


def test_mounted_application_requires_sign_in_and_keeps_its_error_format(
    app: FastAPI, start: Start, bearer: Bearer
) -> None:
    sub = FastAPI()

    @sub.get("/me")
    async def me(caller: SignedIn) -> str | None:
        return caller.name

    @sub.get("/raises")
    async def raises() -> None:
        raise HTTPException(409, "theirs")

    app.mount("/sub", sub)
    client = start()
    assert client.get("/sub/me", headers=bearer("bob")).json() == "Bob"
    assert client.get("/sub/me").status_code == 401
    assert client.get("/sub/raises").json() == {"detail": "theirs"}
    assert client.get("/sub/nothing").json() == {"detail": "Not Found"}


def test_mounted_static_files_are_served(app: FastAPI, start: Start, tmp_path: Any) -> None:
    (tmp_path / "hello.txt").write_text("hello")
    app.mount("/static", StaticFiles(directory=tmp_path))
    assert start().get("/static/hello.txt").text == "hello"


def test_websocket_receives_and_sends_messages(app: FastAPI, start: Start) -> None:
    @app.websocket("/ws")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except WebSocketDisconnect:
            pass

    with start().websocket_connect("/ws") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"


def test_websocket_requires_sign_in(app: FastAPI, start: Start, bearer: Bearer) -> None:
    @app.websocket("/ws")
    async def greet(socket: WebSocket, caller: SignedIn) -> None:
        await socket.accept()
        await socket.send_text(str(caller.name))
        await socket.close()

    client = start()
    with client.websocket_connect("/ws", headers=bearer("bob")) as socket:
        assert socket.receive_text() == "Bob"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws"):
        pass


@pytest.mark.parametrize("path", ["/", "/health/live", "/api/me", "/docs", "/openapi.json"])
def test_head_is_answered_like_get_without_a_body(start: Start, bearer: Bearer, path: str) -> None:
    client = start()
    got, asked = (client.request(method, path, headers=bearer("bob")) for method in ("GET", "HEAD"))
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-length"] == got.headers["content-length"]
    assert client.head("/nothing").status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_error_during_a_response_starts_no_second_response(
    app: FastAPI, start: Start, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    def broken() -> Iterator[str]:
        yield "begun"
        raise RuntimeError

    @app.get("/breaks")
    async def breaks() -> StreamingResponse:
        return StreamingResponse(broken())

    assert start().request(method, "/breaks").status_code == 200
    assert "unexpected error" not in caplog.text


def test_custom_head_route_takes_precedence(app: FastAPI, start: Start) -> None:
    @app.get("/both")
    async def get() -> str:
        return "got"

    @app.head("/both")
    async def head(response: Response) -> None:
        response.headers["X-Own"] = "yes"

    assert start().head("/both").headers["x-own"] == "yes"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PROPFIND"])
def test_cors_allows_a_listed_origin_any_method_and_header(serve: Serve, method: str) -> None:
    client = serve(cors_origins="https://app.example")
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,traceparent,x-own",
    }
    response = client.options("/api/me", headers=headers)
    assert response.status_code in ({200} if method != "PROPFIND" else {200, 400})
    assert "x-own" in response.headers["access-control-allow-headers"]


def test_body_query_path_header_and_cookie_are_read(app: FastAPI, start: Start) -> None:
    @app.put("/items/{item_id}")
    async def put(
        item_id: int,
        item: Item,
        q: Annotated[list[str], Query()],
        user_agent: Annotated[str, Header()],
        ads: Annotated[str, Cookie()],
    ) -> dict[str, Any]:
        return {"id": item_id, "name": item.name, "q": q, "agent": user_agent, "ads": ads}

    client = start()
    client.cookies.set("ads", "none")
    response = client.put("/items/1?q=a&q=b", json={"name": "x"}, headers={"User-Agent": "me"})
    expected = {"id": 1, "name": "x", "q": ["a", "b"], "agent": "me", "ads": "none"}
    assert response.json() == expected


def test_embedded_body_works_for_a_partial_update(app: FastAPI, start: Start) -> None:
    @app.patch("/items")
    async def patch(item: Annotated[Item, Body(embed=True)]) -> dict[str, Any]:
        return item.model_dump(exclude_unset=True)

    assert start().patch("/items", json={"item": {"name": "x"}}).json() == {"name": "x"}


def test_form_and_file_are_read(app: FastAPI, start: Start) -> None:
    @app.post("/upload")
    async def upload(
        file: Annotated[UploadFile, File()], note: Annotated[str, Form()]
    ) -> dict[str, Any]:
        return {"size": len(await file.read()), "note": note}

    response = start().post("/upload", files={"file": b"abc"}, data={"note": "x"})
    assert response.json() == {"size": 3, "note": "x"}


def test_response_model_filters_the_returned_fields(app: FastAPI, start: Start) -> None:
    @app.get("/items", response_model=Item, response_model_exclude={"price"})
    async def get() -> Any:
        return {"name": "x", "price": 2, "secret": "s"}

    assert start().get("/items").json() == {"name": "x"}


def test_status_header_and_cookie_can_be_set_on_the_response(app: FastAPI, start: Start) -> None:
    @app.post("/items", status_code=201)
    async def create(response: Response) -> str:
        response.headers["X-Cat"] = "purrs"
        response.set_cookie("session", "fake")  # pragma: allowlist secret
        response.status_code = 202
        return "done"

    response = start().post("/items")
    assert (response.status_code, response.headers["x-cat"]) == (202, "purrs")
    assert response.cookies["session"] == "fake"


def test_html_stream_file_and_redirect_responses_work(
    app: FastAPI, start: Start, tmp_path: Any
) -> None:
    (tmp_path / "page.txt").write_text("file")

    @app.get("/html", response_class=HTMLResponse)
    async def html() -> str:
        return "<p>html</p>"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]), media_type="text/plain")

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(tmp_path / "page.txt")

    @app.get("/moved")
    async def moved() -> RedirectResponse:
        return RedirectResponse("/html")

    client = start()
    assert client.get("/html").headers["content-type"].startswith("text/html")
    assert client.get("/stream").text == "ab"
    assert client.get("/file").text == "file"
    assert client.get("/moved").text == "<p>html</p>"


def test_background_task_runs_after_the_response(app: FastAPI, start: Start) -> None:
    done: list[str] = []

    @app.post("/notify")
    async def notify(tasks: BackgroundTasks) -> None:
        tasks.add_task(done.append, "sent")

    assert start().post("/notify").status_code == 200
    assert done == ["sent"]


def test_validation_error_names_the_field(app: FastAPI, start: Start) -> None:
    @app.post("/items")
    async def create(item: Item) -> None:
        pass

    response = start().post("/items", json={"name": "x", "price": "dear"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "price"


def test_request_returns_its_url_and_the_url_of_a_route(app: FastAPI, start: Start) -> None:
    @app.get("/about")
    async def about(request: Request) -> dict[str, str]:
        return {"url": str(request.url), "link": str(request.url_for("about"))}

    response = start().get("/about?x=1").json()
    assert response == {"url": "http://testserver/about?x=1", "link": "http://testserver/about"}


def test_plain_function_runs_outside_the_event_loop(app: FastAPI, start: Start) -> None:
    @app.get("/sync")
    def sync() -> bool:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return False
        return True

    assert start().get("/sync").json() is False


def test_settings_work_as_a_dependency(app: FastAPI, start: Start) -> None:
    @app.get("/limit")
    async def limit(settings: CurrentSettings) -> int:
        return settings.max_body_bytes

    assert start().get("/limit").json() == 65536


def test_route_receives_the_caller(app: FastAPI, start: Start, bearer: Bearer) -> None:
    seen = []

    @app.get("/who")
    async def who(caller: SignedIn) -> None:
        seen.append(caller)

    start().get("/who", headers=bearer("alice"))
    assert isinstance(seen[0], Caller)


def test_custom_operation_id_is_kept(app: FastAPI, start: Start) -> None:
    @app.get("/items", operation_id="some_specific_id_you_define")
    async def read_items() -> None:
        """Read the items."""

    paths = start().get("/openapi.json").json()["paths"]
    assert paths["/items"]["get"]["operationId"] == "some_specific_id_you_define"


def test_custom_openapi_function_extends_the_default(app: FastAPI, start: Start) -> None:
    ours = app.openapi

    def custom_openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = ours()
            app.openapi_schema["info"]["x-logo"] = {"url": "/logo.png"}
        return app.openapi_schema

    app.openapi = custom_openapi  # type: ignore[method-assign]
    document = start().get("/openapi.json").json()
    assert document["info"]["x-logo"] == {"url": "/logo.png"}
    assert document["components"]["securitySchemes"]


def test_probes_and_links_work_behind_a_path_prefix(build: Build) -> None:
    app = build(trusted_hosts="api.example")
    with TestClient(app, root_path="/base", base_url="http://api.example") as client:
        # uvicorn adds the prefix to the path; TestClient does not.
        links = client.get("/base/").json()["links"]
        assert links["health"] == "/base/health/ready"
        assert client.get("/base/health/live", headers={"Host": "10.0.0.7"}).status_code == 200
        me = client.get("/base/api/me")
        assert (me.status_code, me.headers["cache-control"]) == (401, "no-store")


def test_path_that_only_begins_like_a_probe_requires_a_trusted_host(build: Build) -> None:
    app = build(trusted_hosts="api.example")

    @app.get("/health-records/mine")
    async def mine() -> str:
        return "mine"

    with TestClient(app, base_url="http://10.0.0.7") as client:
        assert client.get("/health-records/mine").status_code == 400
