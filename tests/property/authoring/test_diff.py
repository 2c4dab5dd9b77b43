"""A comparison finds what evaluating both rule sets in full finds: nothing else, and nothing less."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.authoring.diff.changes import Change, Diff, Edit, change_of
from pipeline.authoring.diff.rule_set_pair import Comparison, compare
from pipeline.model.event import Event, Record
from pipeline.model.notice import Notice, Refusal
from pipeline.rules.ruleset import RuleSet
from tests.unit.rules.shop import DATA, PAID, PAID_AT, ruleset

OTHER = "shop.order.Returned"
"""A type whose schema no one knows: rules may look at it all the same."""
CONDITIONS = ("event.count > 2", "event.gift", "event.count > 2 && !event.gift", 'event.extra["shop"] == "west"')
"""The last has no truth value for an event without that key."""
TEXTS = ("豆", "${event.order_no}", "豆${event.count}")
RULE_KEYS = st.fixed_dictionaries(
    {
        "on": st.sampled_from([PAID, OTHER, f"[{PAID}, {OTHER}]"]),
        "data": st.sampled_from([f'{{thing1: "{text}"}}' for text in TEXTS]),
    },
    optional={
        "when": st.sampled_from(CONDITIONS),
        "stop": st.just("true"),
        "expires_after": st.sampled_from(["1h", "24h"]),
        "overflow": st.just("{thing1: truncate}"),
    },
)
Given = Sequence[tuple[str, Mapping[str, object]]]
Rules = Mapping[str, Mapping[str, str]]
RULES = st.dictionaries(st.sampled_from("abcd"), RULE_KEYS, min_size=1, max_size=4)
EVENTS = st.lists(
    st.builds(
        lambda kind, **changes: (kind, changes),
        st.sampled_from([PAID, OTHER, "unused.type"]),
        count=st.integers(0, 5),
        gift=st.booleans(),
        order_no=st.sampled_from(["T1", "T2", "", "T" * 40]),
        extra=st.sampled_from([{}, {"shop": "west"}]),
    ),
    max_size=12,
)


def compiled(rules: Rules) -> RuleSet:
    """A rule set of these rules, in this order."""
    lines = ["rules:"]
    for name, keys in rules.items():
        lines += [f"  - id: {name}", "    to: ${event.sub}", "    template: paid"]
        lines += [f"    {key}: {value}" for key, value in keys.items()]
    return ruleset("\n".join(lines) + "\n")


def recorded(given_events: Given) -> list[Event]:
    """Events of one partition, a second apart."""
    return [one(number, kind, changes) for number, (kind, changes) in enumerate(given_events)]


def one(number: int, kind: str, changes: Mapping[str, object]) -> Event:
    """The shop's event at an offset."""
    record, time_ms = Record("orders", 0, number, None, b"", (), 0), (PAID_AT + number) * 1_000
    return Event(kind, {**DATA, **changes}, record, str(record.position), None, None, time_ms, None, None)


def in_full(old: RuleSet, new: RuleSet, events: Sequence[Event]) -> dict[str, Counter[Change]]:
    """Every rule of both sets evaluated for every event, the long way round."""
    counts: dict[str, Counter[Change]] = defaultdict(Counter)
    for event in events:
        before: dict[str, Notice | Refusal] = {item.rule: item for item in old.evaluate(event)}
        after: dict[str, Notice | Refusal] = {item.rule: item for item in new.evaluate(event)}
        for name in {**before, **after}:
            counts[name][change_of(before.get(name), after.get(name))] += 1
    return counts


def changes_alone(counts: Mapping[str, Counter[Change]]) -> list[tuple[str, Change, int]]:
    return sorted(
        (name, change, number)
        for name, count in counts.items()
        for change, number in count.items()
        if change is not Change.SAME and number
    )


@settings(max_examples=settings().max_examples // 2, deadline=None)
@given(RULES, RULES, EVENTS)
def test_whatever_is_left_out_would_have_been_the_same(before: Rules, after: Rules, given_events: Given) -> None:
    """Evaluating only where rules differ finds the very changes of evaluating everything."""
    old, new, events = compiled(before), compiled(after), recorded(given_events)
    diff = compare(old, new, events)
    assert changes_alone({name: rule.counts for name, rule in diff.rules.items()}) == changes_alone(
        in_full(old, new, events)
    )
    assert set(diff.rules) | set(diff.unchanged) == set(before) | set(after)
    assert diff.events == len(events)


@settings(max_examples=settings().max_examples * 3 // 20, deadline=None)
@given(RULES, EVENTS)
def test_a_rule_set_beside_itself_has_no_change(rules: Rules, given_events: Given) -> None:
    """The same words, compiled twice: nothing differs, and nothing need be evaluated."""
    diff = compare(compiled(rules), compiled(rules), recorded(given_events))
    assert diff.changes == 0
    assert diff.rules == {}
    assert set(diff.unchanged) == set(rules)


@settings(max_examples=settings().max_examples * 3 // 10, deadline=None)
@given(RULES, EVENTS, st.data())
def test_a_planted_change_is_found_and_only_that(rules: Rules, given_events: Given, data: st.DataObject) -> None:
    """One rule's text changes: each of its messages is changed in that field, no message of another rule is."""
    rules = {name: {key: text for key, text in keys.items() if key != "overflow"} for name, keys in rules.items()}
    name = data.draw(st.sampled_from(sorted(rules)))
    planted = {**rules, name: {**rules[name], "data": '{thing1: "planted"}'}}
    rules = {**rules, name: {**rules[name], "data": '{thing1: "before"}'}}
    events = recorded(given_events)
    old = compiled(rules)
    sent = sum(item.rule == name and isinstance(item, Notice) for event in events for item in old.evaluate(event))
    diff = compare(old, compiled(planted), events)
    assert diff.rules[name].edit is Edit.EDITED
    assert diff.rules[name].counts[Change.CHANGED] == sent == diff.changes
    assert diff.rules[name].fields == Counter({"thing1": sent} if sent else {})


@settings(max_examples=settings().max_examples * 3 // 10, deadline=None)
@given(RULES, RULES, EVENTS, st.integers(0, 12), st.integers(0, 2))
def test_the_sum_of_two_halves_is_the_whole(
    before: Rules, after: Rules, given_events: Given, middle: int, examples: int
) -> None:
    """A recording compared in two parts, whichever they are, gives the same figures and the same examples."""
    old, new, events = compiled(before), compiled(after), recorded(given_events)

    def found(part: Sequence[Event]) -> Diff:
        comparison = Comparison(old, new, examples=examples)
        for event in part:
            comparison.add(event)
        return comparison.diff

    whole, total = found(events), found(events[:middle])
    total.add(found(events[middle:]))
    assert total == whole
