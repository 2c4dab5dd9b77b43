"""Two APIs of one service, by configuration alone, on a real Kafka and with two sandboxes."""

from __future__ import annotations

import signal
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from pipeline.model.outcome import OutcomeKind
from pipeline.sandbox.server import SandboxServer, running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS
from tests.acceptance.stage import RULES, TEMPLATES, Stage
from tests.acceptance.waiting import wait_for
from tests.broker.handle import Broker
from tests.fakes import plain_http
from tests.fakes.registry import FakeRegistry

EVENTS = 400
DOWN: dict[str, object] = {"faults": [{"status": 503}]}
WELL: dict[str, object] = {}
TWO_TEMPLATES = f"""{TEMPLATES}
  texted:
    title: 停车缴费提醒
    api: sms
    ids: {{production: texted-template}}
    fields:
      number1: {{label: 序号}}
      time2: {{label: 时间}}
      amount3: {{label: 费用}}
"""
OF_NOTICES = RULES.replace("event.fee >= 0.0", "event.number % 2 == 0")
OF_SMS = OF_NOTICES.partition("rules:")[2].replace("== 0", "== 1").replace("id: parked", "id: texted")
TWO_RULES = OF_NOTICES + OF_SMS.replace("template: parked", "template: texted")


def follow(sandbox: SandboxServer, plan: dict[str, object]) -> None:
    httpx.put(sandbox.url.replace("/message/v2/notices", "/sandbox/faults"), json=plan, timeout=10).raise_for_status()


def ready(endpoint: str) -> tuple[int, str]:
    answer = plain_http.get(f"{endpoint}/readyz", timeout=ANSWER_SECONDS)
    return answer.status_code, answer.text


def taken(sandbox: SandboxServer) -> dict[str, list[tuple[float, int]]]:
    """Time and number of each accepted message, by recipient, in the order in which they were accepted."""
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for received in sandbox.state.memory.messages:
        found[received.message.to].append((received.at, int(received.message.fields["number1"][0])))
    return found


@pytest.mark.kafka
def test_a_second_api_is_a_setting_and_its_halt_is_its_own(
    tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]
) -> None:
    """While one API fails the other gets its notices; all arrive once at the API of their template, each in order."""
    options = [SandboxOptions(port=0, tokens=frozenset({token})) for token in ("token-of-notices", "token-of-sms")]
    with FakeRegistry() as registry, running_sandbox(options[0]) as first, running_sandbox(options[1]) as sms:
        changes: dict[str, dict[str, object]] = {
            "notices": {"token": "token-of-notices"},
            "apis": {"sms": {"url": sms.url, "token": "token-of-sms", "max_in_flight": 8}},
            "delivery": {"breaker": {"open_seconds": 0.5, "open_cap_seconds": 1}},
        }
        stage = Stage(tmp_path, real_kafka, topic("two-apis", partitions=2), registry, first, changes)
        (stage.service.folder / "rules" / "templates.yaml").write_text(TWO_TEMPLATES, encoding="utf-8")
        (stage.service.folder / "rules" / "garage.yaml").write_text(TWO_RULES, encoding="utf-8")
        follow(sms, DOWN)
        stage.emit(EVENTS)
        with stage.service.running() as process:
            endpoint = stage.service.reported("starting")[0]["endpoint"]
            (halted,) = stage.service.reported("sending_halted")
            assert (halted["api"], halted["reason"]) == ("sms", "breaker_open")
            # A recipient gets even or odd numbers only, so that no message of the first API waits for the second.
            wait_for(lambda: first.state.memory.counts.accepted == EVENTS // 2)
            assert sms.state.memory.counts.accepted == 0
            assert ready(endpoint) == (503, "sending for sms is halted: breaker_open\n")
            status = plain_http.get(f"{endpoint}/status.json", timeout=ANSWER_SECONDS).json()
            assert [(api["name"], api["halted"]) for api in status["apis"]] == [
                ("notices", None),
                ("sms", "breaker_open"),
            ]
            metrics = plain_http.get(f"{endpoint}/metrics", timeout=ANSWER_SECONDS).text
            assert 'notice_pipeline_halted{api="sms",reason="breaker_open"} 1.0' in metrics
            assert 'notice_pipeline_halted{api="notices",reason="breaker_open"} 0.0' in metrics
            follow(sms, WELL)
            outcomes = stage.wait_for_outcomes(EVENTS)
            wait_for(lambda: ready(endpoint)[0] == 200)  # the halt of sms ends
            process.send_signal(signal.SIGTERM)
            assert process.wait(END_SECONDS) == 0, stage.service.log
        assert Counter(outcome.kind for outcome in outcomes) == {OutcomeKind.ACCEPTED: EVENTS}
        assert {outcome.template for outcome in outcomes} == {"parked", "texted"}
        for sandbox, parity in ((first, 0), (sms, 1)):
            numbers = [[number for _, number in of_one] for of_one in taken(sandbox).values()]
            assert all(one == sorted(one) for one in numbers)
            assert sorted(number for one in numbers for number in one) == list(range(parity, EVENTS, 2))
        assert stage.uncommitted() == 0
