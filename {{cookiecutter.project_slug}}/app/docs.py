"""The docs page: Swagger UI, served by the service itself, that signs in by PKCE."""

import hashlib
import re
from base64 import b64encode
from functools import cache
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from app.identity.entra import EntraSignIn
from app.problems import MEDIA_TYPE
from app.settings import Settings

ASSETS = "/swagger-ui"


def add_docs(app: FastAPI, settings: Settings, sign_in: EntraSignIn) -> None:
    """Serve `/docs`, `/oauth2-redirect` and `/openapi.json`, to anyone, from this host alone."""
    document = cache(lambda: openapi_document(app, sign_in))
    redirect_page = get_swagger_ui_oauth2_redirect_html()
    redirect_page.headers["Content-Security-Policy"] = _policy(redirect_page)
    app.mount(ASSETS, StaticFiles(packages=[("fastapi_swagger", "resources")]))

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> JSONResponse:
        root_path = request.scope.get("root_path")
        servers = {"servers": [{"url": root_path}]} if root_path else {}
        return JSONResponse(document() | servers)

    @app.get("/oauth2-redirect", include_in_schema=False)
    async def oauth2_redirect() -> HTMLResponse:
        return redirect_page

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        prefix = request.scope.get("root_path", "")
        page = get_swagger_ui_html(
            title=app.title,
            openapi_url=f"{prefix}/openapi.json",
            swagger_js_url=f"{prefix}{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{prefix}{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{prefix}{ASSETS}/favicon-32x32.png",
            oauth2_redirect_url=f"{prefix}/oauth2-redirect",
            init_oauth={
                "clientId": str(settings.swagger_ui_client_id),
                "scopes": settings.scope,
                "usePkceWithAuthorizationCodeGrant": True,
            },
        )
        page.headers["Content-Security-Policy"] = _policy(page, settings.entra_authority)
        return page


def openapi_document(app: FastAPI, sign_in: EntraSignIn) -> dict[str, Any]:
    """Return the OpenAPI document, with what only the settings and `app.problems` know."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    document["components"]["securitySchemes"] = {
        sign_in.scheme_name: jsonable_encoder(sign_in.model, by_alias=True, exclude_none=True)
    }
    for operation in (op for path in document["paths"].values() for op in path.values()):
        if "security" in operation:
            operation["security"] = [{sign_in.scheme_name: [sign_in.settings.scope]}]
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if status[0] in "45" and "application/json" in content:
                content[MEDIA_TYPE] = content.pop("application/json")
    return document


def _policy(page: HTMLResponse, sign_in_host: str = "") -> str:
    """Return the Content-Security-Policy that lets this page run its own script and no other."""
    scripts = re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)
    hashes = [
        f"'sha256-{b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts
    ]
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {' '.join(hashes)}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            f"connect-src 'self' {sign_in_host}".strip(),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
