"""Spans as a collector gets them, and trace contexts as the API and readers of outcomes get them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.pyreqwest import PyreqwestNoticesApi
from pipeline.adapters.telemetry.tracing import TracedNoticesApi, TracedOutcomeLog, Tracing, TracingOptions
from pipeline.model.event import Record
from pipeline.model.notice import Notice
from pipeline.model.outcome import Outcome, OutcomeKind
from pipeline.model.trace import TraceContext
from pipeline.ports import Acknowledged
from tests.contract.asking import posted
from tests.fakes.collector import Collector, attributes
from tests.fakes.outcomes import an_outcome
from tests.fakes.scripted_server import ScriptedServer, reply, reset_after

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
EVENT = TraceContext(f"00-{TRACE}-{SPAN}-01", "rojo=1")
NOTICE = Notice("abdf3647-9c11-5cb5-856a-5d43e25176c5", "order-paid", "order", "r", b'{"to":"r"}', None)
OUTCOME = an_outcome(name=NOTICE.id)
SECRET = "collector-key-7c1d"
API_URL = "https://api.example.com:8443/message/v2/notices?key=query-secret"


class Log:
    """Acknowledges at once."""

    def __init__(self) -> None:
        self.written: list[Outcome] = []

    def publish(self, outcome: Outcome, record: Record | None, acknowledged: Acknowledged) -> None:
        del record
        self.written.append(outcome)
        acknowledged(0, len(self.written))

    def poll(self) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        del timeout
        return 0


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def a_tracing(url: str, ratio: float = 1.0) -> Tracing:
    options = TracingOptions(
        endpoint=f"{url}/v1/traces",
        sample_ratio=ratio,
        timeout_seconds=2,
        headers={"x-key": SECRET},
        ca_file=None,
        service_name="notices",
        version="1.2.3",
        group="the-group",
    )
    numbers = itertools.count(1)
    return Tracing(options, SystemClock(), lambda _: next(numbers), "host-a")


async def deliver(
    tracing: Tracing,
    event: TraceContext | None,
    *steps: Callable[..., object],
    kind: OutcomeKind = OutcomeKind.ACCEPTED,
) -> tuple[list[dict[str, str]], Outcome]:
    """One attempt for each step, then the outcome; gives the requests' headers and what was written."""
    log = Log()
    async with ScriptedServer(*steps) as server:  # type: ignore[arg-type]  # steps as they are declared there
        api = TracedNoticesApi(PyreqwestNoticesApi(HttpOptions(server.url)), tracing, API_URL)
        for _ in steps:
            await posted(api, NOTICE, "the-token-itself", event)
        outcome = an_outcome(kind=kind, name=NOTICE.id)._replace(trace=event)
        TracedOutcomeLog(log, tracing).publish(outcome, None, lambda *_: None)
        await api.close()
    return [request.headers for request in server.requests], log.written[0]


OK = reply(b'{"code":200}')


async def test_the_event_s_trace_goes_on_to_the_api_and_to_the_outcome(collector: Collector) -> None:
    """One trace from the producer's span over ours to the request's; tracestate goes along untouched."""
    headers, outcome = await deliver(a_tracing(collector.url), EVENT, reset_after(), OK)
    first, second, process = sorted(collector.wait_for(3), key=lambda span: span.name)
    assert {span.trace_id.hex() for span in (first, second, process)} == {TRACE}
    assert process.parent_span_id.hex() == SPAN
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in process.links] == [(TRACE, SPAN)]
    assert first.parent_span_id == second.parent_span_id == process.span_id
    sent = [request["traceparent"] for request in headers]
    assert sent == [f"00-{TRACE}-{span.span_id.hex()}-01" for span in (first, second)]
    assert {request["tracestate"] for request in headers} == {"rojo=1"}
    assert outcome.trace == TraceContext(f"00-{TRACE}-{process.span_id.hex()}-01", "rojo=1")
    assert process.trace_state == "rojo=1"


async def test_spans_say_what_happened_by_the_conventions(collector: Collector) -> None:
    """Messaging and HTTP attributes, kinds, times, status; no body, recipient, token, key or query."""
    await deliver(a_tracing(collector.url), EVENT, reset_after(), OK)
    first, second, process = sorted(collector.wait_for(3), key=lambda span: span.name)
    assert process.name == "process events"
    assert (process.kind, first.kind) == (Span.SPAN_KIND_CONSUMER, Span.SPAN_KIND_CLIENT)
    said = attributes(process)
    assert said["messaging.system"] == "kafka"
    assert said["messaging.operation.type"] == said["messaging.operation.name"] == "process"
    assert said["messaging.destination.name"] == "events"
    assert said["messaging.destination.partition.id"] == "0"
    assert said["messaging.kafka.offset"] == 0
    assert said["messaging.consumer.group.name"] == "the-group"
    assert said["notice_pipeline.rule"] == "order-paid"
    assert said["notice_pipeline.outcome"] == "accepted"
    assert "error.type" not in said
    assert process.start_time_unix_nano == round(OUTCOME.received_at * 1e9)
    assert attributes(first)["error.type"] == "reset"
    assert first.status.code == Status.STATUS_CODE_ERROR
    assert attributes(second)["http.response.status_code"] == 200
    assert attributes(second)["url.full"] == "https://api.example.com:8443/message/v2/notices"
    assert (attributes(second)["server.address"], attributes(second)["server.port"]) == ("api.example.com", 8443)
    assert second.end_time_unix_nano > second.start_time_unix_nano
    everything = str(collector.spans)
    assert not [word for word in ("the-token-itself", "query-secret", SECRET, '"r"') if word in everything]
    (path, headers), *_ = collector.requests
    assert (path, headers["x-key"]) == ("/v1/traces", SECRET)
    assert collector.resources[0]["service.name"] == "notices"
    assert collector.resources[0]["service.instance.id"] == "host-a"


async def test_a_notice_that_failed_is_an_error(collector: Collector) -> None:
    """Named by its reason."""
    await deliver(a_tracing(collector.url), EVENT, OK, kind=OutcomeKind.REJECTED)
    process = max(collector.wait_for(2), key=lambda span: span.name)
    assert process.status.code == Status.STATUS_CODE_ERROR
    assert attributes(process)["error.type"] == "rejected_content"


async def test_an_event_without_a_trace_begins_one(collector: Collector) -> None:
    """The notice's span is its root, and the request below it."""
    headers, outcome = await deliver(a_tracing(collector.url), None, OK)
    request, process = sorted(collector.wait_for(2), key=lambda span: span.name)
    assert process.parent_span_id == b""
    assert not process.links
    assert request.parent_span_id == process.span_id
    assert request.trace_id == process.trace_id
    assert headers[0]["traceparent"] == f"00-{process.trace_id.hex()}-{request.span_id.hex()}-01"
    assert outcome.trace is not None
    assert outcome.trace.trace_id == int.from_bytes(process.trace_id, "big")


@pytest.mark.parametrize(("ratio", "event"), [(1.0, EVENT._replace(traceparent=f"00-{TRACE}-{SPAN}-00")), (0.0, None)])
async def test_what_is_not_sampled_is_passed_on_and_not_sent(
    collector: Collector, ratio: float, event: TraceContext | None
) -> None:
    """By the event's own flag, else by the ratio: the next one in the chain gets the same."""
    headers, _ = await deliver(a_tracing(collector.url, ratio), event, OK)
    assert headers[0]["traceparent"].endswith("-00")
    assert collector.spans == []


@pytest.mark.parametrize("ratio", [0.0, 0.25, 1.0])
def test_the_ratio_is_that_of_traces_that_begin_here(ratio: float) -> None:
    """Of four thousand notices about that share is kept, and of each notice all or nothing."""
    tracing = a_tracing("http://127.0.0.1:1", ratio)
    kept = sum(tracing.of_notice(f"notice-{number}", None).sampled for number in range(4_000))
    assert abs(kept / 4_000 - ratio) < 0.05
    assert tracing.of_notice("notice-1", None) == tracing.of_notice("notice-1", None)


async def test_a_collector_that_is_away_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Requests and outcomes continue, the end is not held up, and the trouble is reported without the key."""
    headers, outcome = await deliver(a_tracing("http://127.0.0.1:1"), EVENT, OK)
    assert headers[0]["traceparent"].startswith(f"00-{TRACE}")
    assert outcome.trace is not None
    written = capsys.readouterr()
    assert "tracing_trouble" in written.out + written.err
    assert SECRET not in written.out + written.err


def test_nothing_of_it_is_loaded_where_it_is_off() -> None:
    """Not even an import: the service's own wiring does not know the library."""
    code = "import pipeline.bootstrap.service, sys; print([name for name in sys.modules if 'opentelemetry' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
