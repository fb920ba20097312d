"""`python -m dev openapi`."""

import json
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dev import __main__ as command


@pytest.fixture
def document(client: TestClient) -> object:
    """Return the document that the service serves."""
    return client.get("/openapi.json").json()


def test_document_is_printed_as_the_service_serves_it(
    document: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Neither is used.
    monkeypatch.setenv("API_CLIENT_ID", "x")
    monkeypatch.setenv("DOCS_ENABLED", "false")
    monkeypatch.setattr(sys, "argv", ["dev", "openapi"])
    command.main()
    assert json.loads(capsys.readouterr().out) == document


def test_document_is_written_to_a_file(
    document: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "openapi.json"
    monkeypatch.setattr(sys, "argv", ["dev", "openapi", "--output", str(file)])
    command.main()
    assert json.loads(file.read_text(encoding="utf-8")) == document


def test_file_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["dev", "openapi", "--output", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"cannot be written .* Choose another file"):
        command.main()
