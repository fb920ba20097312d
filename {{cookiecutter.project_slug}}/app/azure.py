"""Signing in to Azure Database for PostgreSQL with a managed identity, without a password.

It takes the extra `azure` (`uv sync --extra azure`) and a `DATABASE_URL` without a password. The
user in the URL, or else the one that the token names, is the identity's name in the database.
"""

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

from psycopg import AsyncConnection, Connection, OperationalError
from sqlalchemy.engine import URL


def takes_identity(url: URL) -> bool:
    """Whether connections to this URL sign in with the identity of this service."""
    return not url.password and find_spec("azure_postgresql_auth") is not None


def async_connector(
    url: URL, arguments: dict[str, Any], credential: Any = None
) -> Callable[[], Awaitable[AsyncConnection[Any]]]:
    """Return what opens a connection, each with a token of its own, without blocking the others.

    `credential` is an `AsyncTokenCredential`; by default the one that Azure gives this service.
    """
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415  an extra
    from azure_postgresql_auth.errors import EntraConnectionValueError  # noqa: PLC0415
    from azure_postgresql_auth.psycopg3 import AsyncEntraConnection  # noqa: PLC0415

    credential = credential or DefaultAzureCredential()

    async def connect() -> AsyncConnection[Any]:
        try:
            connection: AsyncConnection[Any] = await AsyncEntraConnection.connect(
                **_parameters(url), **arguments, credential=credential
            )
        except EntraConnectionValueError as error:
            # For the service it is the same as a database that does not answer.
            raise OperationalError(f"no token for the database: {error.__cause__}") from error
        return connection

    return connect


def connector(url: URL) -> Callable[[], Connection[Any]]:
    """Return what opens a connection for a migration."""
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415  an extra
    from azure_postgresql_auth.psycopg3 import EntraConnection  # noqa: PLC0415

    def connect() -> Connection[Any]:
        connection: Connection[Any] = EntraConnection.connect(
            **_parameters(url), credential=DefaultAzureCredential()
        )
        return connection

    return connect


def _parameters(url: URL) -> dict[str, Any]:
    named = url.translate_connect_args(username="user", database="dbname")
    return named | dict(url.query)
