"""`run --workers`: several processes as one service, on a real Kafka."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.model.outcome import OutcomeKind
from pipeline.sandbox.credentials import Granted
from pipeline.sandbox.faults import FaultPlan
from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS, read_outcomes
from tests.acceptance.stage import Stage
from tests.acceptance.test_service import EVENTS, assert_in_order
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.acceptance.waiting import wait_for
from tests.broker.topics import ends
from tests.fakes import plain_http

pytestmark = pytest.mark.kafka
NOT_ADDED_UP = "notice_pipeline_in_flight"
CONSUMED = "notice_pipeline_events_consumed_total"
Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


class Workers:
    """The endpoint of a service of several workers, as its log names it."""

    def __init__(self, stage: Stage) -> None:
        found = wait_for(lambda: re.search(r'"workers": (\d+), "endpoint": "(http://[^"]+)"', stage.service.log))
        self.count, self.endpoint = int(found[1]), found[2]

    def get(self, path: str) -> httpx.Response:
        return plain_http.get(self.endpoint + path, timeout=ANSWER_SECONDS)

    def list(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/workers.json").json()["workers"]
        return found

    def wait_until_ready(self) -> None:
        wait_for(lambda: self.get("/readyz").status_code == 200)

    def samples(self) -> Samples:
        return samples(self.get("/metrics").text)


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found: Samples, name: str) -> float:
    return sum(value for (sample, _), value in found.items() if sample == name)


def with_workers(stage: Stage, count: int, **change: object) -> None:
    stage.service.configure({**stage.service.configuration, "workers": count, **change})


def test_two_workers_share_the_work_and_one_that_is_killed_comes_back(stage: Stage) -> None:
    """Metrics are sums; killed under load, a worker comes back, nothing is lost, order is kept; SIGTERM drains both."""
    with_workers(stage, 2)
    stage.sandbox.state.follow(FaultPlan.model_validate({"latency": "20ms-40ms"}))
    with stage.service.running() as process:
        workers = Workers(stage)
        workers.wait_until_ready()
        wait_for(lambda: set(_owners(workers).values()) == {"1", "2"})
        stage.emit(EVENTS)
        stage.wait_for_outcomes(EVENTS // 5)
        wait_for(lambda: all(total(one, CONSUMED) for one in _of_each(workers)))
        before = workers.samples()
        victim = workers.list()[1]
        os.kill(victim["pid"], signal.SIGKILL)
        again = wait_for(lambda: _successor(workers, victim))
        outcomes = stage.wait_for_outcomes(EVENTS)
        workers.wait_until_ready()
        assert "2 of 2 workers running" in workers.get("/healthz").text
        assert_sums(workers, before)
        assert_pages(workers)
        # What the killed worker had finished and not yet committed is committed by the partition's next owner.
        wait_for(lambda: stage.uncommitted() == 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert again["restarts"] >= 1
    assert again["endpoint"] == victim["endpoint"]
    assert len({outcome.id for outcome in outcomes}) == EVENTS
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert_in_order(stage.numbers_by_recipient())
    lines = [json.loads(line) for line in stage.service.log.splitlines() if line.startswith("{")]
    assert {line["worker"] for line in lines if line["event"] == "partitions_assigned"} == {1, 2}
    assert next(line for line in lines if line["event"] == "worker_ended")["code"] == -signal.SIGKILL


def assert_sums(workers: Workers, before: Samples) -> None:
    """What is counted is added up and has not fallen; what is measured is there for each worker."""
    own = _of_each(workers)
    found = workers.samples()
    for key, value in found.items():
        if key[0].endswith(("_total", "_bucket", "_count")) and "worker" not in dict(key[1]):
            assert value >= sum(one.get(key, 0) for one in own), key
            assert value >= before.get(key, 0), key
    assert found["notice_pipeline_worker_restarts_total", (("worker", "2"),)] >= 1
    assert found["notice_pipeline_workers", (("phase", "running"),)] == 2
    assert {(NOT_ADDED_UP, (("worker", number),)) for number in ("1", "2")} <= set(found)
    assert (NOT_ADDED_UP, ()) not in found


def _of_each(workers: Workers) -> list[Samples]:
    """What each worker says by itself."""
    return [
        samples(plain_http.get(f"{one['endpoint']}/metrics", timeout=ANSWER_SECONDS).text) for one in workers.list()
    ]


def assert_pages(workers: Workers) -> None:
    """One page shows both workers; each one's own page is behind it, with its files."""
    page = workers.get("/").text
    for number in (1, 2):
        assert f'href="worker/{number}/"' in page
        own = wait_for(partial(_answered, workers, f"/worker/{number}/"))
        assert "Notices accepted" in own
        static = re.search(r'href="(static/page.css[^"]*)"', own)
        assert static is not None
        assert workers.get(f"/worker/{number}/{static[1]}").status_code == 200
        assert workers.get(f"/worker/{number}/status.json").json()["phase"] == "running"


def _answered(workers: Workers, path: str) -> str:
    """The page, once its worker answers in time: one that has just begun does not on a busy machine."""
    answer = workers.get(path)
    return "" if answer.status_code == 503 else answer.text


def _successor(workers: Workers, victim: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Who came in the place of a worker that was killed, once it is at work."""
    (one,) = [one for one in workers.list() if one["number"] == victim["number"]]
    return one if one["pid"] != victim["pid"] and one["phase"] == "running" else None


def _owners(workers: Workers) -> Mapping[str, str]:
    """Partition to the worker that has it."""
    return {
        dict(labels)["partition"]: dict(labels)["worker"]
        for (name, labels) in workers.samples()
        if name == "notice_pipeline_consumer_lag"
    }


def test_what_is_wrong_at_start_is_reported_once(stage: Stage) -> None:
    """One worker finds it out: one message, the usual exit code, no restart."""
    kafka = {"bootstrap_servers": "127.0.0.1:1", "group_id": "x", "topics": ["x"], "start_timeout_seconds": 1}
    with_workers(stage, 3, kafka=kafka)
    with stage.service.running() as process:
        assert process.wait(END_SECONDS) == 2
    assert stage.service.log.count("no Kafka broker") == 1
    assert "Traceback" not in stage.service.log


def test_refused_rules_are_reported_once(stage: Stage, tmp_path: Path) -> None:
    """By the first worker, with the exit code of what could not start, as without workers."""
    (tmp_path / "none").mkdir()
    with_workers(stage, 2, rules=str(tmp_path / "none"))
    with stage.service.running() as process:
        assert process.wait(END_SECONDS) == 2
    assert stage.service.log.count("error: the rules have 1 error") == 1
    assert "Traceback" not in stage.service.log


def test_workers_drain_and_end_when_their_supervisor_is_killed(stage: Stage) -> None:
    """No worker stays behind to hold partitions that no one looks after; what was in flight is not sent again."""
    with_workers(stage, 2)
    stage.sandbox.state.follow(FaultPlan.model_validate({"latency": "20ms-40ms"}))
    with stage.service.running() as process:
        workers = Workers(stage)
        workers.wait_until_ready()
        stage.emit(EVENTS)
        stage.wait_for_outcomes(EVENTS // 5)
        pids = [one["pid"] for one in workers.list()]
        process.kill()
        process.wait(END_SECONDS)
        wait_for(lambda: not any(_is_there(pid) for pid in pids))
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert (len(outcomes), len({outcome.id for outcome in outcomes})) == (EVENTS, EVENTS)
    assert stage.sandbox.state.memory.counts.repeats == 0


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


SOONER = """
import pipeline.workers.fleet
from pipeline.__main__ import main

pipeline.workers.fleet.SILENT_SECONDS = 10.0
main()
"""
"""The service, which gives a silent worker up after 10 s instead of 30."""


def test_a_worker_that_hangs_is_seen_killed_and_started_again(stage: Stage) -> None:
    """A worker stopped by SIGSTOP is reported, then killed; the others continue and nothing is lost."""
    kafka = {**_section(stage, "kafka"), "drain_seconds": 1}
    with_workers(stage, 2, kafka=kafka)
    with stage.service.running(program=("-c", SOONER)) as process:
        workers = Workers(stage)
        workers.wait_until_ready()
        victim = workers.list()[0]
        os.kill(victim["pid"], signal.SIGSTOP)
        stage.emit(EVENTS)
        ending = wait_for(lambda: [one for one in workers.list() if one["number"] == 1 and one["phase"] == "ending"])
        assert ending[0]["pid"] == victim["pid"]
        assert workers.get("/healthz").status_code == 200
        assert workers.get("/readyz").text.startswith("worker 1: ")
        again = wait_for(lambda: [one for one in workers.list() if one["number"] == 1 and one["phase"] == "running"])
        assert again[0]["pid"] != victim["pid"]
        wait_for(lambda: set(_owners(workers).values()) == {"1", "2"})  # else the end meets a rebalance
        outcomes = stage.wait_for_outcomes(EVENTS, 150)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert not _is_there(victim["pid"])
    assert len({outcome.id for outcome in outcomes}) == EVENTS
    assert [line["worker"] for line in stage.service.reported("worker_stuck")] == [1]
    assert [line["worker"] for line in stage.service.reported("worker_killed")] == [1]
    assert [line["code"] for line in stage.service.reported("worker_ended")] == [-signal.SIGKILL]


def test_a_second_interrupt_ends_all_at_once(stage: Stage) -> None:
    """Ctrl-C begins the drain, which would wait for a slow API; the second one leaves with 130 and no one behind."""
    kafka = {**_section(stage, "kafka"), "drain_seconds": 60}
    notices = {**_section(stage, "notices"), "timeout_seconds": 60}
    with_workers(stage, 2, kafka=kafka, notices=notices)
    stage.sandbox.state.follow(FaultPlan.model_validate({"latency": "40s"}))
    with stage.service.running() as process:
        workers = Workers(stage)
        workers.wait_until_ready()
        stage.emit(20)
        wait_for(lambda: total(workers.samples(), "notice_pipeline_in_flight") > 0)
        pids = [one["pid"] for one in workers.list()]
        process.send_signal(signal.SIGINT)
        stage.service.reported("stopping_workers")
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(END_SECONDS) == 130, stage.service.log
        wait_for(lambda: not any(_is_there(pid) for pid in pids))
    assert "Traceback" not in stage.service.log


def test_a_hangup_lets_every_worker_read_its_rules_again(stage: Stage) -> None:
    """Passed on by the supervisor, which has no rules itself; faulty ones are refused by each, and all continue."""
    with_workers(stage, 2, rule_options={"watch": False})
    with stage.service.running() as process:
        workers = Workers(stage)
        workers.wait_until_ready()
        rules = stage.service.folder / "rules" / "garage.yaml"
        whole = rules.read_text(encoding="utf-8")

        def versions() -> set[str]:
            return {
                dict(labels)["version"] for name, labels in workers.samples() if name == "notice_pipeline_rules_info"
            }

        def refused() -> int:
            return sum(
                1
                for (name, labels), value in workers.samples().items()
                if name == "notice_pipeline_rules_reload_success" and dict(labels).get("worker") and not value
            )

        before = versions()
        rules.write_text(whole.replace("event.fee >= 0.0", "event.fee >= 1.0"), encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(versions()) == 1 and versions() != before)
        rules.write_text(whole.replace("event.fee >= 0.0", "event.fee >="), encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: refused() == 2)
        assert {line["worker"] for line in stage.service.reported("rules_refused")} == {1, 2}
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log


def test_a_shadow_of_several_workers_sends_nothing(stage: Stage) -> None:
    """Every event once as shadowed, by both workers, under the shadow's names; not one request."""
    with_workers(stage, 2)
    stage.emit(200)
    with stage.service.running(options=["--shadow", "--workers", "2"]) as process:
        workers = Workers(stage)
        workers.wait_until_ready()
        ready = workers.get("/readyz").text
        assert ready.count("a shadow: nothing is sent") == 2
        outcomes = read_outcomes(stage.broker.bootstrap_servers, f"{stage.outcomes}.shadow", 200)
        assert "Shadow: notices are rendered and recorded, but not sent" in workers.get("/worker/1/").text
        assert total(workers.samples(), "notice_pipeline_shadow") == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SHADOWED}
    assert len({outcome.id for outcome in outcomes}) == len(outcomes) == 200
    assert stage.sandbox.state.memory.counts.accepted == 0
    assert not ends(stage.broker.bootstrap_servers, stage.outcomes)


def _section(stage: Stage, name: str) -> dict[str, Any]:
    section = stage.service.configuration[name]
    assert isinstance(section, dict)
    return section


@pytest.mark.parametrize("api", ["notices", "sms"])
def test_workers_share_one_token_of_an_api_that_keeps_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    """The supervisor fetches it for both, and again once when it is revoked: neither ends the other's."""
    credentials = stage.sandbox.state.credentials
    monkeypatch.setattr(credentials, "_clients", {"us": "secret-1"})
    grant, granted = credentials.grant, []

    def grant_one(form: Mapping[str, str], authorization: str | None) -> Granted:
        credentials.revoke_issued()
        granted.append(form)
        return grant(form, authorization)

    monkeypatch.setattr(credentials, "grant", grant_one)
    url = stage.sandbox.url
    oauth = {"token_url": f"{stage.sandbox.base_url}/oauth/token", "client_id": "us", "client_secret": "secret-1"}
    if api == "notices":
        with_workers(stage, 2, notices={"url": url, "oauth": oauth})
    else:
        with_workers(stage, 2, apis={api: {"url": url, "oauth": oauth}})
        templates = stage.service.folder / "rules" / "templates.yaml"
        text = templates.read_text(encoding="utf-8")
        templates.write_text(text.replace("    ids:", f"    api: {api}\n    ids:", 1), encoding="utf-8")
    with stage.service.running() as process:
        workers = Workers(stage)
        workers.wait_until_ready()
        wait_for(lambda: set(_owners(workers).values()) == {"1", "2"})
        stage.emit(EVENTS)
        stage.wait_for_outcomes(EVENTS)
        assert len(granted) == 1
        credentials.revoke_issued()
        stage.emit(EVENTS)
        outcomes = stage.wait_for_outcomes(2 * EVENTS)
        workers.wait_until_ready()
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert len(granted) == 2
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert "secret-1" not in stage.service.log
