"""The setting of the database, and reading it without the others."""

from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, load_database_url
from tests.conftest import Values
from tests.settings import NOT_UTF_8, UNREADABLE, refuses


@pytest.mark.parametrize(
    "value",
    [
        "data.db",
        "sqlite:///data.db",
        "postgresql://localhost/data",
        "mysql+aiomysql://localhost/data",
    ],
)
def test_another_database_is_refused(environment: pytest.MonkeyPatch, value: str) -> None:
    refuses(environment, "database_url", value)


def test_a_migration_needs_the_url_of_the_database_only(
    environment: pytest.MonkeyPatch, values: Values
) -> None:
    environment.delenv("API_CLIENT_ID")
    assert load_database_url().get_secret_value() == values["database_url"]
    environment.delenv("DATABASE_URL")
    with pytest.raises(SettingsError, match="DATABASE_URL is missing"):
        load_database_url()


def test_a_password_is_not_shown(values: Values) -> None:
    url = "postgresql+psycopg://user:a-password@localhost/data"  # pragma: allowlist secret
    settings = Settings.model_validate(values | {"database_url": url})
    assert "a-password" not in repr(settings)


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.usefixtures("environment")
def test_a_file_in_another_encoding_is_refused(content: bytes) -> None:
    Path(".env").write_bytes(content)
    with pytest.raises(SettingsError, match=NOT_UTF_8):
        load_database_url()
