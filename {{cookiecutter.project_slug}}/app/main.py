"""The ASGI application `app.main:app`, configured by the environment or `.env`."""

from app.factory import create_app
from app.log import configure_logging
from app.settings import load_settings
from app.telemetry import telemetry_wanted

settings = load_settings()
configure_logging(settings.log_level, settings.log_format)
app = create_app(settings, telemetry=telemetry_wanted())
