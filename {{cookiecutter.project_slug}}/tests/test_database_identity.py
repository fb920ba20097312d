"""Sign-in to PostgreSQL with an identity, over real connections and with a fake token."""

import time
from types import TracebackType
from typing import Any, NamedTuple, Self

import jwt
import pytest
from sqlalchemy import URL, make_url, text

from app.database.database import Database, DatabaseStorage
from app.database.engine import connect_engine
from app.database.managed_identity import uses_identity
from app.settings import Settings
from tests.conftest import Values
from tests.missing import missing

KEY = "a key of at least 32 bytes that is never checked"  # pragma: allowlist secret


class Token(NamedTuple):
    """What a credential returns."""

    token: str
    expires_on: int


class Credential:
    """An `AsyncTokenCredential` that counts the requests for a token."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.asked = 0
        self.closed = False

    async def get_token(self, *scopes: str, **_: Any) -> Token:
        """Return a token that names the user."""
        self.asked += 1
        if not self.user:
            raise RuntimeError("there is no identity here")
        assert scopes == ("https://ossrdbms-aad.database.windows.net/.default",)
        expiry = int(time.time()) + 3600
        return Token(jwt.encode({"upn": self.user, "exp": expiry}, KEY, "HS256"), expiry)

    async def close(self) -> None:
        """Record the call."""
        self.closed = True

    async def __aenter__(self) -> Self:
        """Return the credential."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Do nothing."""


@pytest.fixture(autouse=True)
def extra() -> None:
    """Skip these tests if the extra is not installed."""
    if not uses_identity(make_url("postgresql+psycopg://localhost/data")):
        missing("The extra `azure` is not installed", "run `uv sync --inexact --extra azure`")


def test_password_in_the_url_takes_precedence() -> None:
    url = "postgresql+psycopg://user:secret@localhost/data"  # pragma: allowlist secret
    assert not uses_identity(make_url(url))


@pytest.mark.anyio
async def test_token_is_fetched_for_each_connection_but_not_for_each_request(
    postgresql_url: str,
) -> None:
    url = make_url(postgresql_url)
    credential = Credential(url.username or "")
    nameless = URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database, query=url.query
    )
    database = Database(connect_engine(nameless, credential))
    for _ in range(5):
        async with database.autocommit() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
    assert credential.asked == 1
    await database.engine.dispose()
    assert await database.unavailable_reason() is None
    assert credential.asked == 2
    await database.engine.dispose()


@pytest.mark.anyio
async def test_database_is_unavailable_without_a_token() -> None:
    url = make_url("postgresql+psycopg://127.0.0.1:1/data")
    database = Database(connect_engine(url, Credential("")))
    assert "does not answer" in str(await database.unavailable_reason())
    await database.engine.dispose()


@pytest.mark.anyio
async def test_credential_is_closed_when_the_service_stops(values: Values) -> None:
    credential = Credential("somebody")
    url = "postgresql+psycopg://127.0.0.1:1/data"
    settings = Settings.model_validate(values | {"database_url": url})
    async with DatabaseStorage(settings, credential).open():
        assert not credential.closed
    assert credential.closed


@pytest.mark.anyio
async def test_hosts_and_options_in_the_url_apply_with_an_identity(postgresql_url: str) -> None:
    url = make_url(postgresql_url)
    host, port = url.host or url.query["host"], url.port or 5432
    # The first of two hosts does not answer.
    query = {
        "host": ["127.0.0.1:1", f"{host}:{port}"],
        "options": "-c application_name=counts",
        "connect_timeout": "9",
    }
    target = URL.create(url.drivername, database=url.database, query=query)
    database = Database(connect_engine(target, Credential(url.username or "")))
    async with database.autocommit() as connection:
        assert await connection.scalar(text("SHOW application_name")) == "counts"
        assert await connection.scalar(text("SHOW statement_timeout")) == "4s"
    await database.engine.dispose()
