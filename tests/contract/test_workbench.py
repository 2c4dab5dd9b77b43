"""Drafts tried out in a process of their own: what is said of them, and that nothing they hold does harm."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.authoring.workbench.process import MOST_WAITING, Workbench
from pipeline.adapters.shipped import shipped
from pipeline.errors import ResourceLimitExceeded

PAID = "com.example.trade.order.paid.v1"
RULE = """\
id: thanks
on: com.example.trade.order.paid.v1
when: event.amount_paid > 0.0 && event.pay_channel == "WECHAT"
to: ${event.sub}
template: order_paid
data:
  time4: ${local_time(event.paid_at, "YYYY-MM-DD HH:mm")}
  character_string2: ${event.order_no}
  thing3: ${event.item_summary}
  amount5: ${money(event.amount_paid, event.currency)}
"""
EVENT = {
    "event_id": "e1",
    "occurred_at": "2026-11-23T07:01:00Z",
    "sub": "u1",
    "order_no": "T1",
    "item_summary": "小粒咖啡豆250g",
    "item_count": 3,
    "amount_paid": "128.00",
    "currency": "CNY",
    "paid_at": "2026-11-23T07:01:00Z",
    "pay_channel": "WECHAT",
}


@pytest.fixture
async def bench() -> AsyncIterator[Workbench]:
    bench = Workbench(shipped("rules"), shipped("schemas/events"), "production")
    yield bench
    await bench.close()


async def tried(bench: Workbench, rules: str = RULE, event: object = EVENT, file: str = "new.yaml") -> dict[str, Any]:
    text = event if isinstance(event, str) else json.dumps(event)
    return await bench.try_out({"file": file, "rules": rules, "type": PAID, "event": text})


async def test_a_rule_alone_makes_its_card(bench: Workbench) -> None:
    """Both ways of showing it, the request's body, and why."""
    found = await tried(bench)
    assert [finding["code"] for finding in found["findings"]] == ["missing-test"]
    messages = {message["rule"]: message for message in found["messages"]}
    wechat, legacy = messages["thanks"]["cards"]
    assert (wechat["mode"], legacy["mode"]) == ("wechat", "legacy")
    assert "¥128.00" in wechat["html"]
    assert "¥128.00" in legacy["html"]
    assert json.loads(messages["thanks"]["body"])["to"] == "u1"
    why = next(one for one in found["why"] if one["rule"] == "thanks")
    assert why["match"] == "notice"
    assert [(one["text"], one["line"]) for one in why["decisions"]] == [
        ("event.amount_paid > 0.0", 3),
        ('event.pay_channel == "WECHAT"', 3),
    ]


async def test_findings_are_where_they_were_written(bench: Workbench) -> None:
    """Line and column of the draft, also where one rule was made a file of."""
    found = await tried(bench, RULE.replace("event.order_no", "event.order_nr"))
    finding = next(one for one in found["findings"] if one["level"] == "error")
    assert (finding["line"], finding["code"]) == (8, "unknown-field")
    assert finding["excerpt"][finding["column"] - 1 :].startswith("order_nr")
    assert "order_no" in finding["hint"]
    assert found["messages"] == []


async def test_a_draft_stands_in_for_its_file(bench: Workbench) -> None:
    """The rules of the file on disk are not evaluated, too."""
    text = (shipped("rules") / "trade.yaml").read_text(encoding="utf-8")
    found = await tried(bench, text, file="trade.yaml")
    assert found["findings"] == []
    assert [message["rule"] for message in found["messages"]] == ["order-paid"]


async def test_the_tests_of_its_events_are_run(bench: Workbench) -> None:
    """As the command `test` would; a failure names what was expected and what came."""
    text = (shipped("rules") / "trade.yaml").read_text(encoding="utf-8")
    tests = (await tried(bench, text, file="trade.yaml"))["tests"]
    assert tests["run"] > 3
    assert tests["failed"] == []
    changed = text.replace("https://m.example.com/orders/", "https://m.example.com/o/")
    failed = (await tried(bench, changed, file="trade.yaml"))["tests"]["failed"]
    mismatch = failed[0]["mismatches"][0]
    assert mismatch["expected"].startswith("https://m.example.com/orders/")
    assert mismatch["got"].startswith("https://m.example.com/o/")


async def test_a_rule_that_does_not_match_is_explained(bench: Workbench) -> None:
    """By the deciding part, with the event's value."""
    found = await tried(bench, event={**EVENT, "pay_channel": "BALANCE"})
    why = next(one for one in found["why"] if one["rule"] == "thanks")
    assert why["match"] == "no_match"
    assert why["decisions"][0]["operands"][0]["value"] == '"BALANCE"'


@pytest.mark.parametrize(
    ("event", "summary"),
    [
        ("{", "JSON"),
        ("[1]", "object"),
        ('{"order_no": 1}', "$"),
        ({**EVENT, "amount_paid": "much"}, "amount_paid"),
        ({"specversion": "1.0"}, "CloudEvent"),
        ('{"a": ' * 5_000 + "1" + "}" * 5_000, "deep"),
    ],
)
async def test_an_invalid_event_is_reported(bench: Workbench, event: object, summary: str) -> None:
    """Findings are shown nevertheless."""
    found = await tried(bench, event=event)
    assert summary in found["event_problem"]["words"]
    assert found["sound"]


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", "alias"),
        ("rules: " + "[" * 60 + "]" * 60, "too-deep"),
        ("rules: !!python/object/apply:os.system [id]", "not-yaml"),
        ("\x00", "not-yaml"),
        ("rules: [", "not-yaml"),
        ("", "wrong-value"),
    ],
)
async def test_hostile_yaml_is_a_finding(bench: Workbench, rules: str, code: str) -> None:
    """No bomb goes off, nothing is run."""
    found = await tried(bench, rules)
    assert not found["sound"]
    assert code in {finding["code"] for finding in found["findings"]}


async def test_values_of_an_event_are_text(bench: Workbench) -> None:
    """Neither HTML nor an expression."""
    found = await tried(bench, event={**EVENT, "item_summary": "<script>${1+1}", "order_no": "<b>"})
    shown = next(one for one in found["messages"] if one["rule"] == "thanks")["cards"]
    cards = "".join(card["html"] for card in shown)
    assert "<script>" not in cards
    assert "&lt;script&gt;${1+1}" in cards


async def test_the_process_is_kept_and_replaced(bench: Workbench) -> None:
    """The second draft meets the first one's process; a dead one is replaced by the draft after it."""
    await tried(bench)
    first = bench._process
    await tried(bench)
    assert bench._process is first
    assert first is not None
    first.kill()
    await first.wait()
    assert (await tried(bench))["sound"]


async def test_too_many_at_once_are_refused(bench: Workbench) -> None:
    """Some wait, the others are refused at once."""
    answers = await asyncio.gather(*(tried(bench) for _ in range(MOST_WAITING + 3)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ResourceLimitExceeded)]
    assert len(refused) == 3
    assert sum(isinstance(answer, dict) for answer in answers) == MOST_WAITING


async def test_a_draft_that_takes_too_long_is_ended(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed, a message is shown, and the next draft works."""
    monkeypatch.setattr("pipeline.adapters.authoring.workbench.process.WAIT_SECONDS", 0.01)
    with pytest.raises(ResourceLimitExceeded, match="took longer"):
        await tried(bench)
    monkeypatch.undo()
    assert (await tried(bench))["sound"]


async def test_a_busy_loop_is_ended_by_its_own_timer(tmp_path: Path) -> None:
    """Of processor time, whatever the parent does: a file that takes longer to check is given up, not a small one."""
    (tmp_path / "templates.yaml").write_text((shipped("rules") / "templates.yaml").read_text(encoding="utf-8"))
    (tmp_path / "x.yaml").write_text("rules: []")
    bench = Workbench(tmp_path, shipped("schemas/events"), "production", seconds=0.5)
    rules = "rules:\n" + "\n".join(
        "  - " + RULE.replace("id: thanks", f"id: thanks-{number}").replace("\n", "\n    ").rstrip()
        for number in range(2_000)
    )
    try:
        assert (await tried(bench))["sound"]
        with pytest.raises(ResourceLimitExceeded, match="took longer"):
            await tried(bench, rules)
    finally:
        await bench.close()


def environment_of(process: int) -> bytes:
    path = Path(f"/proc/{process}/environ")
    if not path.exists():
        pytest.skip("this system does not show a process's environment")
    return path.read_bytes()


async def test_its_environment_has_no_secrets(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process does not know what it could leak."""
    monkeypatch.setenv("NOTICE_PIPELINE_NOTICES__TOKEN", "canary-88")
    await tried(bench)
    assert bench._process is not None
    assert b"canary-88" not in environment_of(bench._process.pid)


async def test_it_begins_with_a_file_and_an_event_that_fits(bench: Workbench) -> None:
    """By rule, by file, or by itself; what is not there is passed over."""
    opened = await bench.open(None, "order-paid", None)
    assert (opened["file"], opened["type"]) == ("trade.yaml", PAID)
    assert json.loads(str(opened["event"]))["order_no"]
    for file in ("../../etc/passwd", "nowhere.yaml", f"..{os.sep}templates.yaml"):
        assert (await bench.open(file, None, "no.such.type"))["file"] == "customers.yaml"


async def test_sound_rules_are_shown_beside_one_with_errors(bench: Workbench) -> None:
    """The error is reported, and the others make their messages, whether the faulty rule is YAML or not."""
    text = (shipped("rules") / "trade.yaml").read_text(encoding="utf-8")
    assert "event.shipped_at" in text
    for faulty in (
        text.replace("event.shipped_at", "event.shiped_at"),
        text.replace("expires_after: 3d", "expires_after: '3d", 1),
    ):
        found = await tried(bench, faulty, file="trade.yaml")
        assert not found["sound"]
        assert found["evaluated"]
        assert found["left_out"] == ["order-shipped"]
        assert [message["rule"] for message in found["messages"]] == ["order-paid"]


async def test_templates_and_tests_are_drafts_as_well(bench: Workbench) -> None:
    """A longer title is on the card, and a changed test fails."""
    templates = (shipped("rules") / "templates.yaml").read_text(encoding="utf-8")
    found = await tried(bench, templates.replace("订单支付成功通知", "付款成功啦"), file="templates.yaml")
    assert found["findings"] == []
    assert "付款成功啦" in found["messages"][0]["cards"][0]["html"]
    tests = (shipped("rules") / "tests/trade.yaml").read_text(encoding="utf-8")
    found = await tried(bench, tests.replace("amount5: ¥128.00", "amount5: ¥1.00"), file="tests/trade.yaml")
    assert found["tests"]["run"] > 3
    assert found["tests"]["failed"][0]["file"] == "trade.yaml"


async def test_completion_and_hover(bench: Workbench) -> None:
    """In a draft that is not YAML yet, with the templates and schemas of the folder."""
    text = RULE + "url: '${event.order_"
    items = (
        await bench.ask(
            "complete", file="new.yaml", rules=f"rules:\n  - {text.replace(chr(10), chr(10) + '    ')}", at=10_000
        )
    )["items"]
    assert isinstance(items, list)
    assert [item["label"] for item in items] == ["order_no"]
    found = (await bench.ask("hover", file="trade.yaml", rules="rules:\n  - template: order_paid", at=25))["hover"]
    assert isinstance(found, dict)
    assert found["title"] == "order_paid: 订单支付成功通知"


async def test_events_to_choose_from(bench: Workbench) -> None:
    """Examples that make a message, those of tests, and none that does not exist."""
    first, second = await bench.example(PAID), await bench.example(PAID, 1)
    assert first != second
    choices = await bench.ask("choices", type=PAID)
    tests = choices["tests"]
    assert isinstance(tests, list)
    chosen = await bench.ask("choose", key=tests[0]["key"])
    assert json.loads(str(chosen["event"]))["order_no"] == "T20261123150100001"
    for key in (
        "test:trade.yaml:9999",
        "recorded:../../etc/passwd:0",
        "recorded:/etc/passwd:0",
        "x",
        "test:trade.yaml:-1",
    ):
        assert (await bench.ask("choose", key=key))["event"] is None
