"""Secrets and what is written to people: planted, and looked for in everything the service ever wrote."""

from __future__ import annotations

import base64
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from pipeline.adapters.events.writer import EventProducer
from pipeline.model.outcome import OutcomeKind
from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS
from tests.acceptance.stage import SCHEMA, Stage
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.fakes import plain_http
from tests.fakes.telltale_api import STEPS, TelltaleApi

EVENTS = 6
SECRETS = {
    "token": "canary-access-token-1",
    "client secret": "canary-client-secret-2",
    "kafka password": "canary-kafka-password-3",
    "registry password": "canary-registry-password-4",
    "header": "canary-header-value-5",
    "hash key": "canary-hash-key-6",
    "query": "canary-query-value-7",
    "page password": "canary-page-password-8",
}
BASIC = base64.b64encode(f"us:{SECRETS['client secret']}".encode()).decode()
"""The client secret as it goes to the token endpoint."""
PERSON = "personal-canary-"
"""Begins every recipient."""
TEXT = "4711047110"
"""Stands in every message."""


def secret_files(folder: Path) -> Mapping[str, str]:
    """Name to the file that holds the secret."""
    for name, secret in SECRETS.items():
        (folder / name).write_text(secret, encoding="utf-8")
    return {name: str(folder / name) for name in SECRETS}


def configuration(stage: Stage, files: Mapping[str, str], api: TelltaleApi) -> dict[str, Any]:
    usual: dict[str, Any] = dict(stage.service.configuration)
    return {
        **usual,
        "log": {"format": "json", "level": "debug"},
        "kafka": {
            **usual["kafka"],
            "properties": {"sasl.mechanism": "PLAIN", "sasl.username": "a-user", "debug": "conf"},
            "properties_files": {"sasl.password": files["kafka password"]},
        },
        "schemas": {
            **usual["schemas"],
            "registry_user": "a-user",
            "registry_password_file": files["registry password"],
        },
        "notices": {
            "url": f"{api.url}/message/v2/notices",
            "oauth": {
                "token_url": f"{api.url}/token",
                "client_id": "us",
                "client_secret_file": files["client secret"],
            },
            "secret_headers_files": {"X-Gateway-Key": files["header"]},
            "query": {"access_token": SECRETS["query"]},
            "max_reply_bytes": 8_192,
        },
        "delivery": {**usual["delivery"], "breaker": {"minimum_attempts": 10_000, "failures_in_a_row": 1_000}},
        "http": {**usual["http"], "user": "sre", "password_file": files["page password"]},
        "outcomes": {**usual["outcomes"], "recipient": "hash", "recipient_hash_key_file": files["hash key"]},
    }


def emit(stage: Stage) -> None:
    schema_id = stage.registry.add(f"{stage.topic}-value", SCHEMA)
    assert schema_id
    producer = EventProducer({"bootstrap.servers": stage.broker.bootstrap_servers})
    for number in range(EVENTS):
        who = f"{PERSON}{number}"
        producer.send(stage.topic, who, stage.encode(int(TEXT), who), [])
    producer.send(stage.topic, f"{PERSON}poison", f"{{{PERSON}poison {TEXT}".encode(), [])
    producer.flush()


def everything_on(stage: Stage, topic: str, *, values: bool = True) -> str:
    """Headers of every record of a topic, and their values where requested."""
    consumer = Consumer(
        {
            "bootstrap.servers": stage.broker.bootstrap_servers,
            "group.id": f"{topic}.secrets",
            "enable.partition.eof": True,
        }
    )
    found: list[str] = []
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        ends = 0
        while ends < len(partitions):
            for message in consumer.consume(100, 1):
                if message.error() is not None:
                    ends += 1
                    continue
                found.append(repr(message.headers()))
                found += [repr(message.value())] if values else []
    finally:
        consumer.close()
    return "\n".join(found)


def config_command(stage: Stage, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "config", *arguments, "-c", str(stage.service.folder / "pipeline.yaml")],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return done.stdout + done.stderr


def pages(stage: Stage) -> str:
    found = re.search(r'"endpoint": "(http://[^"]+)"', stage.service.log)
    assert found is not None
    as_sre = ("sre", SECRETS["page password"])
    paths = ("/", "/status.json", "/metrics", "/readyz")
    texts = [plain_http.get(found[1] + path, auth=as_sre, timeout=ANSWER_SECONDS).text for path in paths]
    assert "notice_pipeline_notices_total" in texts[2]
    return "\n".join(texts)


def leaks(text: str, summary: Mapping[str, str]) -> list[str]:
    """What is found, and what stands around it."""
    return [
        f"{name}: …{text[max(0, at.start() - 100) : at.end() + 20]}…"
        for name, word in summary.items()
        for at in re.finditer(re.escape(word), text)
    ]


@pytest.mark.kafka
def test_no_secret_and_nothing_of_a_person_is_ever_written(stage: Stage) -> None:
    """An API that echoes all it hears, at debug level: logs, pages, metrics, outcomes, dead letters, commands."""
    with TelltaleApi(SECRETS["token"]) as api:
        stage.service.configure(configuration(stage, secret_files(stage.service.folder), api))
        emit(stage)
        with stage.service.running() as process:
            outcomes = stage.wait_for_outcomes(EVENTS + 1)
            time.sleep(1)  # the page's own second
            shown = pages(stage)
            process.send_signal(signal.SIGTERM)
            assert process.wait(END_SECONDS) == 0, stage.service.log
    heard = "\n".join(api.heard)
    for word in (SECRETS["token"], BASIC, SECRETS["header"], SECRETS["query"]):
        assert word in heard, f"{word} was never used: its absence would show nothing"
    assert PERSON in heard
    assert TEXT in heard
    assert max(api.seen.values()) >= len(STEPS)
    assert api.followed == 0
    kinds = {outcome.kind for outcome in outcomes}
    assert {OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.UNDECODABLE} <= kinds
    refused = [outcome for outcome in outcomes if outcome.kind is OutcomeKind.REJECTED]
    assert all(outcome.detail.startswith("refused: POST") for outcome in refused)
    dead = f"{stage.topic}.dead"
    written = {
        "log": stage.service.log,
        "pages": shown,
        "outcomes": everything_on(stage, stage.outcomes),
        "headers of dead letters": everything_on(stage, dead, values=False),
        "config show": config_command(stage, "show") + config_command(stage, "show", "--output", "json"),
    }
    person = {"recipient": PERSON, "text": TEXT}
    for where, text in written.items():
        assert text
        assert leaks(text, {**SECRETS, "basic": BASIC, **(person if where != "config show" else {})}) == [], where
    assert leaks(everything_on(stage, dead), SECRETS) == []


def test_a_faulty_configuration_is_reported_without_its_secrets(stage: Stage) -> None:
    """Wrong kinds, wrong places, files that cannot be used: the words name the key, never the value."""
    secret = SECRETS["token"]
    usual: dict[str, Any] = dict(stage.service.configuration)
    binary = stage.service.folder / "binary"
    binary.write_bytes(secret.encode() + b"\xff")
    faults: list[dict[str, Any]] = [
        {"notices": {**usual["notices"], "token": [secret]}},
        {"notices": {**usual["notices"], "token": secret, "oauth": {"client_secret": secret}}},
        {"notices": {**usual["notices"], "tokn": secret}},
        {"notices": {**usual["notices"], "timeout_seconds": secret}},
        {"kafka": {**usual["kafka"], "properties": {"sasl.password": [secret]}}},
        {"schemas": {**usual["schemas"], "registry_password": {"value": secret}}},
        {"outcomes": {**usual["outcomes"], "recipient_hash_key": {secret: 1}}},
    ]
    for fault in faults:
        stage.service.configure({**usual, **fault})
        said = config_command(stage, "check")
        assert "error:" in said
        assert leaks(said, {"secret": secret}) == [], fault
    stage.service.configure({**usual, "notices": {"url": "http://127.0.0.1:1/", "token_file": str(binary)}})
    with stage.service.running() as process:
        assert process.wait(END_SECONDS) == 2
    assert "not UTF-8" in stage.service.log
    assert leaks(stage.service.log, {"secret": secret}) == []
