"""Creates the OpenAPI document of the service, without starting anything."""

import json

from app.factory import create_app
from dev.service import local_settings


def openapi_text(entra_address: str) -> str:
    """Return the OpenAPI document as JSON, for a stand-in at this address."""
    document = create_app(local_settings(entra_address)).openapi()
    return json.dumps(document, indent=2)
