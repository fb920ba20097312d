"""Settings: what they take, and what is said of wrong ones."""

import re
from pathlib import Path

import pytest

{% if cookiecutter.storage == "database" %}
from app.settings import Settings, SettingsError, load_database_url, load_settings
{% elif cookiecutter.storage == "memory" %}
from app.settings import Settings, SettingsError, load_settings
{% endif %}
from tests.conftest import Values

WRONG = {
    "api_client_id": ["", "x", "123", "api://a9100000-0000-4000-8000-000000000001"],
    "swagger_ui_client_id": ["x"],
    "entra_authority": [
        "login.microsoftonline.com",
        "http://login.microsoftonline.com",
        "https://login.microsoftonline.com/common",
        "https://user@login.microsoftonline.com",
        "http://localhost.example",
        "ftp://localhost",
    ],
    "allowed_client_ids": ["x", "*"],
    "allow_guests": ["perhaps"],
{% if cookiecutter.tenancy == "single-tenant" %}
    "entra_tenant_id": ["common", "contoso.example", "*"],
{% elif cookiecutter.tenancy == "multi-tenant" %}
    "allowed_tenant_ids": ["common", "contoso.example", "*,*", " , "],
{% endif %}
{% if cookiecutter.storage == "database" %}
    "database_url": [
        "data.db",
        "sqlite:///data.db",
        "postgresql://localhost/data",
        "mysql+aiomysql://localhost/data",
    ],
{% endif %}
    "cors_origins": ["*", "https://a.example/", "https://a.example/path", "a.example", "null"],
    "trusted_hosts": ["https://a.example", "a.example/", "*", "a.example:8000"],
    "token_cache_seconds": ["-1", "long"],
    "max_body_bytes": ["0", "1k"],
    "log_level": ["LOUD"],
    "log_format": ["xml"],
}


@pytest.fixture
def environment(
    values: Values, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> pytest.MonkeyPatch:
    """Return an environment in which every setting is right, in an empty folder."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_setting_is_named_with_what_it_takes(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name.upper(), value)
    with pytest.raises(SettingsError) as stopped:
        load_settings()
    message = str(stopped.value)
    assert f"  {name.upper()} is " in message
    assert f"Expected {Settings.model_fields[name].description}." in message
    assert message.count(" is invalid") + message.count(" is missing") == 1


def test_every_faulty_setting_is_named_at_once_and_no_value(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("API_CLIENT_ID")
    environment.setenv("CORS_ORIGINS", "a-secret-in-the-wrong-place")
    with pytest.raises(SettingsError) as stopped:
        load_settings()
    message = str(stopped.value)
    assert "API_CLIENT_ID is missing" in message
    assert "CORS_ORIGINS is invalid" in message
    assert "a-secret" not in message


def test_the_docs_page_needs_its_client_id_only_while_it_is_served(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("SWAGGER_UI_CLIENT_ID")
    with pytest.raises(SettingsError, match="SWAGGER_UI_CLIENT_ID is missing"):
        load_settings()
    environment.setenv("DOCS_ENABLED", "false")
    assert load_settings().swagger_ui_client_id is None


def test_settings_come_from_the_environment_before_the_file(
    environment: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("LOG_LEVEL=error\nMAX_BODY_BYTES=10\nSOMETHING_ELSE=1\n")
    environment.setenv("MAX_BODY_BYTES", "20")
    settings = load_settings()
    assert (settings.log_level, settings.max_body_bytes) == ("ERROR", 20)


def test_the_example_has_every_setting() -> None:
    project = Path(__file__).parent.parent
    example = project.joinpath(".env.example").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert re.search(rf"^(?:# )?{name.upper()}=", example, re.MULTILINE), name


def test_lists_are_separated_by_commas(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CORS_ORIGINS", "https://A.example, http://localhost:3000,")
    environment.setenv("TRUSTED_HOSTS", "a.example,*.b.example")
    settings = load_settings()
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.trusted_hosts == ("a.example", "*.b.example")


@pytest.mark.parametrize(
    "authority",
    [
        "https://login.microsoftonline.us/",
        "http://localhost:8400",
        "http://[::1]:1",
        "http://127.0.0.1",
    ],
)
def test_other_authorities_are_taken_without_a_closing_slash(
    values: Values, authority: str
) -> None:
    settings = Settings.model_validate(values | {"entra_authority": authority})
    assert settings.entra_authority == authority.rstrip("/")
{% if cookiecutter.storage == "database" %}


def test_a_migration_needs_the_url_of_the_database_alone(
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
{% endif %}
