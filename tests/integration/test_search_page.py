"""The search page in the real process: hostile input, searches at the same time, and a database that crashes."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.adapters.clock import SystemClock
from pipeline.model.outcome import OutcomeKind, Reason
from tests.acceptance.waiting import wait_for
from tests.fakes.postgresql import PostgreSQL, postgresql_server
from tests.fakes.real_kafka import RealKafka
from tests.integration.test_audit_command import Shop
from tests.integration.test_history_command import Office

pytestmark = pytest.mark.kafka
FORM = {"content-type": "application/x-www-form-urlencoded"}
KINDS = ("text", "reference", "recipient", "event", "position")
VALUES = (
    "\x00",
    "a\x00b",
    "' OR 1=1 --",
    "%_\\",
    "\u202e😀" * 100,
    "a" * 300,
    "a/1/99999999999999999999",
    "a/-1/0",
)
BODIES = {
    b"": 200,
    b"kind=text": 200,
    b"kind=text&value=%ff&since=-1h": 400,
    b"kind=text&value=%ED%A0%80&since=-1h": 400,
    "kind=text&value=é&since=-1h".encode(): 400,
    b"kind=text&value=a&since=never": 200,
    b"kind=nothing&value=a&since=-1h": 200,
    b"kind=text&since=-1h&value=" + b"a" * 301: 200,
    b"kind=text&since=-1h&value=" + b"a" * 5_000: 413,
    b"&".join(b"a=b" for _ in range(20)): 400,
}
"""Bodies of the form, with the status of their answer; the form is shown again with 200."""


@contextmanager
def page(office: Office) -> Iterator[tuple[httpx.Client, list[str]]]:
    """A browser that knows the password, and the lines that the process logs."""
    configuration = json.loads(office.shop.config.read_text(encoding="utf-8"))
    configuration["history"]["http"] |= {"user": "support", "password": "made-up"}
    office.shop.config.write_text(json.dumps(configuration), encoding="utf-8")
    with office.running() as process:
        assert process.stderr is not None
        endpoint = next(json.loads(line)["endpoint"] for line in process.stderr if "history_started" in line)
        lines: list[str] = []
        threading.Thread(target=_collect, args=(process, lines), daemon=True).start()
        with httpx.Client(base_url=endpoint, auth=("support", "made-up"), timeout=60) as client:
            yield client, lines


def _collect(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stderr is not None
    lines.extend(process.stderr)


def search(client: httpx.Client, kind: str, value: str) -> httpx.Response:
    """The answer to a search of the last hour."""
    return client.post("/search", data={"kind": kind, "value": value, "since": "-1h"})


def test_no_input_is_an_error_of_the_page(kafka: RealKafka, tmp_path: Path) -> None:
    """Neither a value of any kind, nor a broken form, nor outcomes whose times are in no calendar."""
    office = Office(Shop(kafka, tmp_path), f"sqlite:///{tmp_path / 'history.db'}")
    shop = office.shop
    shop.emit(1)
    strange: dict[str, Any] = {"kind": OutcomeKind.REJECTED, "reason": Reason.RECIPIENT, "code": 43101}
    for finished in (3e14, -3e14):
        shop.settle(shop.position(0), recipient="strange", event_id="e", letter=False, finished_at=finished, **strange)
    with page(office) as (client, lines):
        wait_for(lambda: office.has_stored(2))
        answers = [(kind, value, search(client, kind, value).status_code) for kind in KINDS for value in VALUES]
        assert {status for _, _, status in answers} <= {200, 400}, answers
        assert {status for kind, _, status in answers if kind != "position"} == {200}, answers
        for where, status in (("999999999/0", 400), ("0/999999999999999999", 404)):
            assert search(client, "position", f"{kafka.names.events}/{where}").status_code == status, where
        absent = search(client, "position", "no.such.topic/0/0")
        assert (absent.status_code, "there is no topic no.such.topic" in absent.text) == (404, True)
        assert client.get("/event/no.such.topic/0/0").status_code == 404
        for body, status in BODIES.items():
            assert client.post("/search", content=body, headers=FORM).status_code == status, body
        events = kafka.names.events
        paths = (f"{events}/9/1", f"{events}/0/{10**30}", "a%00/1/1", "a/99999999999/1", "a/1/x", "../1/1")
        for path in paths:
            assert client.get(f"/event/{path}").status_code == 404, path
        found = search(client, "recipient", "strange")
        assert (found.status_code, "1 event found" in found.text) == (200, True)
    assert not [line for line in lines if "Traceback" in line or '"error"' in line]


def test_searches_at_the_same_time_all_have_their_answer(kafka: RealKafka, tmp_path: Path) -> None:
    """As many as the page lets run; each used to prepare the tables by itself, which only one thread may do."""
    office = Office(Shop(kafka, tmp_path), f"sqlite:///{tmp_path / 'history.db'}")
    office.shop.emit(1)
    now = SystemClock().now()
    times: dict[str, Any] = {"received_at": now, "first_attempt_at": now, "finished_at": now}
    office.shop.settle(office.shop.position(0), recipient="me", event_id="e", **times)
    with page(office) as (client, _), ThreadPoolExecutor(2) as threads:
        wait_for(lambda: office.has_stored(1))
        answers = list(threads.map(lambda _: search(client, "recipient", "me"), range(12)))
    assert {(one.status_code, "1 event found" in one.text) for one in answers} == {(200, True)}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A server that loses nothing in a crash."""
    with postgresql_server("fsync=on", "full_page_writes=on") as server:
        yield server


def _lag(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("notice_pipeline_history_lag "))


def test_a_database_that_crashes_costs_neither_outcomes_nor_the_page(
    kafka: RealKafka, tmp_path: Path, server: PostgreSQL
) -> None:
    """Killed while outcomes are stored, and again when all are: the page reports it, and both continue alone."""
    office = Office(Shop(kafka, tmp_path), server.url)
    office.settle(range(2_000))
    with page(office) as (client, lines):
        for stored in (200, 1_000):
            wait_for(partial(office.has_stored, stored))
            server.kill()
            server.start()
        wait_for(partial(office.has_stored, 2_000))
        server.kill()
        office.settle(range(2_000, 2_100))
        away = search(client, "recipient", "r0")
        assert (away.status_code, "cannot be used" in away.text) == (503, True)
        wait_for(lambda: client.get("/readyz").status_code == 503)
        wait_for(lambda: _lag(client) == 100)  # it grows although nothing can be stored
        office.settle(range(2_100, 2_150))
        wait_for(lambda: _lag(client) == 150)
        server.start()
        wait_for(partial(office.has_stored, 2_150))
        wait_for(lambda: client.get("/readyz").status_code == 200)
        wait_for(lambda: _lag(client) == 0)
        assert search(client, "event", "nothing").status_code == 200
        assert office.stored() == list(range(2_150))
    assert any("history_unreachable" in line for line in lines)
    assert not [line for line in lines if "Traceback" in line]
