"""The settings of the service, and one message that names all that are missing or invalid."""

import re
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from fastapi import Depends
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
{% if cookiecutter.storage == "database" %}
    SecretStr,
{% endif %}
{% if cookiecutter.mcp %}
    StringConstraints,
{% endif %}
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from starlette.requests import HTTPConnection

from app.env_file import ENCODING, ENV_FILE, EnvFileError, check_env_file
from app.permissions import SCOPES
from app.tenancy_{{ cookiecutter.tenancy | replace("-tenant", "") }} import TenantSettings

Loaded = TypeVar("Loaded", bound=BaseSettings)


class SettingsError(Exception):
    """The service cannot start with these settings. The message says why, without their values."""


def _split(value: object) -> object:
    """Turn a comma-separated setting into a tuple."""
    if not isinstance(value, str):
        return value
    return tuple(part for part in (part.strip() for part in value.split(",")) if part)


def _matching(pattern: str) -> AfterValidator:
    """Accept a text that matches `pattern` in lower case, and convert it to lower case."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text.lower()):
            raise ValueError(f"not {pattern}")
        return text.lower()

    return AfterValidator(check)


def _without_slash(value: object) -> object:
    return value.rstrip("/") if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


{% if cookiecutter.storage == "database" %}
def _supported(value: SecretStr) -> SecretStr:
    if not re.match(r"postgresql\+psycopg://|sqlite\+aiosqlite://", value.get_secret_value()):
        raise ValueError("not a URL of a supported database")
    return value


{% endif %}
_HOST = r"[a-z0-9.-]+"
_LOOPBACK = r"(?:localhost|127\.0\.0\.1|\[::1\])"

CommaSeparated = (NoDecode, BeforeValidator(_split))
Authority = Annotated[
    str,
    BeforeValidator(_without_slash),
    _matching(rf"https://{_HOST}(?::\d+)?|http://{_LOOPBACK}(?::\d+)?"),
]
Origin = Annotated[str, _matching(rf"https?://(?:{_HOST}|\[[0-9a-f:]+\])(?::\d+)?")]
{% if cookiecutter.mcp %}
PublicUrl = Annotated[
    str,
    StringConstraints(
        pattern=rf"(?i)^https?://(?:{_HOST}|\[[0-9a-f:]+\])(?::\d+)?(?:/[a-z0-9._~-]+)*$"
    ),
]
{% endif %}
Host = Annotated[str, _matching(rf"(?:\*\.)?{_HOST}")]
{% if cookiecutter.storage == "database" %}
DatabaseUrl = Annotated[SecretStr, AfterValidator(_supported)]
{% endif %}


class Settings(TenantSettings):
    """The settings of the service, validated.

    A description says what is expected, in the message about an invalid value and in the documents:
    after a change, run `uv run python -m dev.reference`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_client_id: UUID = Field(
        description="a GUID: the application (client) ID of the API's app registration, the "
        "audience of every access token"
    )
{% if cookiecutter.mcp %}
    public_url: PublicUrl = Field(
        description="the address at which clients reach the service, such as "
        "https://api.example.com or https://example.com/base, without a trailing slash",
    )
{% endif %}
    docs_enabled: bool = Field(
        True, description="true or false: whether to serve the docs page and /openapi.json"
    )
    swagger_ui_client_id: UUID | None = Field(
        None,
        validate_default=True,
        description="a GUID: the application (client) ID of the docs page's app registration; "
        "required unless DOCS_ENABLED=false",
    )
    entra_authority: Authority = Field(
        "https://login.microsoftonline.com",
        description="the https:// address of the sign-in host, which differs in other clouds; "
        "http:// only for this machine",
    )
    allowed_client_ids: Annotated[frozenset[UUID], *CommaSeparated] = Field(
        frozenset(),
        description="comma-separated GUIDs: the client applications that may call the API, "
        "including the docs page; empty for any",
    )
    allow_guests: bool = Field(False, description="true or false: whether guest users may sign in")
{% if cookiecutter.storage == "database" %}
    database_url: DatabaseUrl = Field(
        description="postgresql+psycopg://USER:PASSWORD@HOST/NAME in production, or "
        "sqlite+aiosqlite:///./todos.db on a single machine",
        examples=["sqlite+aiosqlite:///./todos.db"],
    )
{% endif %}
    cors_origins: Annotated[tuple[Origin, ...], *CommaSeparated] = Field(
        (),
        description="comma-separated origins of front ends that call from a browser, such as "
        "https://www.example.com, without a path or a trailing slash; never *",
    )
    trusted_hosts: Annotated[tuple[Host, ...], *CommaSeparated] = Field(
        (),
        description="comma-separated host names that the service answers to, such as "
        "api.example.com or *.example.com; empty for any. Probes are answered for any host",
    )
    token_cache_seconds: int = Field(
        300,
        ge=0,
        description="a number of seconds: how long a verified token is trusted before its "
        "signature is verified again; 0 disables the cache",
    )
    max_body_bytes: int = Field(
        65536, ge=1, description="a number of bytes: a longer request body is refused with 413"
    )
    log_level: Annotated[
        Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"], BeforeValidator(_upper)
    ] = Field(
        "INFO",
        description="CRITICAL, ERROR, WARNING, INFO or DEBUG: the lowest level of the service's own "
        "lines in the log",
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="json, for log collectors, or console, for people"
    )

    @field_validator("swagger_ui_client_id")
    @classmethod
    def _needed_by_the_docs_page(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        if value is None and info.data.get("docs_enabled", True):
            raise PydanticCustomError("missing", "the docs page signs in with it")
        return value

    @property
    def sign_in_address(self) -> str:
        """The address below which Entra ID signs the users of this service in."""
        return f"{self.entra_authority}/{self.authority_tenant}"

    @property
    def scopes(self) -> dict[str, str]:
        """The scopes of the API, as a client asks for them, with what each is for."""
        return {self.scope(scope.value): scope.user_consent_display_name for scope in SCOPES}

    def scope(self, value: str) -> str:
        """Return a scope of the API as a client asks for it."""
        return f"api://{self.api_client_id}/{value}"


async def current_settings(connection: HTTPConnection) -> Settings:
    """Return the settings of the service; applications that are mounted in it share them."""
    settings: Settings = connection.state.settings
    return settings


CurrentSettings = Annotated[Settings, Depends(current_settings)]
"""A route with a parameter of this type reads the settings."""


class _Environment(Settings, BaseSettings):
    """The same settings, read from environment variables and a file."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_file_encoding=ENCODING, extra="ignore", env_ignore_empty=True
    )


def load_settings() -> Settings:
    """Read the settings from environment variables and, where those are silent, from `.env`.

    Raises SettingsError with a message that names every faulty variable and what was expected.
    """
    return _load(_Environment)
{% if cookiecutter.storage == "database" %}


class _DatabaseOnly(BaseSettings):
    """What a migration needs to know."""

    model_config = _Environment.model_config

    database_url: DatabaseUrl


def load_database_url() -> SecretStr:
    """Read only `DATABASE_URL`, as `load_settings` would."""
    return _load(_DatabaseOnly).database_url
{% endif %}


def _load(settings: type[Loaded]) -> Loaded:
    try:
        check_env_file()
        return settings()
    except EnvFileError as error:
        raise SettingsError(str(error)) from None
    except ValidationError as error:
        raise SettingsError(_explanation(error)) from None


def _explanation(error: ValidationError) -> str:
    """Return which variables are faulty. Values are left out, because they may be secret."""
    faults = {}
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(fault["loc"][0])
        state = "is missing" if fault["type"] == "missing" else "is invalid"
        expected = Settings.model_fields[field].description or "another value"
        faults[field] = f"  {field.upper()} {state}. Expected {expected}."
    lines = [
        "Settings are missing or invalid:",
        *faults.values(),
        "Set them in the environment or in .env. docs/settings.md lists every setting.",
    ]
    return "\n".join(lines)
