"""When calls are traced, where the traces go, and what the operator reads when they cannot."""

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from voicegw.errors import SettingsError
from voicegw.telemetry.tracing import open_tracer

NOBODY = "http://127.0.0.1:9"


class Collector:
    """Takes spans as any OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.spans: list[str] = []
        self.services: set[str] = set()

    async def take(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        for resource in ExportTraceServiceRequest.FromString(await request.read()).resource_spans:
            attributes = {found.key: found.value.string_value for found in resource.resource.attributes}
            self.services.add(attributes["service.name"])
            self.spans += [span.name for scope in resource.scope_spans for span in scope.spans]
        return web.Response()


@pytest.fixture
async def collector(unused_tcp_port: int) -> AsyncIterator[tuple[Collector, str]]:
    collector = Collector()
    application = web.Application()
    application.router.add_post("/{path:.*}", collector.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    yield collector, f"http://127.0.0.1:{unused_tcp_port}"
    await runner.cleanup()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY, "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY, "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_traced_unless_asked_for(environ) -> None:
    assert open_tracer(environ=environ) is None


def test_the_sdk_is_not_imported_unless_asked_for() -> None:
    """It is an extra: most installations have none of it. (FastAPI imports the API, where that is installed.)"""
    program = (
        "import sys; import voicegw.telemetry.metrics; from voicegw.telemetry.tracing import open_tracer; "
        "open_tracer(environ={}); "
        "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("by", ["setting", "environment", "traces-environment"])
async def test_finished_calls_reach_the_collector(by, collector, dated, short_call) -> None:
    collected, url = collector
    environ = {
        "setting": {},
        "environment": {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{url}/"},
        "traces-environment": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{url}/v1/traces"},
    }[by]
    tracer = open_tracer(url if by == "setting" else "", environ=environ)
    assert tracer is not None
    for entry in dated(short_call):
        tracer.receive(entry)
    await tracer.close()
    assert collected.paths == ["/v1/traces"]
    assert collected.services == {"voicegw"}
    assert sorted(set(collected.spans)) == [
        "agent request",
        "call",
        "turn 1",
        "turn 2",
        "webhook step",
        "webhook voice",
    ]


async def test_a_collector_that_is_away_holds_up_neither_calls_nor_the_end(dated, short_call) -> None:
    tracer = open_tracer(NOBODY, environ={})
    assert tracer is not None
    for entry in dated(short_call):
        tracer.receive(entry)
    await tracer.close(grace_seconds=0.01)


def test_a_missing_extra_is_explained(monkeypatch) -> None:
    for name in ("voicegw.telemetry.call_spans", "voicegw.telemetry.span_maker"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"OpenTelemetry is not installed .*pip install 'voicegw\[otel\]'"):
        open_tracer(environ={"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY})


def test_a_protocol_that_is_not_spoken_is_explained() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(SettingsError, match=r'OTEL_EXPORTER_OTLP_PROTOCOL is "grpc".*4318'):
        open_tracer(environ=environ)
