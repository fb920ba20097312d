"""Start of the service, with and without Entra ID, and its log."""

import asyncio
import importlib
import io
import json
import logging
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import Receive, Scope, Send

from app.http.log import configure_logging
from app.http.log_stream import LogStream
from app.http.request_log import RequestLog
from app.settings import Settings
from dev.entra import StandIn
from tests import samples
from tests.access import Bearer
from tests.conftest import DOCS_PAGE, ENTRA, Serve, Values


@pytest.mark.usefixtures("own_logging")
def test_application_is_built_from_the_environment(
    values: Values, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.delitem(sys.modules, "app.main", raising=False)
    assert isinstance(importlib.import_module("app.main").app, FastAPI)


def test_missing_settings_prevent_the_start_without_a_traceback(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import app.main"],
        env={"PYTHONPATH": str(Path.cwd()), "SYSTEMROOT": "C:\\Windows"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Settings are missing or invalid:\n")
    assert "API_CLIENT_ID is missing" in ended.stderr
    assert "Traceback" not in ended.stderr


class Switch:
    """A stand-in that is down until it is switched on."""

    def __init__(self) -> None:
        self.entra = StandIn(ENTRA, [DOCS_PAGE])
        self.on = False

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not self.on:
            raise OSError("Entra ID is down")
        await self.entra.app(scope, receive, send)


def test_service_is_live_without_keys_and_ready_once_it_has_them(
    serve: Serve, bearer: Bearer
) -> None:
    switch = Switch()
    client = serve(switch)
    assert client.get("/health/live").status_code == 200
    not_ready = client.get("/health/ready")
    assert not_ready.status_code == 503
    assert not_ready.headers["retry-after"] == "5"
    assert "signing keys" in not_ready.json()["detail"]
    signed_in = client.get("/api/me", headers=bearer("bob"))
    assert signed_in.status_code == 503
    assert signed_in.headers["retry-after"] == "5"
    assert client.get("/api/me").status_code == 401

    switch.on = True
    assert client.portal is not None
    assert client.portal.call(client.app_state["entra"].keys.refresh)
    assert client.get("/health/ready").status_code == 200


def flush_log(client: TestClient) -> None:
    """Let the event loop run once more: the log is written after the response."""
    assert client.portal is not None
    client.portal.call(asyncio.sleep, 0)


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("style", ["json", "console"])
def test_log_names_the_request_and_the_caller(
    serve: Serve, bearer: Bearer, capsys: pytest.CaptureFixture[str], style: str
) -> None:
    configure_logging("INFO", "json" if style == "json" else "console")
    client = serve(routers=[samples.router])
    client.get("/health")
    headers = bearer("bob") | {"X-Request-ID": "from-the-gateway"}
    client.post("/api/samples", json={"title": "a secret"}, headers=headers)
    flush_log(client)
    lines = [line for line in capsys.readouterr().err.splitlines() if "from-the-gateway" in line]
    assert len(lines) == 1
    for text in ("/api/samples", "201", "b0b00000-0000-4000-8000-000000000002"):
        assert text in lines[0]
    assert "a secret" not in lines[0]
    if style == "json":
        line = json.loads(lines[0])
        assert (line["event"], line["method"], line["status"]) == ("request", "POST", 201)
        assert line["request_id"] == "from-the-gateway"
        assert line["milliseconds"] > 0


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("style", ["json", "console"])
def test_log_line_contains_extra_fields(capsys: pytest.CaptureFixture[str], style: str) -> None:
    configure_logging("INFO", "json" if style == "json" else "console")
    try:
        raise ValueError("it is broken")
    except ValueError:
        logging.getLogger("app").exception("it %s", "failed", extra={"tenant": UUID(int=7)})
    said = capsys.readouterr().err
    for text in ("it failed", "00000000-0000-0000-0000-000000000007", "ValueError: it is broken"):
        assert text in said
    if style == "json":
        line = json.loads(said)
        assert (line["event"], line["level"], line["logger"]) == ("it failed", "error", "app")
        assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None


class Full(io.BytesIO):
    """A log file on a full disk."""

    tried = 0

    def write(self, _: object) -> int:
        """Fail."""
        self.tried += 1
        raise OSError("the disk is full")


def test_request_succeeds_if_the_log_cannot_be_written(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app")
    full = Full()
    monkeypatch.setattr(RequestLog, "stream", LogStream(io.TextIOWrapper(full)))
    client = serve()
    assert client.get("/").status_code == 200
    flush_log(client)
    assert full.tried == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
