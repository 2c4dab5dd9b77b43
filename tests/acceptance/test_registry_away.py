"""A service whose schema registry is away: at its start, and when an event comes with an unknown schema."""

from __future__ import annotations

import json
import signal
from collections import Counter
from typing import Any

import httpx
import pytest

from pipeline.adapters.events.avro import frame
from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.rules.schema.event_schema import EventSchema
from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS
from tests.acceptance.stage import SCHEMA, Stage
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.acceptance.test_workers import samples, total
from tests.acceptance.waiting import wait_for
from tests.broker.handle import free_ports
from tests.fakes import plain_http

pytestmark = pytest.mark.kafka
EVENTS = 20


def test_it_waits_for_the_registry_and_says_so(stage: Stage) -> None:
    """Started without it, the service waits instead of ending; a partition held back for a schema is not well."""
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"

    def ask(path: str) -> httpx.Response:
        return plain_http.get(endpoint + path, timeout=ANSWER_SECONDS)

    stage.registry.away = True
    stage.service.configure({**stage.service.configuration, "http": {"host": "127.0.0.1", "port": port}})
    with stage.service.running() as process:
        message = f"the schema registry at {stage.registry.url} answers 503"
        wait_for(lambda: message in ask("/readyz").text)
        assert ask("/readyz").status_code == 503
        assert ask("/healthz").status_code == 200
        assert message in ask("/").text
        assert message in json.loads(ask("/status.json").text)["messages"][0]["message"]
        assert total(samples(ask("/metrics").text), "notice_pipeline_schema_registry_awaited") == 1
        assert stage.service.reported("registry_awaited")[0]["error"].startswith(message)

        stage.registry.away = False
        wait_for(lambda: ask("/readyz").text == "4 partitions\n")
        assert total(samples(ask("/metrics").text), "notice_pipeline_schema_registry_awaited") == 0
        stage.emit(EVENTS)
        stage.wait_for_outcomes(EVENTS)

        newer = {**SCHEMA, "doc": "the second version"}
        number = stage.registry.add(f"{stage.topic}-value", newer)
        stage._encoder = EventEncoder(EventSchema(newer), number, Encoding.AVRO)
        stage.registry.away = True
        stage.emit(EVENTS)
        wait_for(lambda: "waits for a schema at offset" in ask("/readyz").text and message in ask("/readyz").text)
        wait_for(lambda: _lag(ask("/status.json").json()) == EVENTS)
        for name in ("frontier_age_seconds", "partition_awaiting_schema_seconds"):
            wait_for(lambda name=name: total(samples(ask("/metrics").text), f"notice_pipeline_{name}") > 2)  # type: ignore[misc]
        assert total(samples(ask("/metrics").text), "notice_pipeline_consumer_lag") == EVENTS
        worst = ask("/status.json").json()["messages"][0]
        assert (worst["severity"], worst["alert"]) == ("attention", "NoticeSchemaAwaited")
        assert "waits for a schema" in worst["message"]
        assert message in worst["advice"]

        stage.registry.away = False
        outcomes = stage.wait_for_outcomes(2 * EVENTS)
        wait_for(lambda: ask("/readyz").text == "4 partitions\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}


def test_a_signal_ends_the_wait(stage: Stage) -> None:
    """Nothing has started, so nothing is drained."""
    stage.registry.away = True
    with stage.service.running() as process:
        assert stage.service.reported("registry_awaited")
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert stage.service.reported("stopped_before_it_had_started")


def test_odd_schemas_and_values_have_outcomes_and_stop_nothing(stage: Stage) -> None:
    """A schema that is none, a zero time, a recipient with blanks around it."""
    odd = stage.registry.add("odd-value", [{"type": ["null", "string"]}, "int"])
    stage.encode(0, "u")
    known = stage._encoder
    assert known is not None
    usual = {"who": "u1", "number": 1, "since": "2026-11-23T07:01:00+00:00", "fee": "1.50"}
    changes: list[dict[str, object]] = [{}, {"since": 0}, {"who": " u1 "}, {"since": "0001-01-01T00:00:00+00:00"}]
    values = [known.encode({**usual, **change}, 0)[0] for change in changes]
    producer = EventProducer({"bootstrap.servers": stage.broker.bootstrap_servers})
    for value in (frame(odd) + b"\0", *values, b"\0\0\0\0", values[0]):
        producer.send(stage.topic, "u1", value, [])
    producer.flush()
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(7)
        assert Counter((outcome.kind, outcome.reason) for outcome in outcomes) == {
            (OutcomeKind.ACCEPTED, Reason.OK): 3,
            (OutcomeKind.UNRENDERABLE, Reason.EXPRESSION_FAILED): 2,
            (OutcomeKind.UNDECODABLE, Reason.UNSUPPORTED_SCHEMA): 1,
            (OutcomeKind.UNDECODABLE, Reason.NOT_FRAMED): 1,
        }
        assert {message.message.to for message in stage.sandbox.state.memory.messages} == {"u1"}
        wait_for(lambda: stage.uncommitted() == 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log


def _lag(status: dict[str, Any]) -> int:
    return sum(partition["lag"] or 0 for partition in status["partitions"])
