"""`for_each`: one message for each item of a list of the event."""

from __future__ import annotations

import pytest

from pipeline.authoring.cards.preview import previews
from pipeline.authoring.diff.changes import Change
from pipeline.authoring.diff.rule_set_pair import compare
from pipeline.authoring.explain import Match, explain
from pipeline.authoring.rule_tests.coverage import Coverage
from pipeline.authoring.rule_tests.running import run
from pipeline.model.event import Event, Record, Redrive
from pipeline.model.notice import MOST_ITEMS, Notice, Refusal, notice_id
from pipeline.model.outcome import Reason
from pipeline.rules.compile import compile_rules
from pipeline.rules.lint.check import CheckResult, check
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.rules.timestamp import Timestamp
from tests.unit.rules.shop import TEMPLATES, body

BOOKED = "clinic.Booked"
SCHEMA = EventSchema(
    {
        "type": "record",
        "name": "Booked",
        "namespace": "clinic",
        "fields": [
            {"name": "visit_no", "type": "string"},
            {"name": "urgent", "type": "boolean"},
            {
                "name": "people",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "Person",
                        "fields": [
                            {"name": "sub", "type": "string"},
                            {"name": "name", "type": "string"},
                            {"name": "seat", "type": ["null", "int"]},
                            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
                            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["ADULT", "CHILD"]}},
                        ],
                    },
                },
            },
            {"name": "guests", "type": ["null", {"type": "array", "items": "string"}], "default": None},
        ],
    }
)
SCHEMAS = SchemaCatalogue([SCHEMA])
RULE = """\
rules:
  - id: booked
    on: clinic.Booked
    for_each: person in event.people
    to: ${person.sub}
    template: paid
    reference: ${event.visit_no}/${person.name}
    data: {thing1: '${person.name}'}
"""


def person(number: int, **more: object) -> dict[str, object]:
    known = {"sub": f"user-{number}", "name": f"人{number}", "seat": None, "at": Timestamp(7_200, 0), "kind": "ADULT"}
    return {**known, **more}


def event(*people: dict[str, object], redrive: Redrive | None = None, **data: object) -> Event:
    record = Record("visits", 0, 17, b"key", b"value", (), 1_000)
    given = {"visit_no": "V1", "urgent": False, "people": [*people], "guests": None, **data}
    return Event(BOOKED, given, record, "visits/0/17", None, None, 1_000, None, None, redrive)


def checked(rules: str, tests: str = "") -> CheckResult:
    files = {"rules/tests/clinic.yaml": tests} if tests else {}
    return check(RuleSources({"rules/clinic.yaml": rules}, ("rules/templates.yaml", TEMPLATES), files), SCHEMAS)


def codes(rules: str) -> list[str]:
    usual = {"missing-test", "unused-template"}
    return [one.code for one in checked(rules).findings if one.code not in usual]


def ruleset(rules: str = RULE) -> RuleSet:
    result = checked(rules)
    assert result.ruleset is not None, [str(one) for one in result.findings]
    return result.ruleset


def test_each_item_gets_a_message_in_the_order_of_the_list() -> None:
    """With its own recipient, text and reference."""
    made = ruleset().evaluate(event(person(1), person(2), person(3)))
    assert [one.recipient for one in made] == ["user-1", "user-2", "user-3"]
    assert [one.reference for one in made] == ["V1/人1", "V1/人2", "V1/人3"]
    assert [one.item for one in made] == [0, 1, 2]
    assert [body(one)["data"] for one in made] == [{"thing1": {"value": f"人{number}"}} for number in (1, 2, 3)]


def test_the_id_is_made_of_the_position() -> None:
    """Two equal items are two messages; the id of a position is the same each time, and no other rule's."""
    first = ruleset().evaluate(event(person(1), person(1)))
    again = ruleset().evaluate(event(person(1), person(1), person(1)))
    ids = [one.id for one in first]
    assert len({*ids, notice_id("visits/0/17", "booked"), notice_id("visits/0/17", "booked", 1)}) == 4
    assert [one.id for one in again][:2] == ids
    assert ids[0] == notice_id("visits/0/17", "booked\x1f0")


@pytest.mark.parametrize("people", [[], None])
def test_an_empty_list_or_null_makes_no_message(people: object) -> None:
    """And has no outcome to wait for; the rule has matched, so that `stop` holds."""
    rules = ruleset()
    given = event(people=people)
    assert rules.evaluate(given) == []
    assert rules.expected(given) == ()
    stopping = ruleset(RULE.rstrip() + "\n    stop: true\n" + RULE.partition("rules:\n")[2].replace("booked", "other"))
    assert stopping.evaluate(given) == []


def test_a_list_that_may_be_null_needs_no_question() -> None:
    """Null has no items."""
    rules = ruleset(
        RULE.replace("event.people", "event.guests")
        .replace("${person.sub}", "${person}")
        .replace("person.name", "person")
    )
    assert rules.evaluate(event(guests=None)) == []
    assert [one.recipient for one in rules.evaluate(event(guests=["a", "b"]))] == ["a", "b"]


def test_an_item_that_cannot_be_sent_ends_alone() -> None:
    """The others are sent; its outcome has its own id and names the item."""
    made = ruleset().evaluate(event(person(1), person(2, sub=""), person(3)))
    assert [type(one) for one in made] == [Notice, Refusal, Notice]
    assert isinstance(made[1], Refusal)
    assert (made[1].reason, made[1].item, made[1].reference) == (Reason.RECIPIENT_EMPTY, 1, "V1/人2")


def test_too_many_items_make_no_message() -> None:
    """One outcome names the reason: neither some of the messages nor thousands."""
    rules = ruleset()
    assert len(rules.evaluate(event(*[person(1)] * MOST_ITEMS))) == MOST_ITEMS
    too_many = event(*[person(1)] * (MOST_ITEMS + 1))
    (refused,) = rules.evaluate(too_many)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.detail) == (Reason.FIELD_LIMIT, "for_each: 101 items, more than 100")
    assert (refused.id, refused.item, rules.expected(too_many)) == (
        notice_id("visits/0/17", "booked"),
        None,
        ("booked",),
    )
    sources = RuleSources({"a.yaml": RULE}, ("t.yaml", TEMPLATES))
    fewer = compile_rules(sources, SCHEMAS, most_items=2).ruleset
    assert fewer is not None
    assert len(fewer.evaluate(event(person(1), person(2), person(3)))) == 1


def test_what_the_audit_expects_is_what_comes() -> None:
    """Each item by its position."""
    rules = ruleset()
    assert rules.expected(event(person(1), person(2))) == ("booked[0]", "booked[1]")
    assert rules.expected(event(people="text")) == ("booked",)


def test_a_redriven_item_is_sent_alone() -> None:
    """The others of its list were sent; with the key of a new round where the API refused it."""
    rules = ruleset()
    redrive = Redrive("booked", 2, 1, None, 1)
    (made,) = rules.evaluate(event(person(1), person(2), redrive=redrive))
    assert isinstance(made, Notice)
    assert (made.item, made.recipient) == (1, "user-2")
    assert made.key is not None
    assert made.key not in {one.id for one in rules.evaluate(event(person(1), person(2), person(3)))}
    assert rules.expected(event(person(1), person(2), redrive=redrive)) == ("booked[1]",)
    assert len(rules.evaluate(event(person(1), person(2), redrive=Redrive("booked", 0)))) == 2


@pytest.mark.parametrize(
    "over",
    [
        "event.people",
        "event.people.filter(one, one.kind == 'ADULT')",
        "event.urgent ? event.people : event.people.filter(one, one.name != '')",
    ],
)
def test_both_evaluators_give_the_same_items(over: str) -> None:
    """A path is read as the event has it, anything else by CEL; times are times in both."""
    rules = ruleset(
        RULE.replace("person in event.people", f'"person in {over}"').replace(
            "'${person.name}'", "'${local_time(person.at, \"HH:mm\")} ${person.name}'"
        )
    )
    made = rules.evaluate(event(person(1, at=Timestamp(3_600, 0)), person(2)))
    texts = [body(one)["data"] for one in made]
    assert texts == [{"thing1": {"value": "09:00 人1"}}, {"thing1": {"value": "10:00 人2"}}]


@pytest.mark.parametrize(
    "text",
    [
        "${person.name}",
        "${person.seat != null ? string(person.seat) : person.name}",
        "${event.people[0].name + person.name}",
        '${person.kind == "ADULT" ? upper(person.name) : "x"}',
        '${has(person.name) ? person.name : "-"}',
        '${label(person.kind, {"ADULT": "成人", "*": "儿童"})}',
        '${event.people.map(one, one.name == person.name ? "me" : one.name)[0]}',
        '${event.people.exists(one, one.sub == person.sub) ? person.name : "x"}',
    ],
)
def test_an_item_is_read_by_both_evaluators(text: str) -> None:
    """The generated function and CEL give the same text of an item, also within macros."""
    rules = ruleset(RULE.replace("'${person.name}'", f"'{text}'"))
    rule = rules.rules[0]
    given = event(person(1, seat=7), person(2, kind="CHILD"))
    activation = rules.bind(given)
    each = rule.for_each
    assert each is not None
    for item in each.items(activation):
        bound = each.bind(activation, item)
        for expression in (*rule.to.expressions, *rule.fields[0].text.expressions):
            assert expression.evaluate(bound) == expression.by_cel(bound)
            if expression.generated is not None:
                assert expression.generated(bound.data) == expression.by_cel(bound)


def test_an_item_is_not_read_from_a_field_of_its_name() -> None:
    """A field of the event that is called like the item stays a field."""
    rules = ruleset(
        RULE.replace("person.name}'", "visit_no.name}'")
        .replace("person", "visit_no")
        .replace("visit_no in", "visit_no in")
    )
    (made,) = rules.evaluate(event(person(1)))
    assert made.reference == "V1/人1"


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("person in event.people", "event.people", "bad-for-each"),
        ("person in event.people", "person of event.people", "bad-for-each"),
        ("person in event.people", "event in event.people", "bad-for-each"),
        ("person in event.people", "person in event.peple", "unknown-field"),
        ("person in event.people", "person in event.visit_no", "not-a-list"),
        ("person in event.people", "person in ${event.people}", "expression-syntax"),
        ("${person.sub}", "${person.sbu}", "unknown-field"),
        ("${person.sub}", "${persn.sub}", "unknown-name"),
        ("${person.sub}", "${person}", "not-a-text"),
        ("'${person.name}'", "'${string(person.seat)}'", "null-not-handled"),
        ("'${person.name}'", '\'${person.kind == "ADLT" ? "a" : "b"}\'', "unknown-enum-value"),
        ("'${person.name}'", "'${person.at}'", "not-a-text"),
        ("'${person.name}'", "'${person.kind}'", "raw-value"),
        ("    to:", '    when: person.name != ""\n    to:', "unknown-name"),
    ],
)
def test_mistakes_are_found(right: str, wrong: str, code: str) -> None:
    """Items have the type that the schema gives them."""
    assert RULE.count(right) == 1
    assert code in codes(RULE.replace(right, wrong))


def test_a_rule_that_does_not_read_its_items_is_warned_of() -> None:
    """It would send the same message again and again."""
    unread = (
        RULE.replace("${person.sub}", "${event.visit_no}")
        .replace("/${person.name}", "")
        .replace("'${person.name}'", "豆")
    )
    assert codes(unread) == ["unused-item"]
    assert codes(RULE) == []


TESTS = """\
tests:
  - name: two people
    event:
      type: clinic.Booked
      example: true
      with: {people: [{sub: a, name: 甲, seat: null, at: "2026-01-01T00:00:00Z", kind: ADULT}]}
    cases:
      - name: one
        expect: {notices: [{rule: booked, to: a, data: {thing1: 甲}}]}
      - name: none
        with: {people: []}
        expect: {none: no_match}
      - name: missing
        with: {people: []}
        expect: {notices: [{rule: booked}]}
      - name: one too few
        expect: {notices: [{rule: booked}, {rule: booked}]}
"""


def test_the_tools_know_the_items() -> None:
    """Tests expect each, coverage wants an empty list as well, preview and explanation show each."""
    result = checked(RULE, TESTS)
    assert result.ruleset is not None, [str(one) for one in result.findings]
    one, none, missing, few = (run(case, result.ruleset, SCHEMAS, {}) for case in result.cases)
    assert (one.passed, none.passed) == (True, True)
    assert "its list is empty: `event.people`" in missing.mismatches[0].summary
    assert "makes 1 message of this event, not more" in few.mismatches[0].summary
    coverage = Coverage(result.ruleset, result.locations)
    for tried, left in ((one, ["never no item: event.people"]), (none, [])):
        assert tried.event is not None
        coverage.note(tried.event)
        (rule,) = coverage.rules()
        assert [branch.message for branch in rule.missing] == left
    given = event(person(1), person(2, sub=""))
    shown = previews(result.ruleset, given)
    assert [(each.result.item, dict(each.values)["thing1"].text) for each in shown] == [(0, "人1"), (1, "人2")]
    (explained,) = explain(result.ruleset, result.locations, given).rules
    assert (explained.match, explained.items, len(explained.results)) == (Match.REFUSED, "event.people has 2 items", 2)
    assert explained.fault is not None
    assert (explained.fault.name, explained.fault.text) == ("to", "")
    (empty,) = explain(result.ruleset, result.locations, event()).rules
    assert (empty.match, empty.items) == (Match.EMPTY, "event.people has 0 items")
    (many,) = explain(result.ruleset, result.locations, event(*[person(1)] * 101)).rules
    assert many.fault is not None
    assert (many.match, many.fault.name) == (Match.REFUSED, "for_each")


def test_messages_are_compared_item_by_item() -> None:
    """A changed list shows which messages are new or gone."""
    adults = ruleset(RULE.replace("event.people", "event.people.filter(one, one.kind == 'ADULT')"))
    diff = compare(ruleset(), adults, [event(person(1), person(2), person(3, kind="CHILD"))])
    counts = diff.rules["booked"].counts
    assert (counts[Change.SAME], counts[Change.GONE]) == (2, 1)
