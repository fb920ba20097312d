"""`DATABASE_URL`, together with the other settings and without them."""

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
def test_unsupported_database_url_is_refused(environment: pytest.MonkeyPatch, value: str) -> None:
    refuses(environment, "database_url", value)


def test_migration_requires_no_setting_except_the_database_url(
    environment: pytest.MonkeyPatch, values: Values
) -> None:
    environment.delenv("API_CLIENT_ID")
    assert load_database_url().get_secret_value() == values["database_url"]
    environment.delenv("DATABASE_URL")
    with pytest.raises(SettingsError, match="DATABASE_URL is missing"):
        load_database_url()


def test_password_is_not_in_the_repr(values: Values) -> None:
    url = "postgresql+psycopg://user:a-password@localhost/data"  # pragma: allowlist secret
    settings = Settings.model_validate(values | {"database_url": url})
    assert "a-password" not in repr(settings)


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.usefixtures("environment")
def test_env_file_in_another_encoding_is_refused(content: bytes) -> None:
    Path(".env").write_bytes(content)
    with pytest.raises(SettingsError, match=NOT_UTF_8):
        load_database_url()
