"""`SpanMaker`: OpenTelemetry spans with the ids of a call's trace and the times of its entries.

Knows the SDK, and which ids a call has (`call.tracecontext`); what is a span is `telemetry.call_spans`' business.
Imported only where tracing is on (`telemetry.tracing`).
"""

import asyncio
import threading

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from voicegw import __version__
from voicegw.call.entries import Entry
from voicegw.call.tracecontext import CALL_SPAN, span_id, trace_id
from voicegw.telemetry.span_events import Attributes

_QUEUE_SPANS = 8192
_EXPORT_SECONDS = 5.0


def batches_to(url: str) -> SpanProcessor:
    """Spans go to the collector at `url` in batches, from a thread of their own; while it is away, the oldest go."""
    return BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=_EXPORT_SECONDS), max_queue_size=_QUEUE_SPANS)


class _Ids(RandomIdGenerator):
    """The ids that were asked for, where any were; random ones otherwise."""

    trace: int = 0
    span: int = 0

    def generate_trace_id(self) -> int:
        return self.trace or super().generate_trace_id()

    def generate_span_id(self) -> int:
        return self.span or super().generate_span_id()


class SpanMaker:
    """Starts spans, and hands those that end to `processor`. To be used from one thread."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._ids = _Ids()
        ours = Resource({"service.name": "voicegw", "service.version": __version__})
        # The header sent to agents says "sampled" of every call: whoever wants fewer samples in the collector.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=ours.merge(OTELResourceDetector().detect()),  # OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("voicegw", __version__)

    def start(
        self,
        entry: Entry,
        name: str,
        attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
        *,
        own_id: str = "",
        above: str = "",
        seconds_ago: float = 0.0,
    ) -> Span:
        """A span of the entry's call that began `seconds_ago` before the entry.

        `own_id` is its id, random if left out; `above` the span that it stands beneath, the call's own if left out.
        """
        root = span_id(entry.call_sid, CALL_SPAN)
        self._ids.trace = int(trace_id(entry.call_sid), 16)
        self._ids.span = int(own_id, 16) if own_id else 0
        context = Context()
        if own_id != root:
            parent = SpanContext(self._ids.trace, int(above or root, 16), False, TraceFlags(TraceFlags.SAMPLED))
            context = set_span_in_context(NonRecordingSpan(parent), context)
        began_at = nanoseconds(entry.at - max(0.0, seconds_ago))
        return self._tracer.start_span(name, context, kind, attributes, start_time=began_at)

    async def close(self, grace_seconds: float) -> None:
        """Send what is still to be sent, for at most so long: a collector that is away holds nothing up."""
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            if not loop.is_closed():
                loop.call_soon_threadsafe(closed.set)

        # A daemon of its own: a process that ends would wait for a thread of the executor's.
        threading.Thread(target=shut_down, name="close-tracer", daemon=True).start()
        try:
            async with asyncio.timeout(grace_seconds):
                await closed.wait()
        except TimeoutError:
            return


def end_span(span: Span, at: float, failure: str = "") -> None:
    """The span ends at `at` (epoch seconds); `failure` is the code of what went wrong, empty if nothing did."""
    if failure:
        span.set_attribute("error.type", failure)
        span.set_status(Status(StatusCode.ERROR, failure))
    span.end(nanoseconds(at))


def nanoseconds(epoch_seconds: float) -> int:
    """The instant as the SDK wants it."""
    return round(epoch_seconds * 1e9)
