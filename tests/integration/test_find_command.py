"""`find` on a real Kafka: five causes why no message came, each found from Kafka alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.shipped import shipped
from pipeline.model import dead_letter
from pipeline.model.event import Position
from pipeline.model.notice import notice_id
from pipeline.model.outcome import Because, OutcomeKind, Reason
from tests.fakes.real_kafka import RealKafka
from tests.integration.commands import Command, Ran
from tests.integration.test_audit_command import RULE, Shop

pytestmark = pytest.mark.kafka
Find = Callable[..., Ran]
RECIPIENT = "r1"
CARE = """\
care:
  caps:
         a-day: {of: {category: transactional}, at_most: 1, per: day}
  categories: {transactional: {caps: [a-day]}}
"""


@pytest.fixture
def shop(kafka: RealKafka, tmp_path: Path, unique: Callable[[str], str]) -> Shop:
    """Three events. The first is refused, the second sent; the third waits."""
    shop = Shop(kafka, tmp_path)
    configuration = json.loads(shop.config.read_text(encoding="utf-8"))
    configuration["control"] = {"topic": unique("control"), "replication_factor": 1}
    configuration["dead_letters"]["redriven_topic"] = unique("redriven")
    shop.config.write_text(json.dumps(configuration), encoding="utf-8")
    shop.emit(3)
    now = SystemClock().now()
    times: dict[str, Any] = {"received_at": now - 1, "first_attempt_at": now - 0.5, "finished_at": now}
    refused: dict[str, Any] = {
        "kind": OutcomeKind.REJECTED,
        "reason": Reason.RECIPIENT,
        "code": 43101,
        "event_id": "e-0",
        **times,
    }
    shop.settle(shop.position(0), recipient=RECIPIENT, **refused)
    shop.settle(shop.position(1), recipient="r2", event_id="e-1", **times)
    shop.commit(2)
    return shop


@pytest.fixture
def find(command: Command, shop: Shop) -> Find:
    """`find("--text", …)`, as JSON."""
    return lambda *arguments: command("find", "-c", str(shop.config), "--output", "json", *arguments)


def answers(ran: Ran) -> list[str]:
    """The answer for each event."""
    return [event["answer"] for event in ran.reported["events"]]


def test_a_position_tells_the_event_the_rules_and_the_notice(shop: Shop, find: Find) -> None:
    """Refused: with the code in words, the attempts and the dead letter."""
    ran = find(str(shop.position(0)))
    assert ran.code == 0, ran
    (event,) = ran.reported["events"]
    assert event["answer"] == "Refused: the customer blocked the account (43101)."
    assert [(rule["rule"], rule["result"]) for rule in event["rules"]] == [
        (RULE, "notice"),
        ("wallet-statement", "no_match"),
    ]
    assert event["rules"][1]["why"].startswith("event.amount >= 10000.0 is false (event.amount = ")
    (notice,) = event["notices"]
    assert [step["kind"] for step in notice["steps"] if step["time"]] == [
        "matched",
        "first_attempt",
        "attempts",
        "outcome",
        "dead_letter",
    ]


def test_what_waits_is_distinguished_from_what_is_paused(shop: Shop, find: Find, command: Command) -> None:
    """The group has committed up to the third event; then an operator pauses everything."""
    assert answers(find(str(shop.position(2)))) == ["Still waiting: it is the next event that its partition finishes."]
    assert command("pause", "--all", "-c", str(shop.config), "--by", "ann", "--reason", "wrong price").code == 0
    (answer,) = answers(find(str(shop.position(2))))
    assert answer.startswith("Still waiting: sending is paused since ")
    assert answer.endswith("by ann (wrong price).")


def test_a_recipient_is_found_by_its_id_although_outcomes_have_a_hash(find: Find) -> None:
    """And an event by its own id. Nothing is found for others, which is exit code 1."""
    assert answers(find("--recipient", RECIPIENT)) == ["Refused: the customer blocked the account (43101)."]
    assert answers(find("--event", "e-1")) == ["Sent: the platform accepted it."]
    absent = find("--recipient", "absent")
    assert (absent.code, absent.reported) == (1, {"found": 0, "left_out": 0, "events": []})


def test_a_text_finds_events_without_an_outcome(shop: Shop, find: Find) -> None:
    """Each field of every event is compared; the newest events are kept."""
    everything = find("--text", "CNY")
    assert [event["position"] for event in everything.reported["events"]] == [str(shop.position(n)) for n in range(3)]
    assert everything.reported["events"][0]["found_in"] == ["event.currency"]
    assert answers(everything) == [
        "Refused: the customer blocked the account (43101).",
        "Sent: the platform accepted it.",
        "Still waiting: it is the next event that its partition finishes.",
    ]
    newest = find("--text", "CNY", "--limit", "1")
    assert (len(newest.reported["events"]), newest.reported["left_out"]) == (1, 2)
    assert find("--text", "CNY", "--from", "now").code == 1


def test_a_rule_that_is_off_is_the_answer(shop: Shop, find: Find, tmp_path: Path) -> None:
    """And that no rule is for the type, where it is removed."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "templates.yaml").write_bytes(shipped("rules/templates.yaml").read_bytes())
    text = shipped("rules/customers.yaml").read_text(encoding="utf-8")
    (rules / "customers.yaml").write_text(text.replace(f"- id: {RULE}\n", f"- id: {RULE}\n    enabled: false\n"))
    _configure(shop, rules=str(rules))
    (answer,) = answers(find(str(shop.position(2))))
    assert answer == f"No message: the rule `{RULE}` is switched off (`enabled: false`); it would have matched."
    (rules / "customers.yaml").unlink()
    (answer,) = answers(find(str(shop.position(2))))
    assert answer.startswith("No message: no rule is for events of this type (com.example.user.wallet")


def test_an_expired_notice_is_the_answer(shop: Shop, find: Find) -> None:
    """With what the outcome says."""
    now = SystemClock().now()
    ended: dict[str, Any] = {"received_at": now, "finished_at": now, "first_attempt_at": None, "attempts": 0}
    shop.settle(shop.position(2), kind=OutcomeKind.EXPIRED, reason=Reason.EXPIRED, **ended)
    assert answers(find(str(shop.position(2)))) == ["Expired: its time ended before it could be sent."]


def test_what_recipient_care_held_back_names_the_cap_and_its_end(
    shop: Shop, find: Find, command: Command, tmp_path: Path
) -> None:
    """The end is in the outcome, the place in the care.yaml of today; `explain` of the position says the same."""
    rules = tmp_path / "rules"
    shutil.copytree(shipped("rules"), rules)
    (rules / "care.yaml").write_text(CARE, encoding="utf-8")
    _configure(shop, rules=str(rules))
    now, until = SystemClock().now(), datetime(2026, 11, 30, 16, tzinfo=UTC).timestamp()
    held: dict[str, Any] = {"kind": OutcomeKind.SUPPRESSED, "reason": Reason.CAP_REACHED, "attempts": 0}
    held["because"] = (Because("cap", "a-day", "1 of 1 on 2026-11-30: 09:12 wallet-recharged", until),)
    shop.settle(shop.position(2), received_at=now, finished_at=now, first_attempt_at=None, **held)
    ran = find(str(shop.position(2)))
    why = (
        f"cap `a-day` is reached ({rules}/care.yaml:3:10); 1 of 1 on 2026-11-30: 09:12 wallet-recharged; "
        "possible again 2026-12-01 00:00"
    )
    assert answers(ran) == [f"Matched, not sent: {why}."]
    (ended,) = ran.reported["events"][0]["notices"][0]["outcomes"]
    assert ended["because"][0]["until"] == "2026-11-30T16:00:00.000Z"
    explained = command("explain", str(shop.position(2)), "-c", str(shop.config), "--output", "json")
    assert explained.reported["outcomes"][0]["answer"] == f"Matched, not sent: {why}."


def test_a_redriven_notice_has_both_outcomes(shop: Shop, find: Find, command: Command) -> None:
    """Found by the first position; between the two it waits."""
    assert command("redrive", "--yes", "--not-compacted", "-c", str(shop.config)).code == 0
    (answer,) = answers(find(str(shop.position(0))))
    assert answer.startswith("Waiting: it was sent again and has no outcome yet. Before: refused: ")
    now = SystemClock().now()
    shop.settle(
        Position(shop.kafka.names.events, 0, 3),
        id=notice_id(str(shop.position(0)), RULE),
        redrives=1,
        first=shop.position(0),
        received_at=now,
        first_attempt_at=now,
        finished_at=now,
    )
    (event,) = find(str(shop.position(0))).reported["events"]
    assert event["answer"] == "Sent: the platform accepted it."
    assert [one["kind"] for one in event["notices"][0]["outcomes"]] == ["rejected", "accepted"]


def test_copies_that_were_sent_again_belong_to_their_event(shop: Shop, find: Find) -> None:
    """A copy that another group's redrive wrote is not counted."""
    first = str(shop.position(0)).encode()
    for group in (shop.kafka.names.group, "another"):
        headers = [
            (dead_letter.GROUP, group.encode()),
            (dead_letter.REDRIVES, b"1"),
            (dead_letter.FIRST_POSITION, first),
        ]
        shop.emit(1, headers=headers)
    events = find("--text", "CNY").reported["events"]
    assert [event["copies"] for event in events] == [[str(shop.position(3))], [], []]


def test_an_undecodable_event_is_found_by_its_bytes(shop: Shop, find: Find) -> None:
    """As is an event whose record is gone, by its outcome."""
    producer = Producer(shop.kafka.properties)
    producer.produce(shop.kafka.names.events, b"\x00broken T2026-17", b"k")
    assert producer.flush(30) == 0
    (event,) = find("--text", "T2026-17").reported["events"]
    assert event["found_in"] == ["the bytes of the record"]
    assert event["answer"].startswith("The event could not be read: the record's schema is not known")


def test_an_event_of_a_former_topic_is_not_taken_for_the_one_at_its_position_now(
    shop: Shop, find: Find, command: Command
) -> None:
    """The topic was deleted and created again: the present event is another customer's."""
    now = SystemClock().now()
    former = shop.kafka.origin._replace(topic_id="bm90aWNlLXBpcGVsaW5lLQ")
    times: dict[str, Any] = {"received_at": now - 60, "first_attempt_at": now - 60, "finished_at": now - 60}
    shop.settle(shop.position(0), recipient="former", event_id="e-former", origin=former, **times)
    shop.settle(shop.position(99), recipient="former", event_id="e-99", origin=former, **times)
    gone, _ = find("--recipient", "former").reported["events"]
    assert (gone["answer"], gone["id"], gone["rules"]) == ("Sent: the platform accepted it.", "e-former", [])
    assert gone["of_former_topic"]
    assert gone["unreadable"].startswith("the event is gone: its topic was deleted and created again")
    both = find(str(shop.position(0))).reported["events"]
    assert [(one["of_former_topic"], len(one["notices"])) for one in both] == [(True, 1), (False, 1)]
    assert [one["id"] for one in find(str(shop.position(99))).reported["events"]] == ["e-99"]
    (first, *_) = find("--text", "CNY").reported["events"]
    assert (first["position"], first["answer"]) == (str(shop.position(0)), both[1]["answer"])
    explained = command("explain", "-c", str(shop.config), str(shop.position(0)), "--output", "json")
    assert [one["answer"] for one in explained.reported["outcomes"]] == [both[1]["answer"]]


def test_a_position_without_a_record_is_not_found(shop: Shop, find: Find, command: Command) -> None:
    """Beyond the end: the available offsets are named. A topic or partition that does not exist is misuse."""
    gone = find(str(shop.position(99)))
    assert (gone.code, gone.reported) == (1, {"found": 0, "left_out": 0, "events": []})
    events = shop.kafka.names.events
    in_words = command("find", "-c", str(shop.config), str(shop.position(99)))
    assert in_words.code == 1
    assert f"not found: {events}/0 has no offset 99 (partition 0 has 0 to 2), and no outcome" in in_words.out
    for where, words in ((f"{events}/7/0", "has no partition 7"), ("no.such.topic/0/0", "no topic no.such.topic")):
        absent = find(where)
        assert (absent.code, words in absent.err) == (2, True), absent


def test_the_text_shows_the_answer_first(shop: Shop, command: Command) -> None:
    """And `explain` of a position shows the actual outcome, in text and JSON."""
    ran = command("find", "-c", str(shop.config), str(shop.position(0)))
    lines = ran.out.splitlines()
    assert lines[0].startswith(f"com.example.user.wallet.recharged.v1  {shop.position(0)}  ")
    assert lines[1] == "  → Refused: the customer blocked the account (43101)."
    explained = command("explain", "-c", str(shop.config), str(shop.position(0)))
    assert "refused: the customer blocked the account (43101)" in explained.out
    as_json = command("explain", "-c", str(shop.config), str(shop.position(1)), "--output", "json")
    assert as_json.reported["outcomes"][0]["answer"] == "Sent: the platform accepted it."
    nothing = command("explain", "-c", str(shop.config), str(shop.position(2)))
    assert "has published no outcome" in nothing.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to search for is given"),
        (["--text", "a", "--event", "b"], "--text and --event are given"),
        (["--text", " "], "--text is empty"),
        (["--recipient", "x" * 301], "longer than 300 characters"),
        (["orders/1"], "is not TOPIC/PARTITION/OFFSET"),
        (["--event", "x", "--from", "soon"], "`soon` is not a time"),
    ],
)
def test_misuse_is_an_error(find: Find, arguments: list[str], words: str) -> None:
    """Before anything is read."""
    ran = find(*arguments)
    assert (ran.code, words in ran.err) == (2, True), ran


def test_recipients_that_outcomes_omit_cannot_be_searched(shop: Shop, find: Find) -> None:
    """The error names the setting."""
    _configure(shop, outcomes={"topic": shop.kafka.names.outcomes, "recipient": "omit"})
    ran = find("--recipient", RECIPIENT)
    assert ran.code == 2
    assert "outcomes.recipient: omit" in ran.err


def _configure(shop: Shop, **changes: object) -> None:
    configuration = json.loads(shop.config.read_text(encoding="utf-8"))
    shop.config.write_text(json.dumps(configuration | changes), encoding="utf-8")
