"""OpenTelemetry: when it is on, and what a trace contains."""

import os

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.http.telemetry import PREFIXES, telemetry_wanted
from tests import samples
from tests.access import Bearer
from tests.conftest import Serve


def test_telemetry_is_off_unless_a_variable_configures_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        monkeypatch.delenv(name)
    assert telemetry_wanted() == {"tracing": False, "metrics": False, "logs": False}
    monkeypatch.setenv("OTEL_SERVICE_NAME", "service")
    assert telemetry_wanted() == {"tracing": True, "metrics": True, "logs": True}


def test_request_is_one_server_span_without_secrets(serve: Serve, bearer: Bearer) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    client = serve(routers=[samples.router], telemetry={"tracer_provider": provider})
    headers = bearer("bob")
    created = client.post("/api/samples", json={"title": "a secret"}, headers=headers)
    assert created.status_code == 201
    served = [span for span in spans.get_finished_spans() if span.kind.name == "SERVER"]
    assert [span.name for span in served] == ["POST /api/samples"]
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "a secret" not in told
    assert headers["Authorization"].rpartition(".")[2] not in told
