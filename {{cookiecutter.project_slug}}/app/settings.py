"""The settings of the service: what each takes, and one readable message when they are wrong."""

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
{% if cookiecutter.storage == "database" %}
    SecretStr,
{% endif %}
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

{% if cookiecutter.storage == "database" %}
from app.database import DatabaseUrl
{% endif %}
from app.env_file import ENCODING, ENV_FILE, EnvFileError, check_env_file

SCOPE = "access_as_user"
{% if cookiecutter.tenancy == "multi-tenant" %}
EVERY_TENANT = "*"
PERSONAL_ACCOUNTS = UUID("9188040d-6c67-4c5b-b112-36a304b66dad")
"""The tenant that all personal Microsoft accounts share."""
{% endif %}


def _split(value: object) -> object:
    """Turn a comma-separated setting into a tuple."""
    if not isinstance(value, str):
        return value
    return tuple(part for part in (part.strip() for part in value.split(",")) if part)


def _matching(pattern: str) -> AfterValidator:
    """Take a text that is wholly `pattern`, in lower case."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text.lower()):
            raise ValueError(f"not {pattern}")
        return text.lower()

    return AfterValidator(check)


def _without_slash(value: object) -> object:
    return value.rstrip("/") if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


_HOST = r"[a-z0-9.-]+"
_LOOPBACK = r"(?:localhost|127\.0\.0\.1|\[::1\])"

CommaSeparated = (NoDecode, BeforeValidator(_split))
Authority = Annotated[
    str,
    BeforeValidator(_without_slash),
    _matching(rf"https://{_HOST}(?::\d+)?|http://{_LOOPBACK}(?::\d+)?"),
]
Origin = Annotated[str, _matching(rf"https?://(?:{_HOST}|\[[0-9a-f:]+\])(?::\d+)?")]
Host = Annotated[str, _matching(rf"(?:\*\.)?{_HOST}")]
{% if cookiecutter.tenancy == "multi-tenant" %}
Tenants = Literal["*"] | frozenset[UUID]


def _tenants(value: object) -> object:
    """Take `*` alone, or a list that is not empty."""
    if value == EVERY_TENANT:
        return value
    tenants = _split(value)
    if not tenants:
        raise PydanticCustomError("missing", "no tenant is named")
    return tenants
{% endif %}


class Settings(BaseModel):
    """What the service needs to know, checked. Each description begins with what the setting takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

{% if cookiecutter.tenancy == "single-tenant" %}
    entra_tenant_id: UUID = Field(description="a GUID: the tenant whose users may sign in")
{% else %}
    allowed_tenant_ids: Annotated[Tenants, NoDecode, BeforeValidator(_tenants)] = Field(
        description="comma-separated GUIDs: the tenants whose users may sign in; "
        "or * alone for every organisation"
    )
{% endif %}
    api_client_id: UUID = Field(
        description="a GUID: the application (client) ID of the API's app registration"
    )
    docs_enabled: bool = Field(True, description="true or false: serve the docs page")
    swagger_ui_client_id: UUID | None = Field(
        None,
        validate_default=True,
        description="a GUID: the application (client) ID of the docs page's app registration; "
        "needed unless DOCS_ENABLED=false",
    )
    entra_authority: Authority = Field(
        "https://login.microsoftonline.com",
        description="the https:// address of the sign-in host; http:// only for this machine",
    )
    allowed_client_ids: Annotated[frozenset[UUID], *CommaSeparated] = Field(
        frozenset(),
        description="comma-separated GUIDs: the client applications that may call; empty for any",
    )
    allow_guests: bool = Field(
        False, description="true or false: whether guest users of the tenant may sign in"
    )
{% if cookiecutter.storage == "database" %}
    database_url: DatabaseUrl = Field(
        description="postgresql+psycopg://USER:PASSWORD@HOST/NAME, or on one machine "
        "sqlite+aiosqlite:///./todos.db"
    )
{% endif %}
    cors_origins: Annotated[tuple[Origin, ...], *CommaSeparated] = Field(
        (),
        description="comma-separated origins such as https://www.example.com, "
        "without a path or closing slash; never *",
    )
    trusted_hosts: Annotated[tuple[Host, ...], *CommaSeparated] = Field(
        (),
        description="comma-separated host names that the service answers to, such as "
        "api.example.com or *.example.com; empty for any",
    )
    token_cache_seconds: int = Field(
        300,
        ge=0,
        description="a number of seconds: how long a verified token is trusted without verifying "
        "its signature again; 0 turns it off",
    )
    max_body_bytes: int = Field(
        65536, ge=1, description="a number of bytes: a longer request body is refused"
    )
    log_level: Annotated[
        Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"], BeforeValidator(_upper)
    ] = Field("INFO", description="CRITICAL, ERROR, WARNING, INFO or DEBUG")
    log_format: Literal["json", "console"] = Field("json", description="json or console")

    @field_validator("swagger_ui_client_id")
    @classmethod
    def _needed_by_the_docs_page(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        if value is None and info.data.get("docs_enabled", True):
            raise PydanticCustomError("missing", "the docs page signs in with it")
        return value

    @property
    def scope(self) -> str:
        """The one scope of the API, as a client asks for it."""
        return f"api://{self.api_client_id}/{SCOPE}"

    @property
    def sign_in_address(self) -> str:
        """The address below which Entra ID signs the users of this service in."""
{% if cookiecutter.tenancy == "single-tenant" %}
        return f"{self.entra_authority}/{self.entra_tenant_id}"
{% else %}
        return f"{self.entra_authority}/organizations"
{% endif %}

    def allows_tenant(self, tenant_id: UUID) -> bool:
        """Whether users of this tenant may sign in."""
{% if cookiecutter.tenancy == "single-tenant" %}
        return tenant_id == self.entra_tenant_id
{% else %}
        if tenant_id == PERSONAL_ACCOUNTS:
            return False
        return self.allowed_tenant_ids == EVERY_TENANT or tenant_id in self.allowed_tenant_ids
{% endif %}


_SOURCES = SettingsConfigDict(
    env_file=ENV_FILE, env_file_encoding=ENCODING, extra="ignore", env_ignore_empty=True
)


class _Environment(Settings, BaseSettings):
    """The same settings, read from environment variables and a file."""

    model_config = _SOURCES
{% if cookiecutter.storage == "database" %}


class _DatabaseAlone(BaseSettings):
    """What a migration needs to know."""

    model_config = _SOURCES

    database_url: DatabaseUrl
{% endif %}


def load_settings() -> Settings:
    """Read the settings from environment variables and, where those are silent, from `.env`.

    Raises SystemExit with a message that names every faulty variable and what it takes.
    """
    try:
        check_env_file()
        return _Environment()
    except EnvFileError as error:
        raise SystemExit(str(error)) from None
    except ValidationError as error:
        raise SystemExit(_explanation(error)) from None
{% if cookiecutter.storage == "database" %}


def load_database_url() -> SecretStr:
    """Read `DATABASE_URL` alone, as `load_settings` would."""
    try:
        check_env_file()
        return _DatabaseAlone().database_url
    except EnvFileError as error:
        raise SystemExit(str(error)) from None
    except ValidationError as error:
        raise SystemExit(_explanation(error)) from None
{% endif %}


def _explanation(error: ValidationError) -> str:
    """Say which variables are faulty. Values are left out, because they may be secret."""
    faults = {}
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(fault["loc"][0])
        state = "is missing" if fault["type"] == "missing" else "is wrong"
        faults[field] = (
            f"  {field.upper()} {state}. It takes {Settings.model_fields[field].description}."
        )
    lines = [
        "Settings are missing or wrong:",
        *faults.values(),
        "Set them in the environment or in .env; .env.example lists every setting.",
    ]
    return "\n".join(lines)
