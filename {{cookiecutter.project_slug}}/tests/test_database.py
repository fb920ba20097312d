"""The database: migrations, and what the service says when it cannot use it."""

from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from fastapi.testclient import TestClient

from app.database import REVISION
from dev.migrate import alembic_config, migrate
from tests.access import Bearer
from tests.conftest import Serve


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database, of each kind in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite+aiosqlite:///{(tmp_path / 'migrations.db').as_posix()}"


def test_migrations_go_up_and_down_and_match_the_tables(url: str) -> None:
    config = alembic_config(url)
    command.upgrade(config, "head")
    command.check(config)
    for _ in ScriptDirectory.from_config(config).walk_revisions():
        command.downgrade(config, "-1")
    command.upgrade(config, "head")
    command.check(config)


def test_the_code_is_written_for_the_newest_revision() -> None:
    script = ScriptDirectory.from_config(alembic_config("sqlite+aiosqlite://"))
    assert script.get_heads() == [REVISION]


def says_503(client: TestClient, bearer: Bearer, sentence: str) -> None:
    """Check that the service lives, is not ready and says why."""
    assert client.get("/health/live").status_code == 200
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert sentence in ready.json()["detail"]
    for answer in (
        client.get("/api/todos", headers=bearer("bob")),
        client.post("/api/todos", json={"title": "milk"}, headers=bearer("bob")),
    ):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "sql" not in answer.text.lower()
    assert client.get("/api/me", headers=bearer("bob")).status_code == 200


def test_a_database_that_is_not_migrated(
    serve: Serve, bearer: Bearer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite+aiosqlite:///{(tmp_path / 'new.db').as_posix()}"
    client = serve(database_url=url)
    says_503(client, bearer, "run `alembic upgrade head`")
    assert "run `alembic upgrade head`" in caplog.text
    migrate(url)
    assert client.get("/health/ready").status_code == 200
    assert client.get("/api/todos", headers=bearer("bob")).status_code == 200


def test_a_database_that_does_not_answer(serve: Serve, bearer: Bearer) -> None:
    client = serve(database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    says_503(client, bearer, "does not answer")


def test_a_file_that_cannot_be_opened(serve: Serve, bearer: Bearer, tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{(tmp_path / 'no' / 'such' / 'folder.db').as_posix()}"
    says_503(serve(database_url=url), bearer, "does not answer")
