"""Jinja filters that write a user's text unchanged into Python, TOML or Markdown.

`_extensions` in `cookiecutter.json` loads this module into cookiecutter's own Python, so it can
import only packages that cookiecutter installs.
"""

import re

from jinja2 import Environment
from jinja2.ext import Extension
from slugify import slugify

SLUG_LENGTH = 50

# uv cannot lock a project that has the name of one of its packages.
_PACKAGES = """
aiohappyeyeballs aiohttp aiosignal aiosqlite alembic annotated-doc annotated-types anyio
ast-serialize attrs axe-playwright-python azure-core azure-identity azure-postgresql-auth
cachetools certifi cffi cfgv charset-normalizer click colorama coverage cryptography distlib
dnspython email-validator execnet fastapi fastapi-azure-auth fastapi-cli fastapi-swagger filelock
frozenlist googleapis-common-protos graphql-core greenlet h11 harfile httpcore httpcore2 httptools
httpx httpx2 httpx2-jsfetch hypothesis hypothesis-graphql identify idna iniconfig jinja2 joserfc
jsonschema jsonschema-rs jsonschema-specifications librt mako markdown-it-py markupsafe mcp
mcp-types mdurl msal msal-extensions multidict mypy mypy-extensions nodeenv opentelemetry-api
opentelemetry-exporter-http-transport opentelemetry-exporter-otlp-common
opentelemetry-exporter-otlp-proto-common opentelemetry-exporter-otlp-proto-http
opentelemetry-proto opentelemetry-sdk opentelemetry-semantic-conventions packaging pathspec
platformdirs playwright pluggy pre-commit propcache protobuf psycopg psycopg-binary pycparser
pydantic pydantic-core pydantic-extra-types pydantic-settings pyee pygments pyjwt pyrate-limiter
pytest pytest-cov pytest-timeout pytest-xdist python-discovery python-dotenv python-multipart
pywin32 pyyaml referencing requests rich rich-toolkit rpds-py ruff schemathesis shellingham
sortedcontainers sqlalchemy sse-starlette starlette trustme truststore typer types-cachetools
typing-extensions typing-inspection tzdata urllib3 uuid-utils uvicorn uvloop virtualenv watchfiles
websockets werkzeug yarl
"""
# Windows does not allow folders with these names.
_DEVICES = "aux con nul prn " + " ".join(f"com{n} lpt{n}" for n in range(10))
RESERVED_SLUGS = frozenset(f"{_PACKAGES} {_DEVICES}".split())


def slug(name: str) -> str:
    """Return a valid project slug for any valid project name."""
    words = slugify(name).lstrip("-0123456789")[:SLUG_LENGTH].rstrip("-") or "my-service"
    return f"{words[: SLUG_LENGTH - 8].rstrip('-')}-service" if words in RESERVED_SLUGS else words


def python_string(text: str) -> str:
    """Return `text` as a Python string literal, as `ruff format` would write it."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    # repr() escapes invisible characters. With both quotes in the text, its choice of quotes is known.
    unquoted = repr(f"'{text}\"")[3:-2].replace("\\'", "'")
    return quote + unquoted.replace(quote, f"\\{quote}") + quote


def toml_string(text: str) -> str:
    """Return `text` as a TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def markdown_text(text: str) -> str:
    """Return Markdown that displays `text` as typed, at the start of a line or within it."""
    escaped = re.sub(r"([\\`*_\[\]<>&#|~$])", r"\\\1", text)
    escaped = re.sub(r"^([-+=:]|\d+(?=[.)]))", _escape_line_start, escaped)
    edges = re.compile(r"^\s+|\s+$")
    return edges.sub(lambda match: "".join(f"&#{ord(char)};" for char in match[0]), escaped)


def _escape_line_start(match: re.Match[str]) -> str:
    return f"{match[0]}\\" if match[0].isdecimal() else f"\\{match[0]}"


class TemplateText(Extension):
    """Register the filters, and `reserved_slugs` for the pre-generation hook."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters.update(
            slug=slug,
            python_string=python_string,
            toml_string=toml_string,
            markdown_text=markdown_text,
        )
        environment.globals["reserved_slugs"] = sorted(RESERVED_SLUGS)
