"""`history` on a real Kafka: each outcome is stored exactly once, whatever ends the process; `find` uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import func, select

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.history.engine import open_engine
from pipeline.adapters.history.store import History
from pipeline.adapters.history.tables import OUTCOMES
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.operations.find.query import ByField, Field
from tests.acceptance.waiting import wait_for
from tests.broker.topics import ends
from tests.fakes import plain_http
from tests.fakes.postgresql import running_postgresql
from tests.fakes.real_kafka import RealKafka
from tests.integration.commands import Command
from tests.integration.test_audit_command import Shop

pytestmark = pytest.mark.kafka
END_SECONDS = 120


class Office:
    """A shop whose configuration has a history."""

    def __init__(self, shop: Shop, url: str) -> None:
        self.shop = shop
        self.url = url
        self._is_migrated = False
        configuration = json.loads(shop.config.read_text(encoding="utf-8"))
        configuration["history"] = {"url": url, "batch": 200, "http": {"host": "127.0.0.1", "port": 0}}
        shop.config.write_text(json.dumps(configuration), encoding="utf-8")

    def settle(self, offsets: range) -> None:
        """One outcome for each offset, now; every third is of the recipient r0."""
        now = SystemClock().now()
        times: dict[str, Any] = {"received_at": now, "first_attempt_at": now, "finished_at": now}
        self.shop.settle(*(self.shop.position(offset) for offset in offsets), event_id="e", **times)

    def stored(self) -> list[int]:
        """The offsets of the events whose outcomes are stored."""
        history = History(self.url, self.shop.kafka.names.outcomes, self.shop.kafka.names.group)
        history.migrate()
        found = [one.source.offset for one in history.outcomes(EVERY, None)]
        history.close()
        return sorted(found)

    def has_stored(self, count: int) -> bool:
        """Whether so many outcomes are stored; asked often, and therefore of the tables alone."""
        if not self._is_migrated:
            self.stored()
            self._is_migrated = True
        engine = open_engine(self.url)
        try:
            with engine.connect() as connection:
                return bool(connection.execute(select(func.count()).select_from(OUTCOMES)).scalar_one() >= count)
        finally:
            engine.dispose()

    @contextmanager
    def running(self, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """The process `history`; killed at the end."""
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "history", "-c", str(self.shop.config)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NOTICE_PIPELINE_LOG__FORMAT": "json", **environment},
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


EVERY = ByField(Field.EVENT, frozenset({"e"}))


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """One server for this file."""
    with running_postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, kafka: RealKafka, tmp_path: Path) -> Iterator[Office]:
    """With an empty database."""
    shop = Shop(kafka, tmp_path)
    if request.param == "sqlite":
        yield Office(shop, f"sqlite:///{tmp_path / 'history.db'}")
        return
    import psycopg  # noqa: PLC0415 - only where there is a server

    server: str = request.getfixturevalue("postgresql")
    name = kafka.names.group.replace("-", "_")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield Office(shop, server.replace("/postgres?", f"/{name}?"))


def test_each_outcome_is_stored_once_although_the_process_is_killed(office: Office) -> None:
    """Killed twice while it reads; stopped cleanly at the end."""
    office.settle(range(1_000))
    for _ in range(2):
        with office.running() as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "history_assigned" in line:
                    break
            time.sleep(0.05)
    office.settle(range(1_000, 1_200))
    with office.running() as process:
        wait_for(lambda: office.has_stored(1_200))
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0
    assert office.stored() == list(range(1_200))


def test_each_outcome_is_stored_once_although_two_processes_store_all_of_them(office: Office) -> None:
    """In groups of their own, as one that was presumed dead and its successor: each is overtaken by the other."""
    office.settle(range(2_000))
    other = {"NOTICE_PIPELINE_HISTORY__GROUP_ID": f"{office.shop.kafka.names.group}.other"}
    with office.running() as one, office.running(**other) as two:
        wait_for(lambda: office.has_stored(1_000))
        office.settle(range(2_000, 2_500))
        wait_for(lambda: office.has_stored(2_500))
        for process in (one, two):
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(END_SECONDS) for process in (one, two)]
        assert codes == [0, 0], [process.stderr and process.stderr.read() for process in (one, two)]
    assert office.stored() == list(range(2_500))


def test_find_answers_from_the_history_and_from_what_it_lacks(office: Office, command: Command) -> None:
    """The first outcome is stored, then the process ends; the second is on Kafka alone."""
    shop = office.shop
    shop.emit(2)
    now = SystemClock().now()
    times: dict[str, Any] = {"received_at": now, "first_attempt_at": now, "finished_at": now}
    refused: dict[str, Any] = {"kind": OutcomeKind.REJECTED, "reason": Reason.RECIPIENT, "code": 43101, **times}
    shop.settle(shop.position(0), recipient="me", event_id="e", item=2, **refused)
    with office.running() as process:
        wait_for(lambda: office.has_stored(1))
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0
    shop.settle(shop.position(1), recipient="me", event_id="e", **times)
    ran = command("find", "-c", str(shop.config), "--recipient", "me", "--output", "json")
    assert [event["answer"] for event in ran.reported["events"]] == [
        "Refused: the customer blocked the account (43101).",
        "Sent: the platform accepted it.",
    ]
    assert [notice["item"] for event in ran.reported["events"] for notice in event["notices"]] == [2, None]
    ran = command("explain", str(shop.position(0)), "-c", str(shop.config))
    assert "item 2" in ran.out
    erased = command("history", "forget", "me", "--yes", "-c", str(shop.config), "--output", "json")
    assert (erased.code, erased.reported) == (0, {"erased": 1})
    assert office.stored() == []


def test_lag_and_readiness_are_served(office: Office) -> None:
    """The search page is not, without a password."""
    office.settle(range(50))
    with office.running() as process:
        assert process.stderr is not None
        endpoint = next(json.loads(line)["endpoint"] for line in process.stderr if "history_started" in line)
        threading.Thread(target=process.stderr.read, daemon=True).start()

        def metric(name: str) -> float:
            text = plain_http.get(f"{endpoint}/metrics", timeout=30).text
            return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))

        wait_for(lambda: metric("notice_pipeline_history_rows_total") == 50)
        wait_for(lambda: metric("notice_pipeline_history_lag") == 0)
        assert plain_http.get(f"{endpoint}/readyz", timeout=30).text == "0 outcomes behind\n"


def test_outcomes_that_retention_deleted_before_they_were_stored_are_not_behind(office: Office) -> None:
    """They cannot be stored any more, and the topic may get no further outcome for days."""
    kafka = office.shop.kafka
    office.settle(range(5))
    with office.running() as process:
        wait_for(lambda: office.has_stored(5))
        process.send_signal(signal.SIGTERM)  # the next one need not wait until its session has ended
        assert process.wait(END_SECONDS) == 0
    office.settle(range(5, 25))
    outcomes = kafka.names.outcomes
    everything = [
        TopicPartition(outcomes, number, end) for number, end in ends(kafka.bootstrap_servers, outcomes).items()
    ]
    admin = AdminClient(kafka.properties)
    for deleted in admin.delete_records(everything).values():
        deleted.result(60)
    with office.running() as process:
        assert process.stderr is not None
        endpoint = next(json.loads(line)["endpoint"] for line in process.stderr if "history_started" in line)
        threading.Thread(target=process.stderr.read, daemon=True).start()
        wait_for(lambda: plain_http.get(f"{endpoint}/readyz", timeout=30).text == "0 outcomes behind\n")


def test_a_missing_database_is_an_error(office: Office, command: Command) -> None:
    """As is a configuration without one."""
    configuration = json.loads(office.shop.config.read_text(encoding="utf-8"))
    configuration["history"]["url"] = "postgresql://user:geheim@127.0.0.1:1/x"
    office.shop.config.write_text(json.dumps(configuration), encoding="utf-8")
    ran = command("history", "forget", "me", "--yes", "-c", str(office.shop.config))
    assert (ran.code, "geheim" in ran.err) == (2, False)
    assert "cannot be used" in ran.err
    del configuration["history"]
    office.shop.config.write_text(json.dumps(configuration), encoding="utf-8")
    ran = command("history", "-c", str(office.shop.config))
    assert ran.code == 2
    assert "no history is configured" in ran.err


def test_the_search_page_finds_an_event_for_those_who_may_see_it(office: Office) -> None:
    """In the real process: by text and by recipient, with its cards; without a password there is no page."""
    shop = office.shop
    shop.emit(1)
    now = SystemClock().now()
    times: dict[str, Any] = {"received_at": now, "first_attempt_at": now, "finished_at": now}
    refused: dict[str, Any] = {"kind": OutcomeKind.REJECTED, "reason": Reason.RECIPIENT, "code": 43101, **times}
    shop.settle(shop.position(0), recipient="me", **refused)
    configuration = json.loads(shop.config.read_text(encoding="utf-8"))
    configuration["history"]["http"] |= {"user": "support", "password": "made-up"}
    shop.config.write_text(json.dumps(configuration), encoding="utf-8")
    with office.running() as process:
        assert process.stderr is not None
        endpoint = next(json.loads(line)["endpoint"] for line in process.stderr if "history_started" in line)
        threading.Thread(target=process.stderr.read, daemon=True).start()
        with httpx.Client(base_url=endpoint, auth=("support", "made-up"), timeout=60) as client:
            for kind, value in (("text", "CNY"), ("recipient", "me"), ("position", str(shop.position(0)))):
                answer = client.post("/search", data={"kind": kind, "value": value, "since": "-1h"})
                assert "Refused: the customer blocked the account (43101)." in answer.text
                assert "1 event found" in answer.text
            event = client.get(f"/event/{shop.position(0)}").text
            assert 'class="np-card' in event
            assert "What became of it" in event
            assert '<li class="outcome">' in event
            gone = client.get(f"/event/{shop.kafka.names.events}/0/99")
            assert (gone.status_code, "has no offset 99" in gone.text) == (404, True)
        assert plain_http.get(endpoint, timeout=30).status_code == 401
