"""The ASGI application `app.main:app`, configured by the environment or `.env`."""

from app.factory import create_app
from app.http.log import configure_logging
from app.http.telemetry import telemetry_wanted
from app.settings import SettingsError, load_settings

try:
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    app = create_app(settings, telemetry=telemetry_wanted())
except SettingsError as error:
    raise SystemExit(str(error)) from None
