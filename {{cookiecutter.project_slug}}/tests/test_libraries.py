"""Undocumented parts of libraries that the service relies on.

If a library changes one of them, the failure names the file to adapt.
"""

from hashlib import sha256
from importlib.resources import files

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from fastapi_azure_auth.openid_config import OpenIdConfig
from pydantic import BaseModel
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.http.problems import UNREADABLE


@pytest.mark.parametrize(
    ("owner", "names", "file"),
    [
        (OpenIdConfig, ["_load_openid_config", "_load_keys"], "app/identity/keys.py"),
        (uvicorn.Server, ["main_loop", "on_tick", "handle_exit"], "app/serve.py"),
        (
            HttpToolsProtocol,
            [
                "connection_made",
                "connection_lost",
                "data_received",
                "on_message_begin",
                "on_headers_complete",
                "on_message_complete",
                "send_400_response",
                "timeout_keep_alive_handler",
            ],
            "app/protocol.py",
        ),
        (RequestBodyLimitMiddleware, ["__call__"], "app/http/body_limit.py"),
        (Route, ["matches"], "app/http/problems.py and app/http/middleware.py"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_library_still_has_the_attributes_that_we_use(
    owner: type, names: list[str], file: str
) -> None:
    missing = [name for name in names if not hasattr(owner, name)]
    assert not missing, f"{owner.__name__} no longer has {missing}. Adapt {file}."


@pytest.mark.parametrize("name", ["response_started", "response_complete"])
def test_request_cycle_of_uvicorn_still_has_its_state(name: str) -> None:
    code = RequestResponseCycle.__init__.__code__
    assert name in code.co_names, (
        f"RequestResponseCycle no longer has {name}. Adapt app/protocol.py."
    )


def test_fastapi_still_sends_the_known_text_about_an_unreadable_body() -> None:
    class Item(BaseModel):
        name: str

    app = FastAPI()

    @app.post("/items")
    async def create(item: Item) -> None:
        """Do nothing."""

    response = TestClient(app).post(
        "/items", content=b'{"name": "\xff"}', headers={"Content-Type": "application/json"}
    )
    assert response.json() == {"detail": UNREADABLE}, "Adapt UNREADABLE in app/http/problems.py."


def test_starlette_still_sends_only_the_phrase_of_a_status() -> None:
    response = TestClient(FastAPI()).get("/nothing")
    assert response.json() == {"detail": "Not Found"}, "Adapt app/http/problems.py."


# SHA-256 of files in swagger-ui-dist 5.34.0, as published on npm.
@pytest.mark.parametrize(
    ("name", "digest"),
    [
        (
            "swagger-ui-bundle.js",
            "3f6abf70480db7e07914df4c98a77385f22ea585eaf457a3e6415ba0eae2d167",
        ),
        ("swagger-ui.css", "c3cfe8248c4b0b89673600fb829924eafbac6de4bc4b2b06f5f5243483074d0a"),
        ("favicon-32x32.png", "3ed612f41e050ca5e7000cad6f1cbe7e7da39f65fca99c02e99e6591056e5837"),
    ],
)
def test_package_carries_the_files_of_swagger_ui(name: str, digest: str) -> None:
    carried = files("fastapi_swagger.resources").joinpath(name).read_bytes()
    assert sha256(carried).hexdigest() == digest, (
        "The docs page holds tokens: compare the file with that of `npm pack swagger-ui-dist`, "
        "then change the digest here."
    )
