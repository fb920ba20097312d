"""Invalid settings, and the messages about them."""

import pytest

from app.settings import Settings, SettingsError, load_settings

UNREADABLE = {
    "UTF-16": "é".encode("utf-16"),
    "UTF-16 without a byte order mark": "API_CLIENT_ID=x".encode("utf-16-le"),
    "Latin-1": "# für Entra\nAPI_CLIENT_ID=x".encode("latin-1"),
}
"""Contents of `.env` in encodings other than UTF-8."""
NOT_UTF_8 = r"^\.env is not UTF-8 text\. Save it again with the encoding UTF-8\.$"


def refuses(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Assert that the value is refused with one sentence, which says what is expected."""
    environment.setenv(name.upper(), value)
    with pytest.raises(SettingsError) as stopped:
        load_settings()
    message = str(stopped.value)
    assert f"  {name.upper()} is " in message
    assert f"Expected {Settings.model_fields[name].description}." in message
    assert message.count(" is invalid") + message.count(" is missing") == 1
