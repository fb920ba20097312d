"""The comparator: the routes of `bare` behind fastapi-azure-auth as its documentation has it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.memory import Memory
from fastapi import FastAPI, Security
from fastapi_azure_auth.auth import AzureAuthorizationCodeBearerBase

from benchmarks.bare import router

AUTHORITY = f"{os.environ['ENTRA_AUTHORITY']}/{os.environ['ENTRA_TENANT_ID']}"


class LocalBearer(AzureAuthorizationCodeBearerBase):
    """The library's own scheme, but for the host, which its ready-made classes fix."""

    def __init__(self) -> None:
        super().__init__(
            app_client_id=os.environ["API_CLIENT_ID"],
            openid_config_url=f"{AUTHORITY}/v2.0/.well-known/openid-configuration",
            openapi_authorization_url=f"{AUTHORITY}/oauth2/v2.0/authorize",
            openapi_token_url=f"{AUTHORITY}/oauth2/v2.0/token",
            scopes={f"api://{os.environ['API_CLIENT_ID']}/access_as_user": "access_as_user"},
        )
        self.scheme_name = "AzureAD_PKCE"


scheme = LocalBearer()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold a memory, and load the signing keys."""
    app.state.memory = Memory()
    await scheme.openid_config.load_config()
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(router, dependencies=[Security(scheme, scopes=["access_as_user"])])
