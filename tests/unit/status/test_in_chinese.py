"""What is wrong, in Chinese."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pipeline.languages import speaking
from pipeline.model.halt import Halt
from pipeline.model.kafka_health import AbsentLeader, KafkaHealth
from pipeline.model.pause import Pause, Scope, ScopeKind
from pipeline.status.condition import ConditionName
from pipeline.status.conditions import conditions
from pipeline.status.facts import Failing, RefusedRules, RemovedRules
from pipeline.status.halts import HALTS, WORDS
from tests.unit.status.test_conditions import BROKEN, IDLE, P0, halted, shop
from tests.unit.web.status_sources import API, T0

ZH = speaking("zh")
OF_OTHERS = re.compile(
    r"`[^`]*`|shop\.events/\d|order-paid|broker-\d:\d+|the schema registry answers 503: down|Invalid compressed data"
    r"|a\.yaml:1:1: error unknown-key|the file a\.yaml is gone|empty|Kafka|Schema|UTC|broker|leader"
    r"|the consumer has not polled for 31 s"
)
"""Names, code, and errors of other programs."""


def said(**facts: Any) -> list[str]:  # noqa: ANN401 - any fact
    return [ZH(text) for found in conditions(shop(**facts).facts()) for text in (found.message, found.advice)]


@pytest.mark.parametrize("name", ConditionName)
def test_each_condition_is_said_in_chinese(name: ConditionName) -> None:
    """The message and the advice; only names, code and errors of other programs are left."""
    for text in said(**BROKEN[name]):
        assert re.search("[\u4e00-\u9fff]", text)
        assert re.findall("[A-Za-z]{2,}", OF_OTHERS.sub("", text)) in ([], ["paid", "ann"])


@pytest.mark.parametrize("halt", Halt)
def test_each_halt_is_said_in_chinese(halt: Halt) -> None:
    """As a message, for one of several APIs, and in a table."""
    assert set(HALTS) == set(WORDS) == set(Halt)
    assert not re.search("[A-Za-z]", ZH(WORDS[halt]))
    assert said(snapshot=halted(halt))[0].startswith("发送已")
    several = {"notices": API, "alipay": API._replace(halted=halt, halted_since=T0)}
    (first, *_) = said(snapshot=IDLE._replace(apis=several))
    assert first.startswith(("经 alipay 的发送已", "发送已被运维人员暂停"))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"other_facts": {"pauses": (Pause(Scope(ScopeKind.TEMPLATE, "coupon"), 0.0, by="ann", reason="错字"),)}},
            "已暂停：模板 coupon，由 ann 暂停（错字）",
        ),
        (
            {"snapshot": IDLE._replace(suspended={"a": T0, "b": T0})},
            "2 条规则（a、b）从 2026-11-25 15:03:20 UTC 起停发：接口不接受所用的模板或账号",
        ),
        (
            {
                "kafka": KafkaHealth(2, 0.0, absent=(AbsentLeader(P0, "k:1", elected=True),)),
                "other_facts": {"leaderless_since": {P0: T0 - 31}},
            },
            "从 2026-11-25 15:02:49 UTC 起连不上 k:1，它是 shop.events/0 的 leader",
        ),
    ],
)
def test_parts_of_a_message_fit_together(facts: dict[str, Any], message: str) -> None:
    """Lists, times and names within a sentence."""
    assert said(**facts)[0] == message


def test_counts_and_first_errors_fit_together() -> None:
    """More failing rules than are named, errors of a reload, and cancelled notices."""
    failing = {f"rule-{number}": Failing(20, 20) for number in range(7)}
    assert said(other_facts={"failing": failing})[1].endswith("另有 2 条规则也在失败。")
    refused = said(refused=RefusedRules(T0, 3, ("a.yaml:1:1: error unknown-key `x`",)))
    assert refused[1].endswith("第一个错误：a.yaml:1:1: error unknown-key `x`（另有 2 个）。")
    removed = said(other_facts={"removed_rules": RemovedRules(T0 - 60, ("a",), 8_000)})
    assert removed[0].startswith("规则 a 从 ")
    assert "8,000 条等待中的消息已取消" in removed[1]
