"""Settings: valid and invalid values, and the messages about them."""

from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, load_settings
from dev import reference
from tests.conftest import Values
from tests.settings import refuses

INVALID = {
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
    "cors_origins": ["*", "https://a.example/", "https://a.example/path", "a.example", "null"],
    "trusted_hosts": ["https://a.example", "a.example/", "*", "a.example:8000"],
    "token_cache_seconds": ["-1", "long"],
    "max_body_bytes": ["0", "1k"],
    "log_level": ["LOUD"],
    "log_format": ["xml"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in INVALID.items() for value in values]
)
def test_invalid_setting_is_refused_with_what_is_expected(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    refuses(environment, name, value)


def test_message_names_every_invalid_setting_but_no_value(
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


def test_client_id_of_the_docs_page_is_required_only_if_it_is_served(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("SWAGGER_UI_CLIENT_ID")
    with pytest.raises(SettingsError, match="SWAGGER_UI_CLIENT_ID is missing"):
        load_settings()
    environment.setenv("DOCS_ENABLED", "false")
    assert load_settings().swagger_ui_client_id is None


def test_environment_takes_precedence_over_the_file(
    environment: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("LOG_LEVEL=error\nMAX_BODY_BYTES=10\nSOMETHING_ELSE=1\n")
    environment.setenv("MAX_BODY_BYTES", "20")
    settings = load_settings()
    assert (settings.log_level, settings.max_body_bytes) == ("ERROR", 20)


@pytest.mark.parametrize(("path", "text"), reference.texts().items(), ids=str)
def test_generated_documents_are_up_to_date(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "Run `uv run python -m dev.reference`."


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_description(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description, (
        f"Give the field {name} a description: messages about invalid values use it."
    )


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
def test_trailing_slash_of_the_authority_is_removed(values: Values, authority: str) -> None:
    settings = Settings.model_validate(values | {"entra_authority": authority})
    assert settings.entra_authority == authority.rstrip("/")
