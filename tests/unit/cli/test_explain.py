"""`explain`: its output, its exit codes and its error messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.rules.schema.event_schema import EventSchema
from tests.unit.cli.conftest import PAID, Run
from tests.unit.rules.shop import SCHEMA

Give = Callable[..., str]


def test_each_rule_is_explained_with_the_deciding_part(run: Run, give: Give) -> None:
    """The part of the condition that decides, its values, its location, and the message that is made."""
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


def test_a_rule_that_cannot_make_its_message_ends_with_1(run: Run, give: Give) -> None:
    """With the field, the reason and the text."""
    done = run("explain", give(order_no="N" * 25), "--rule", "any")
    assert done.code == 1
    assert "✗ any cannot make its message" in done.out
    assert "field_limit: thing1: has 25 of at most 20 characters  rules/shop.yaml:8:21" in done.out
    assert "large" not in done.out


def test_json_is_for_scripts(run: Run, give: Give) -> None:
    """The output holds the same, as values."""
    done = run("explain", give(), "--output", "json")
    result = json.loads(done.out)
    assert (done.code, result["event"]["where"], result["rules_on_other_types"]) == (0, "paid.json:1", 0)
    large, anything, _ = result["rules"]
    assert (large["rule"], large["match"], large["when"]["value"]) == ("large", "no_match", False)
    assert large["decided_by"][0]["operands"] == [
        {"expression": "event.amount", "value": 128.0, "place": "rules/shop.yaml:4:30"}
    ]
    assert anything["notice"]["request"]["data"] == {"thing1": {"value": "T2026"}}


def test_one_event_of_several_can_be_chosen(run: Run, shop: Path) -> None:
    """The first by default, with a note about the others."""
    events = [PAID | {"order_no": f"T{number}"} for number in range(3)]
    (shop / "many.jsonl").write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    first, third, fourth = (run("explain", "many.jsonl", *more) for more in ((), ("-n", "3"), ("-n", "4")))
    assert '"T0"' in first.out
    assert first.err == "many.jsonl: holds several events; this is the first, --event 2 is the next\n"
    assert (third.code, third.err) == (0, "")
    assert "many.jsonl:3" in third.out
    assert (fourth.code, fourth.err) == (2, "error: many.jsonl: holds fewer than 4 events\n")


def test_a_type_without_a_rule_is_reported(run: Run, shop: Path) -> None:
    """With a similar type, which is probably meant."""
    (shop / "other.json").write_text(json.dumps({"type": "shop.order.Piad", "data": PAID}), encoding="utf-8")
    done = run("explain", "other.json")
    assert done.code == 0
    assert "no rule is for events of this type; did you mean `shop.order.Paid`?" in done.out
    assert "3 rules are for other event types only." in done.out
    assert "`any` is not for events of this type" in run("explain", "other.json", "--rule", "any").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no event is named"),
        (("nothing.json",), "nothing.json: cannot be read: No such file or directory"),
        (("paid.json", "--type", "shop.order.Piad"), "did you mean `shop.order.Paid`?"),
        (("paid.json", "--rule", "anny"), "did you mean `any`?"),
        (("paid.json", "--rules", "nowhere"), "there is no such folder"),
        (("paid.json", "--topic", "a", "--partition", "0", "--offset", "1"), "two events are named"),
        (("--topic", "a", "--partition", "0"), "give --topic, --partition and --offset together"),
        (("orders/0/17",), "give --config, or write a pipeline.yaml"),
        (("--framed", "nothing.avro"), "nothing.avro: cannot be read: No such file or directory"),
        (("paid.json", "--framed", "paid.json"), "two events are named"),
        (("orders/0/17", "--config", "nothing.yaml"), "nothing.yaml: there is no such file"),
        (("paid.json", "--environment", "nowhere"), "no id for environment"),
        (("empty.json",), "empty.json: holds no event"),
        (("rules",), "cannot be read"),
    ],
)
def test_a_mistake_is_reported(run: Run, shop: Path, give: Give, arguments: tuple[str, ...], message: str) -> None:
    """On standard error, with a hint; nothing on standard output."""
    give()
    (shop / "empty.json").write_text("\n", encoding="utf-8")
    done = run("explain", *arguments)
    assert done.code == (1 if "--environment" in arguments else 2)
    assert message in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1', "event.json:1: this object does not end"),
        ('{"a" 1}', "event.json:1:6: not JSON at character 5"),
    ],
)
def test_an_event_that_cannot_be_read_ends_with_1(run: Run, shop: Path, text: str, message: str) -> None:
    """It is a finding about the event, not misuse of the command."""
    (shop / "event.json").write_text(text, encoding="utf-8")
    done = run("explain", "event.json")
    assert (done.code, done.out) == (1, "")
    assert message in done.err


def test_a_field_that_does_not_fit_is_the_reason_of_the_rules_that_read_it(run: Run, shop: Path) -> None:
    """As in the service: the rule that needs it fails, and the reason names the field."""
    (shop / "event.json").write_text(json.dumps(PAID | {"count": "x"}), encoding="utf-8")
    done = run("explain", "event.json")
    assert done.code == 1
    assert "event.count fails: shop.order.Paid.count: should be a whole number, not a text" in done.out


def test_a_message_can_be_expected(run: Run, give: Give) -> None:
    """For a check in CI: no message is a failure, whichever rule is asked about."""
    assert run("explain", give(), "--expect-message").code == 0
    done = run("explain", give(), "--rule", "large", "--expect-message")
    assert (done.code, done.err) == (1, "no rule makes a message of this event\n")
    assert run("explain", give(), "--rule", "large").code == 0


def test_bytes_of_a_serializer_are_decoded_as_the_service_does(run: Run, shop: Path) -> None:
    """Avro in Confluent's framing, with the id of a schema in the folder."""
    schema = EventSchema(SCHEMA, "paid.avsc")
    value, _ = EventEncoder(schema, folder_id(schema.fingerprint), Encoding.AVRO).encode(PAID, 0)
    (shop / "paid.avro").write_bytes(value)
    done = run("explain", "--framed", "paid.avro", "--expect-message")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("shop.order.Paid  paid.avro  ")
    (shop / "cut.avro").write_bytes(value[:-3])
    cut = run("explain", "--framed", "cut.avro")
    assert cut.code == 1
    assert "malformed" in cut.out
    (shop / "other.avro").write_bytes(b"\x00\x00\x00\x00\x07" + value[5:])
    other = run("explain", "--framed", "other.avro", "--output", "json")
    assert other.code == 1
    assert json.loads(other.out)["undecodable"]["reason"] == "unknown_schema"


def test_json_bytes_are_decoded_by_their_type(run: Run, give: Give) -> None:
    """With --type, as `schemas.json_types` gives it to the service."""
    done = run("explain", "--framed", give(), "--type", "order.Paid")
    assert done.code == 0
    assert "any makes a message" in done.out


@pytest.mark.parametrize("content_type", ["application/json", "application/cloudevents+json"])
def test_an_exported_cloud_event_is_recognised_by_its_envelope(run: Run, shop: Path, content_type: str) -> None:
    """Whatever content type its record has."""
    envelope = {"specversion": "1.0", "id": "7", "source": "/s", "type": "shop.order.Paid", "data": PAID}
    for value in (envelope, json.dumps(envelope)):
        record = {"topic": "a", "partition": 0, "offset": 1, "headers": {"content-type": content_type}, "value": value}
        (shop / "record.json").write_text(json.dumps(record), encoding="utf-8")
        done = run("explain", "record.json", "--expect-message")
        assert (done.code, done.err) == (0, "")


def test_rules_with_errors_are_not_explained(run: Run, shop: Path, give: Give) -> None:
    """Their errors are printed; the exit code is 1."""
    file = shop / "rules" / "shop.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("event.gift", "event.gfit"), encoding="utf-8")
    done = run("explain", give())
    assert done.code == 1
    assert "rules/shop.yaml:10:17: error unknown-field" in done.err


HOSTILE = "${event.sub}\x1b[2J\x1b]0;owned\x07\r\u202e\x9b31m\u2028<b>"


def test_control_characters_of_an_event_are_escaped(run: Run, shop: Path, give: Give) -> None:
    """In values, in names and in error messages."""
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
