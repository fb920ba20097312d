"""Signs in to Azure Database for PostgreSQL with a managed identity instead of a password.

This requires the extra `azure` (`uv sync --inexact --extra azure`) and a `DATABASE_URL` without a
password. The user in the URL, or otherwise in the token, is the identity's name in the database.
"""

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

from psycopg import AsyncConnection, Connection, OperationalError
from sqlalchemy.engine import URL


def uses_identity(url: URL) -> bool:
    """Return whether connections to this URL sign in with a managed identity."""
    is_installed = find_spec("azure_postgresql_auth") is not None
    return is_installed and url.get_backend_name() == "postgresql" and not url.password


def default_credential() -> Any:
    """Return the `AsyncTokenCredential` of the managed identity; close it when done."""
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415  an extra

    return DefaultAzureCredential()


def async_connector(
    parameters: dict[str, Any], credential: Any
) -> Callable[[], Awaitable[AsyncConnection[Any]]]:
    """Return a function that opens a connection with a new token, without blocking the event loop.

    `parameters` are those of libpq; `credential` is an `AsyncTokenCredential`.
    """
    from azure_postgresql_auth.errors import EntraConnectionValueError  # noqa: PLC0415  an extra
    from azure_postgresql_auth.psycopg3 import AsyncEntraConnection  # noqa: PLC0415

    async def connect() -> AsyncConnection[Any]:
        try:
            connection: AsyncConnection[Any] = await AsyncEntraConnection.connect(
                **parameters, credential=credential
            )
        except EntraConnectionValueError as error:
            # The service treats this like a database that does not answer.
            raise OperationalError(f"no token for the database: {error.__cause__}") from error
        return connection

    return connect


def connector(parameters: dict[str, Any]) -> Callable[[], Connection[Any]]:
    """Return a function that opens a connection for a migration."""
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415  an extra
    from azure_postgresql_auth.psycopg3 import EntraConnection  # noqa: PLC0415

    def connect() -> Connection[Any]:
        with DefaultAzureCredential() as credential:
            connection: Connection[Any] = EntraConnection.connect(
                **parameters, credential=credential
            )
        return connection

    return connect
