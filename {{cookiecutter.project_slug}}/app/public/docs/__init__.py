"""The docs page: Swagger UI that signs in with PKCE, without files from other hosts."""

import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from app.http.problems import MEDIA_TYPE
from app.identity.entra import EntraScheme
from app.permissions import ACCESS_AS_USER
from app.public.docs.examples import complete_example
from app.settings import Settings

HERE = Path(__file__).parent
PAGE = Template(HERE.joinpath("page.html").read_text(encoding="utf-8"))
ASSETS = "/swagger-ui"
PROBLEM = "#/components/schemas/Problem"


def add_docs(app: FastAPI, settings: Settings, entra: EntraScheme) -> None:
    """Serve `/docs`, `/oauth2-redirect` and `/openapi.json` to anyone.

    The pages load files from this host only.
    """

    def document() -> dict[str, Any]:
        app.openapi_schema = app.openapi_schema or openapi_document(app, entra)
        return app.openapi_schema

    # FastAPI documents this as the way to replace the function.
    app.openapi = document  # type: ignore[method-assign]
    files = StaticFiles(directory=HERE / "static", packages=[("fastapi_swagger", "resources")])
    app.mount(ASSETS, files)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        prefix = request.scope.get("root_path", "")
        configuration = {
            "openapiUrl": f"{prefix}/openapi.json",
            "redirectPath": f"{prefix}/oauth2-redirect",
            "callerPath": f"{prefix}/api/me",
            "clientId": str(settings.swagger_ui_client_id),
            "scopes": list(settings.scopes),
        }
        page = PAGE.substitute(
            title=escape(app.title),
            assets=escape(prefix + ASSETS),
            openapi=escape(f"{prefix}/openapi.json"),
            configuration=json.dumps(configuration).replace("<", "\\u003c"),
        )
        return HTMLResponse(page, headers=_policy(f"'self' {settings.entra_authority}"))

    @app.get("/oauth2-redirect", include_in_schema=False)
    async def oauth2_redirect() -> FileResponse:
        return FileResponse(HERE / "redirect.html", headers=_policy("'none'"))

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> JSONResponse:
        root_path = request.scope.get("root_path")
        servers = {"servers": [{"url": root_path}]} if root_path else {}
        return JSONResponse(app.openapi() | servers)


def openapi_document(app: FastAPI, entra: EntraScheme) -> dict[str, Any]:
    """Return the OpenAPI document, with addresses and scopes from the settings and with problem details."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        terms_of_service=app.terms_of_service,
        contact=app.contact,
        license_info=app.license_info,
        tags=app.openapi_tags,
        routes=app.routes,
    )
    document["components"]["securitySchemes"][entra.scheme_name] = jsonable_encoder(
        entra.model, by_alias=True, exclude_none=True
    )
    operations = [(path, op) for path, ops in document["paths"].items() for op in ops.values()]
    for path, operation in operations:
        for requirement in operation.get("security", ()):
            if entra.scheme_name in requirement:
                scopes = {ACCESS_AS_USER.value, *requirement[entra.scheme_name]}
                requirement[entra.scheme_name] = sorted(map(entra.settings.scope, scopes))
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            if status[0] in "45" and schema.get("$ref") == PROBLEM:
                documented = content.pop("application/json") | content.get(MEDIA_TYPE, {})
                content[MEDIA_TYPE] = documented
                if "example" in documented:
                    schemas = document["components"]["schemas"]
                    complete_example(documented["example"], path, operation, schemas)
    return document


def _policy(connections: str) -> dict[str, str]:
    """Return the headers that allow a page only the scripts of this host."""
    directives = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        f"connect-src {connections}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    return {"Content-Security-Policy": "; ".join(directives)}
