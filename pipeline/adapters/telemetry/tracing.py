"""OpenTelemetry tracing: a span for each notice, one below it for each request, sent by OTLP over HTTP.

Loaded only if `tracing.endpoint` is set; otherwise it has no cost for an event. Nothing is kept
between the beginning of a span and its end: a notice's span has an id that follows from the notice's own, so a request
knows its parent, and both are made when they are over. Names follow OpenTelemetry's conventions for messaging and HTTP.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from pipeline.model.outcome import Outcome, OutcomeKind
from pipeline.model.trace import TraceContext

if TYPE_CHECKING:
    from pipeline.model.event import Record
    from pipeline.model.notice import Notice
    from pipeline.model.reply import Reply
    from pipeline.ports import Acknowledged, Answered, Clock, NoticesApi, OutcomeLog

SPAN_BITS = 64
CLOSE_SECONDS = 5.0
"""For the last batch at the end; a collector that is away must not hold the drain up."""
_NANOSECONDS = 1_000_000_000
_SCOPE = InstrumentationScope("notice-pipeline")
_WELL = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.UNMATCHED})

log = structlog.get_logger("tracing")


class TracingOptions(NamedTuple):
    """Where spans go. Header values may be secret and are not in the repr."""

    endpoint: str
    sample_ratio: float
    """Share of the traces that begin here; one that an event brings is kept as its beginning says."""
    timeout_seconds: float
    headers: Mapping[str, str]
    ca_file: str | None
    service_name: str
    version: str
    group: str
    """The consumer group."""

    def __repr__(self) -> str:
        """Without anything that may be secret."""
        return f"TracingOptions(endpoint={self.endpoint.partition('?')[0]!r}, sample_ratio={self.sample_ratio})"


class Tracing:
    """Makes spans and hands them to the exporter's own thread, which drops them when the collector is too slow."""

    def __init__(self, options: TracingOptions, clock: Clock, rng: Callable[[int], int], instance: str) -> None:
        """`rng` returns as many random bits as its argument; `instance` distinguishes this process from others."""
        self._clock = clock
        self._rng = rng
        self._salt = rng(SPAN_BITS).to_bytes(8, "big")
        self._least_unsampled = round(options.sample_ratio * 2**SPAN_BITS)
        self._group = options.group
        self._closed = False
        self._resource = Resource(
            {
                "service.name": options.service_name,
                "service.version": options.version,
                "service.instance.id": instance,
            }
        )
        _tell_of_trouble()
        self._exporter = _ReplaceableExporter(_exporter(options))
        self._processor = BatchSpanProcessor(self._exporter)

    def replacement(self, options: TracingOptions) -> Callable[[], None]:
        """Prepare an exporter with other headers or another authority; the function returned puts it in use."""
        exporter = _exporter(options)
        return lambda: self._exporter.use(exporter)

    def of_notice(self, notice_id: str, event: TraceContext | None) -> TraceContext:
        """The context of a notice's span: the event's trace, or one of its own."""
        digest = hashlib.sha256(self._salt + notice_id.encode("utf-8", "surrogatepass")).digest()
        span = digest[:8].hex()
        if event is not None:
            return TraceContext(f"00-{event.traceparent[3:35]}-{span}-{event.traceparent[53:55]}", event.tracestate)
        sampled = int.from_bytes(digest[16:24], "big") < self._least_unsampled
        return TraceContext(f"00-{digest[8:24].hex()}-{span}-{sampled:02x}")

    def now(self) -> float:
        """The time, as spans have it."""
        return self._clock.now()

    def child_of(self, parent: TraceContext) -> TraceContext:
        """The context of a request's span."""
        span = self._rng(SPAN_BITS) or 1
        return parent._replace(traceparent=f"{parent.traceparent[:36]}{span:016x}{parent.traceparent[52:]}")

    def requested(
        self, span: TraceContext, parent: TraceContext, reply: Reply, started: float, request: Mapping[str, str | int]
    ) -> None:
        """A request has ended; `request` are the attributes of every request to its API."""
        attributes: dict[str, str | int] = dict(request)
        if reply.status is not None:
            attributes["http.response.status_code"] = reply.status
        if reply.code is not None:
            attributes["notice_pipeline.code"] = reply.code
        if reply.fault is not None:
            attributes["error.type"] = reply.fault.value
        self._end(
            ReadableSpan(
                "POST",
                context=_context(span),
                parent=_context(parent),
                kind=SpanKind.CLIENT,
                resource=self._resource,
                attributes=attributes,
                status=Status(StatusCode.ERROR if reply.fault is not None else StatusCode.UNSET),
                start_time=round(started * _NANOSECONDS),
                end_time=round(self.now() * _NANOSECONDS),
                instrumentation_scope=_SCOPE,
            )
        )

    def ended(self, span: TraceContext, event: TraceContext | None, outcome: Outcome) -> None:
        """An outcome is acknowledged: the notice's own span ends with that."""
        topic, partition, offset = outcome.position
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
            "messaging.kafka.offset": offset,
            "messaging.consumer.group.name": self._group,
            "notice_pipeline.outcome": outcome.kind.value,
            "notice_pipeline.reason": outcome.reason.value,
            "notice_pipeline.attempts": outcome.attempts,
        }
        texts = {
            "cloudevents.event_type": outcome.event_type,
            "cloudevents.event_id": outcome.event_id,
            "cloudevents.event_source": outcome.event_source,
            "notice_pipeline.rule": outcome.rule,
            "notice_pipeline.template": outcome.template,
        }
        attributes.update((name, text) for name, text in texts.items() if text is not None)
        well = outcome.kind in _WELL
        if not well:
            attributes["error.type"] = outcome.reason.value
        self._end(
            ReadableSpan(
                f"process {topic}",
                context=_context(span),
                parent=_context(event) if event is not None else None,
                links=(Link(_context(event)),) if event is not None else (),
                kind=SpanKind.CONSUMER,
                resource=self._resource,
                attributes=attributes,
                status=Status(StatusCode.UNSET if well else StatusCode.ERROR),
                start_time=round(outcome.received_at * _NANOSECONDS),
                end_time=round(self.now() * _NANOSECONDS),
                instrumentation_scope=_SCOPE,
            )
        )

    def _end(self, span: ReadableSpan) -> None:
        self._processor.on_end(span)

    async def close(self) -> None:
        """Send what is left, for a moment; called for each API."""
        if self._closed:
            return
        self._closed = True
        last = threading.Thread(target=self._processor.shutdown, name="tracing-end", daemon=True)
        last.start()
        await asyncio.to_thread(last.join, CLOSE_SECONDS)


def _exporter(options: TracingOptions) -> SpanExporter:
    return OTLPSpanExporter(
        endpoint=options.endpoint,
        headers=dict(options.headers),
        timeout=options.timeout_seconds,
        certificate_file=options.ca_file,
    )


class _ReplaceableExporter(SpanExporter):
    """Exports by another exporter, which may be replaced between two batches."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def use(self, inner: SpanExporter) -> None:
        """Export further batches by `inner`; one under way ends by the exporter that has it."""
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch."""
        return self._inner.export(spans)

    def shutdown(self) -> None:
        """Close connections."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return self._inner.force_flush(timeout_millis)


class TracedNoticesApi:
    """Implements `pipeline.ports.NoticesApi` around another: each request has a span, whose context goes along."""

    def __init__(self, inner: NoticesApi, tracing: Tracing, url: str) -> None:
        """`url` is that of the API."""
        self._inner = inner
        self._tracing = tracing
        api = urlsplit(url)
        self._attributes: Mapping[str, str | int] = {
            "http.request.method": "POST",
            "server.address": api.hostname or "",
            "server.port": api.port or (443 if api.scheme == "https" else 80),
            "url.full": url.partition("?")[0],
        }

    def post(self, notice: Notice, token: str, trace: TraceContext | None, answered: Answered) -> None:
        """As the other one."""
        parent = self._tracing.of_notice(notice.id, trace)
        span = self._tracing.child_of(parent)
        started = self._tracing.now()

        def ended(reply: Reply) -> None:
            if span.sampled:
                self._tracing.requested(span, parent, reply, started, self._attributes)
            answered(reply)

        self._inner.post(notice, token, span, ended)

    async def close(self) -> None:
        """Close connections; outcomes are acknowledged by now, so no span is to come."""
        await self._inner.close()
        await self._tracing.close()


class TracedOutcomeLog:
    """Implements `pipeline.ports.OutcomeLog` around another: outcomes carry their notice's span, and end it."""

    def __init__(self, inner: OutcomeLog, tracing: Tracing) -> None:
        self._inner = inner
        self._tracing = tracing

    def publish(self, outcome: Outcome, record: Record | None, acknowledged: Acknowledged) -> None:
        """As the other one."""
        event = outcome.trace
        span = self._tracing.of_notice(outcome.id, event)

        def ended(partition: int, offset: int) -> None:
            acknowledged(partition, offset)
            if span.sampled:
                self._tracing.ended(span, event, outcome)

        self._inner.publish(outcome._replace(trace=span), record, ended)

    def poll(self) -> int:
        """As the other one."""
        return self._inner.poll()

    def flush(self, timeout: float) -> int:
        """As the other one."""
        return self._inner.flush(timeout)


def _context(trace: TraceContext) -> SpanContext:
    state = TraceState.from_header([trace.tracestate]) if trace.tracestate else None
    return SpanContext(
        trace.trace_id, trace.span_id, is_remote=False, trace_flags=TraceFlags(trace.sampled), trace_state=state
    )


def _tell_of_trouble() -> None:
    """What the exporter says of a collector that is away goes to our own log, where repeats are limited."""
    for name in ("opentelemetry", "urllib3", "requests"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(_ToOurLog(logging.WARNING))
            logger.propagate = False


class _ToOurLog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Write it as one of our lines, without the text of whatever was refused."""
        log.warning("tracing_trouble", error=record.getMessage()[:200])
