"""A trace through the running service: from an event's headers to the API, the outcome record and a collector."""

from __future__ import annotations

import signal

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from pipeline.adapters.events.writer import EventProducer
from tests.acceptance.service import END_SECONDS
from tests.acceptance.stage import Stage, recipient
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.fakes.collector import Collector, attributes

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS: tuple[list[tuple[str, bytes]], ...] = (
    [("traceparent", f"00-{TRACE}-{SPAN}-01".encode()), ("tracestate", b"rojo=1")],
    [("traceparent", b"00-x\r\nEvil: 1"), ("tracestate", b"rojo=1\r\nEvil: 1")],
    [],
)


def records(stage: Stage, count: int) -> list[Message]:
    """So many records of the outcomes topic."""
    consumer = Consumer({"bootstrap.servers": stage.broker.bootstrap_servers, "group.id": f"{stage.topic}.headers"})
    found: list[Message] = []
    try:
        known = consumer.list_topics(stage.outcomes, timeout=10).topics[stage.outcomes].partitions
        consumer.assign([TopicPartition(stage.outcomes, partition, 0) for partition in known])
        while len(found) < count:
            found += [message for message in consumer.consume(10, 1) if message.error() is None]
    finally:
        consumer.close()
    return found


@pytest.mark.kafka
def test_a_trace_goes_through_the_service(stage: Stage) -> None:
    """The event's own trace is kept end to end; a hostile one and a missing one each begin a trace of ours."""
    with Collector() as collector:
        tracing = {"endpoint": collector.url, "service_name": "notices"}
        stage.service.configure({**stage.service.configuration, "tracing": tracing})
        producer = EventProducer({"bootstrap.servers": stage.broker.bootstrap_servers})
        for number, headers in enumerate(HEADERS):
            who = recipient(number)
            producer.send(stage.topic, who, stage.encode(number, who), headers)
        producer.flush()
        with stage.service.running() as process:
            stage.wait_for_outcomes(len(HEADERS))
            written = records(stage, len(HEADERS))
            process.send_signal(signal.SIGTERM)
            assert process.wait(END_SECONDS) == 0, stage.service.log
        spans = collector.wait_for(2 * len(HEADERS))
    assert {path for path, _ in collector.requests} == {"/v1/traces"}
    processes = {span.span_id.hex(): span for span in spans if span.name == f"process {stage.topic}"}
    requests = {span.parent_span_id.hex(): span for span in spans if span.name == "POST"}
    assert len(processes) == len(requests) == len(HEADERS)
    assert processes.keys() == requests.keys()
    ours = [span for span in processes.values() if span.trace_id.hex() == TRACE]
    assert [span.parent_span_id.hex() for span in ours] == [SPAN]
    assert [span.links[0].span_id.hex() for span in ours] == [SPAN]
    assert {span.parent_span_id for span in processes.values()} == {bytes.fromhex(SPAN), b""}
    assert {attributes(span)["messaging.destination.name"] for span in processes.values()} == {stage.topic}
    reported = [(str(pair[0]), pair[1]) for message in written for pair in list(message.headers() or [])]
    expected = {f"00-{span.trace_id.hex()}-{key}-01".encode() for key, span in processes.items()}
    assert {value for name, value in reported if name == "traceparent"} == expected
    assert [value for name, value in reported if name == "tracestate"] == [b"rojo=1"]
    assert "Evil" not in str(spans)
