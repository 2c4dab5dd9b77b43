"""`studio --config` on a real Kafka and a registry: the newest events, read as the service does, and masked."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka.admin import AdminClient

from pipeline.adapters.events.writer import EventProducer
from pipeline.adapters.rule_files import read_rules
from pipeline.model.event import Event, Record
from pipeline.model.notice import Notice
from pipeline.rules.compile import load
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.schema.json_events import from_json
from tests.acceptance.stage import SCHEMA, Stage, recipient
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture

END_SECONDS = 120
TYPE = "org.unseen.garage.parked.v1"


class Studio:
    """The command, and its page as the page's own script asks it."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def newest(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.post("studio/newest", data={"type": TYPE}).raise_for_status().json()
        return found

    def event(self, key: str) -> str:
        answer = self.http.get("studio/event", params={"type": TYPE, "key": key}).raise_for_status()
        return str(answer.json()["event"])

    def tried(self, event: str) -> dict[str, Any]:
        rules = (self.http.get("studio/file", params={"rule": "parked"})).json()
        draft = {"file": rules["file"], "rules": rules["rules"], "type": TYPE, "event": event}
        found: dict[str, Any] = self.http.post("studio", data=draft).raise_for_status().json()
        return found


SOONER = """
import pipeline.adapters.authoring.newest_events
from pipeline.__main__ import main

pipeline.adapters.authoring.newest_events.MOST_SECONDS = 5.0
main()
"""
"""The program, which waits for Kafka 5 s instead of 15."""


@contextmanager
def studio(rules: Path, config: Path, program: Sequence[str] = ("-m", "pipeline")) -> Iterator[Studio]:
    """The command, which must end by itself with code 0 and without a complaint; `program` is what Python runs."""
    log = config.with_name("studio.log")
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [sys.executable, *program, "studio", str(rules), "--config", str(config), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        opened = Studio(process, found[0])
        with opened.http:
            yield opened
        assert process.wait(END_SECONDS) == 0
        assert log.read_text(encoding="utf-8") == ""
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def service_message(stage: Stage, number: int) -> object:
    """The fields of the message that the service makes of the event with this number."""
    schema = EventSchema(SCHEMA)
    rules = load(read_rules(stage.service.folder / "rules"), SchemaCatalogue([schema]), environment="production")
    event = {"who": "x", "number": number, "since": "2026-11-23T07:01:00+00:00", "fee": f"{number % 1_000}.50"}
    record = Record("t", 0, 0, None, None, (), 0)
    (notice,) = rules.evaluate(Event(TYPE, from_json(schema, event), record, "", None, None, 0, None, None))
    assert isinstance(notice, Notice)
    return json.loads(notice.body)["data"]


def groups(stage: Stage) -> set[str]:
    """Those of this configuration or of the command; other tests share the broker."""
    admin = AdminClient({"bootstrap.servers": stage.broker.bootstrap_servers, "log_level": 0})
    found = [one.group_id for one in admin.list_consumer_groups().result(20).valid]
    return {name for name in found if stage.topic in name or "studio" in name}


@pytest.mark.kafka
def test_the_newest_events_make_the_messages_of_the_service_without_names(stage: Stage) -> None:
    """Read again they have what came meanwhile; no group is used, nothing committed, and Ctrl-C ends the command."""
    before = groups(stage)
    stage.emit(60)
    producer = EventProducer({"bootstrap.servers": stage.broker.bootstrap_servers})
    producer.send(stage.topic, recipient(1), b"\x00\x00", [])
    producer.flush()
    with studio(stage.service.folder / "rules", stage.service.folder / "pipeline.yaml") as opened:
        found = opened.newest()
        reading, choices = found["reading"], found["choices"]["newest"]
        assert (reading["records"], reading["faults"], reading["problem"]) == (61, 1, "")
        assert reading["fault"].startswith(f"{stage.topic}/")
        assert len(choices) == 50
        texts = [opened.event(one["key"]) for one in choices]
        recipients = [recipient(number) for number in range(40)]
        assert not [who for who in recipients if who in "".join(texts)]
        events = [json.loads(text)["data"] for text in texts]
        # Event n is one of recipient n * 7 % 40, so that n and n + 40 are the same one's.
        masked = {event["number"]: event["who"] for event in events}
        assert all(masked[number] == masked[number + 40] for number in masked if number + 40 in masked)
        assert len(set(masked.values())) == len({number % 40 for number in masked})
        for text, event in list(zip(texts, events, strict=True))[:5]:
            (message,) = opened.tried(text)["messages"]
            body = json.loads(message["body"])
            assert (body["to"], body["data"]) == (event["who"], service_message(stage, event["number"]))
        producer.send(stage.topic, recipient(3), stage.encode(7_777, recipient(3)), [])
        producer.flush()
        newest = opened.newest()["choices"]["newest"][0]["key"]
        assert json.loads(opened.event(newest))["data"]["number"] == 7_777
        opened.process.send_signal(signal.SIGINT)
    assert groups(stage) == before


def test_a_broker_that_does_not_answer_is_a_message_and_no_delay(tmp_path: Path) -> None:
    """The page is served meanwhile, and Ctrl-C does not wait for Kafka."""
    (tmp_path / "rules").mkdir()
    config = tmp_path / "pipeline.yaml"
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        settings = {
            "kafka": {"bootstrap_servers": server, "topics": ["orders"], "group_id": "g"},
            "rules": str(tmp_path / "rules"),
            "notices": {"url": "http://127.0.0.1:9", "token": "t"},
        }
        config.write_text(json.dumps(settings), encoding="utf-8")
        with studio(tmp_path / "rules", config, ("-c", SOONER)) as opened:
            reading = opened.newest()["reading"]
            assert server in reading["problem"]
            assert reading["hint"]
            with ThreadPoolExecutor() as pool:
                asked = pool.submit(opened.newest)
                assert "<title>" in opened.http.get("studio").text
                assert not asked.done()
                opened.process.send_signal(signal.SIGINT)
