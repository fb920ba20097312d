"""Signing in to PostgreSQL with an identity: real connections, with a token that is made up."""

import time
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

import jwt
import pytest
from pydantic import SecretStr
from sqlalchemy import URL, make_url

from app import azure
from app.database import connect_engine
from app.todos.database import DatabaseStore
from app.todos.schemas import NewTodo
from tests.missing import missing

KEY = "a key that nobody checks, of 32 bytes and more"  # pragma: allowlist secret


class Token(NamedTuple):
    """What a credential returns."""

    token: str
    expires_on: int


class Credential:
    """A credential (`AsyncTokenCredential`) that counts how often it is asked."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.asked = 0

    async def get_token(self, *scopes: str, **_: Any) -> Token:
        """Return a token that names the user."""
        self.asked += 1
        if not self.user:
            raise RuntimeError("there is no identity here")
        assert scopes == ("https://ossrdbms-aad.database.windows.net/.default",)
        expiry = int(time.time()) + 3600
        return Token(jwt.encode({"upn": self.user, "exp": expiry}, KEY, "HS256"), expiry)

    async def close(self) -> None:
        """Do nothing: there is no connection."""

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
    """Skip these tests where the extra is not installed."""
    if not azure.takes_identity(make_url("postgresql+psycopg://localhost/todos")):
        missing("The extra `azure` is not installed", "run `uv sync --inexact --extra azure`")


def test_a_password_in_the_url_is_used() -> None:
    url = "postgresql+psycopg://todos:secret@localhost/todos"  # pragma: allowlist secret
    assert not azure.takes_identity(make_url(url))


@pytest.mark.anyio
async def test_a_token_is_fetched_for_each_connection_and_not_for_each_request(
    postgresql_url: str,
) -> None:
    url = make_url(postgresql_url)
    credential = Credential(url.username or "")
    nameless = URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database, query=url.query
    )
    engine = connect_engine(SecretStr(str(nameless)), credential)
    store = DatabaseStore(engine)
    for n in range(5):
        todo = await store.add(UUID(int=1), UUID(int=2), NewTodo(title=str(n)))
        assert await store.get(UUID(int=1), todo.id) == todo
    assert credential.asked == 1
    await engine.dispose()
    await store.get(UUID(int=1), todo.id)
    assert credential.asked == 2
    await engine.dispose()


@pytest.mark.anyio
async def test_an_identity_without_a_token_is_a_database_that_does_not_answer() -> None:
    engine = connect_engine(SecretStr("postgresql+psycopg://127.0.0.1:1/todos"), Credential(""))
    assert "does not answer" in str(await DatabaseStore(engine).fault())
    await engine.dispose()
