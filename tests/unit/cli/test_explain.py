"""`explain`: what it prints, how it ends, and what it answers a mistake with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import PAID, Run

Give = Callable[..., str]


def test_each_rule_is_told_with_what_decided(run: Run, give: Give) -> None:
    """The part that decided, its values, its place; the message that comes out."""
    done = run("explain", give())
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("shop.order.Paid  paid.json:1  ")
    assert lines[2:5] == [
        "· large does not match  rules/shop.yaml:3:5",
        "    event.amount >= 1000.0 is false  rules/shop.yaml:4:30",
        "        event.amount = 128.0",
    ]
    assert lines[6:8] == [
        "✓ any makes a message  rules/shop.yaml:6:5",
        "    it has no `when`: every event of the type matches",
    ]
    assert lines[8].startswith("    to 0123456789abcdef0123456789abcdef, template paid  ")
    assert lines[9:11] == ['        url = "https://m.example.com/T2026"', '        thing1 = "T2026"']
    assert lines[12] == "· old does not match  rules/shop.yaml:9:5"


def test_a_rule_that_can_make_no_message_ends_with_1(run: Run, give: Give) -> None:
    """With the field, the reason and the text that it came to."""
    done = run("explain", give(order_no="N" * 25), "--rule", "any")
    assert done.code == 1
    assert "✗ any can make no message" in done.out
    assert "field_limit: thing1: has 25 of at most 20 characters  rules/shop.yaml:8:21" in done.out
    assert "large" not in done.out


def test_json_is_for_scripts(run: Run, give: Give) -> None:
    """The same, as values."""
    done = run("explain", give(), "--output", "json")
    told = json.loads(done.out)
    assert (done.code, told["event"]["where"], told["rules_on_other_types"]) == (0, "paid.json:1", 0)
    large, anything, _ = told["rules"]
    assert (large["rule"], large["match"], large["when"]["value"]) == ("large", "no_match", False)
    assert large["decided_by"][0]["operands"] == [
        {"expression": "event.amount", "value": 128.0, "place": "rules/shop.yaml:4:30"}
    ]
    assert anything["notice"]["request"]["data"] == {"thing1": {"value": "T2026"}}


def test_one_event_of_several_may_be_asked_for(run: Run, shop: Path) -> None:
    """The first where nothing is said, with a word about the others."""
    events = [PAID | {"order_no": f"T{number}"} for number in range(3)]
    (shop / "many.jsonl").write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    first, third, fourth = (run("explain", "many.jsonl", *more) for more in ((), ("-n", "3"), ("-n", "4")))
    assert '"T0"' in first.out
    assert first.err == "many.jsonl: holds several events; this is the first, --event 2 is the next\n"
    assert (third.code, third.err) == (0, "")
    assert "many.jsonl:3" in third.out
    assert (fourth.code, fourth.err) == (2, "error: many.jsonl: holds fewer than 4 events\n")


def test_a_type_that_no_rule_looks_at_is_told(run: Run, shop: Path) -> None:
    """With the near one: mostly it is a slip."""
    (shop / "other.json").write_text(json.dumps({"type": "shop.order.Piad", "data": PAID}), encoding="utf-8")
    done = run("explain", "other.json")
    assert done.code == 0
    assert "no rule looks at events of this type; did you mean `shop.order.Paid`?" in done.out
    assert "3 rules look at other event types only." in done.out
    assert "`any` does not look at events of this type" in run("explain", "other.json", "--rule", "any").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no event is named"),
        (("nothing.json",), "nothing.json: cannot be read: No such file or directory"),
        (("paid.json", "--type", "shop.order.Piad"), "did you mean `shop.order.Paid`?"),
        (("paid.json", "--rule", "anny"), "did you mean `any`?"),
        (("paid.json", "--rules", "nowhere"), "there is no such folder"),
        (("paid.json", "--topic", "a", "--partition", "0", "--offset", "1"), "two events are named"),
        (("--topic", "a", "--partition", "0"), "named by --topic, --partition and --offset together"),
        (("orders/0/17",), "give --config pipeline.yaml"),
        (("orders/0/17", "--config", "nothing.yaml"), "nothing.yaml: there is no such file"),
        (("paid.json", "--environment", "nowhere"), "no id for environment"),
        (("empty.json",), "empty.json: holds no event"),
        (("broken.json",), "broken.json:1: this object does not end"),
        (("wrong.json",), "wrong.json:1: `shop.order.Paid`: $.count: should be a whole number, not a text"),
        (("rules",), "cannot be read"),
    ],
)
def test_a_mistake_is_told_in_words(run: Run, shop: Path, give: Give, arguments: tuple[str, ...], message: str) -> None:
    """On standard error, with a hint; nothing on standard output."""
    give()
    (shop / "empty.json").write_text("\n", encoding="utf-8")
    (shop / "broken.json").write_text('{"a": 1', encoding="utf-8")
    (shop / "wrong.json").write_text(json.dumps(PAID | {"count": "3"}), encoding="utf-8")
    done = run("explain", *arguments)
    assert done.code == (1 if "--environment" in arguments else 2)
    assert message in done.err
    assert done.out == ""


def test_rules_with_errors_explain_nothing(run: Run, shop: Path, give: Give) -> None:
    """Their errors are told, and exit 1."""
    file = shop / "rules" / "shop.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("event.gift", "event.gfit"), encoding="utf-8")
    done = run("explain", give())
    assert done.code == 1
    assert "rules/shop.yaml:10:17: error unknown-field" in done.err


HOSTILE = "${event.sub}\x1b[2J\x1b]0;owned\x07\r\u202e\x9b31m\u2028<b>"


def test_a_terminal_obeys_no_event(run: Run, shop: Path, give: Give) -> None:
    """Neither in values, nor in names, nor in the words of an error."""
    done = run("explain", give(order_no=HOSTILE, extra={HOSTILE: HOSTILE}))
    named = json.dumps({"type": HOSTILE, "data": {}, "id": HOSTILE, "source": HOSTILE})
    (shop / "named.json").write_text(named, encoding="utf-8")
    (shop / "unknown.json").write_text(json.dumps(PAID | {"count": {HOSTILE: 1}, HOSTILE: 1}), encoding="utf-8")
    as_json = run("explain", "paid.json", "--output", "json")
    texts = [done, as_json, run("explain", "named.json"), run("explain", "unknown.json"), run("explain", HOSTILE)]
    for text in (part for one in texts for part in (one.out, one.err)):
        assert not set(text) & set("\x1b\x07\r\x9b\u202e\u2028")
    assert "${event.sub}" in done.out
    refused = json.loads(as_json.out)["rules"][1]["refusal"]
    assert refused["reason"] == "url_refused"
    assert refused["text"] == f"https://m.example.com/{HOSTILE}"
