"""`diff` with recipient care: recorded events in virtual time, through the old and the new version."""

from __future__ import annotations

from pipeline.authoring.diff import care_report
from pipeline.authoring.diff.care_simulation import CareSimulation, Held
from pipeline.authoring.diff.changes import Change
from pipeline.authoring.diff.rule_set_pair import Comparison
from pipeline.model.event import Event, Record
from pipeline.model.outcome import Reason
from pipeline.rules.ruleset import RuleSet
from tests.unit.rules.shop import DATA, PAID, RULE
from tests.unit.rules.test_care import ruleset

NOON_MS = 1_795_579_200_000
"""2026-11-25 04:00 UTC, noon in Shanghai."""
CARE = """\
care:
  caps: {a-day: {of: {category: marketing}, at_most: 2, per: day}}
  categories:
    marketing: {caps: [a-day]}
"""
MARKETING = RULE + "    category: marketing\n"
CAP = Held("marketing", Reason.CAP_REACHED, "a-day")


def at(number: int, minutes: int = 0, **changes: object) -> Event:
    time_ms = NOON_MS + minutes * 60_000
    record = Record("orders", 0, number, None, b"", (), time_ms)
    data = {**DATA, "order_no": f"T{number}", **changes}
    return Event(PAID, data, record, f"orders/0/{number}", None, None, time_ms, None, None)


def simulated(old: RuleSet, new: RuleSet, events: list[Event]) -> CareSimulation:
    comparison = Comparison(old, new)
    simulation = comparison.simulation()
    assert simulation is not None
    for event in events:
        comparison.add(event)
    simulation.play(comparison.diff.moments)
    simulation.end()
    return simulation


def test_a_new_cap_is_simulated_where_only_care_changes() -> None:
    """The rules are the same, so that no message changes; three of a day are two, of one recipient."""
    old, new = ruleset(MARKETING, None), ruleset(MARKETING, CARE)
    events = [at(number, number) for number in range(5)] + [at(9, 0, sub="another")]
    simulation = simulated(old, new, events)
    assert (simulation.before.sent["marketing"], simulation.after.sent["marketing"]) == (6, 3)
    assert simulation.after.held == {CAP: 3}
    assert len(simulation.after.recipients[CAP]) == 1
    assert simulation.after.hours[CAP] == {12: 3}
    assert simulation.changes == 3
    assert care_report.headline(simulation) == "recipient care lets 3 fewer leave"
    assert list(care_report.lines(simulation)) == [
        "marketing: 6 → 3 sent, of 6 → 6 messages",
        "  cap a-day: 0 → 3 not sent, 1 recipient; most at 12:00 (3)",
    ]


def test_a_larger_cap_lets_more_leave() -> None:
    """Old and new are both simulated."""
    old, new = ruleset(MARKETING, CARE), ruleset(MARKETING, CARE.replace("at_most: 2", "at_most: 4"))
    simulation = simulated(old, new, [at(number) for number in range(5)])
    assert (simulation.before.held[CAP], simulation.after.held[CAP]) == (3, 1)
    assert care_report.headline(simulation) == "recipient care lets 2 more leave"


def test_once_is_simulated_without_a_file_of_care() -> None:
    """The same order twice within a day, and once more after it."""
    once = MARKETING + "    once: {by: '${event.order_no}', within: 24h}\n"
    events = [at(1), at(2, 5, order_no="T1"), at(3, 24 * 60 + 1, order_no="T1")]
    simulation = simulated(ruleset(MARKETING, None), ruleset(once, None), events)
    held = Held("marketing", Reason.DUPLICATE, "paid")
    assert simulation.after.held == {held: 1}
    assert care_report.what(held) == "once of paid"


def test_another_category_counts_and_is_no_change_of_a_message() -> None:
    """Customers read the same text; the cap of the new category holds some back."""
    old, new = ruleset(RULE, CARE), ruleset(MARKETING, CARE)
    comparison = Comparison(old, new)
    for number in range(3):
        comparison.add(at(number))
    assert comparison.diff.rules["paid"].counts == {Change.SAME: 3}
    simulation = simulated(old, new, [at(number) for number in range(3)])
    assert (simulation.before.sent["transactional"], simulation.after.sent["marketing"]) == (3, 2)


def test_events_are_played_in_order_of_time() -> None:
    """Partitions of a topic are read one beside the other: the later one of two is held back."""
    once = MARKETING + "    once: {by: '${event.order_no}', within: 24h}\n"
    late_first = [at(1, 600, order_no="T1"), at(2, 0, order_no="T1")]
    simulation = simulated(ruleset(MARKETING, None), ruleset(once, None), late_first)
    assert list(simulation.after.hours[Held("marketing", Reason.DUPLICATE, "paid")]) == [22]


def test_events_without_a_time_are_left_out_and_reported() -> None:
    """There is no moment to decide at."""
    event = at(1)
    event.time_ms = 0
    simulation = simulated(ruleset(MARKETING, None), ruleset(MARKETING, CARE), [event, at(2)])
    assert (simulation.events, simulation.untimed) == (1, 1)
    assert any("1 events have no time" in note for note in care_report.notes(simulation))


def test_urgent_messages_pass_and_count_nowhere() -> None:
    """A cap of all categories does not see them."""
    care = """\
care:
  caps: {a-day: {of: all, at_most: 1, per: day}}
  categories: {marketing: {caps: [a-day]}, security: {urgent: true}}
"""
    both = MARKETING + RULE.partition("\n")[2].replace("id: paid", "id: alarm") + "    category: security\n"
    simulation = simulated(ruleset(both, None), ruleset(both, care), [at(1), at(2, 1)])
    assert simulation.after.sent == {"marketing": 1, "security": 2}


def test_without_care_nothing_is_simulated_and_nothing_kept() -> None:
    """As before."""
    comparison = Comparison(ruleset(RULE, None), ruleset(MARKETING, None))
    comparison.add(at(1))
    assert comparison.simulation() is None
    assert comparison.diff.moments == []


def test_json_has_counts_recipients_and_hours() -> None:
    """Of both versions, for scripts."""
    simulation = simulated(ruleset(MARKETING, None), ruleset(MARKETING, CARE), [at(number) for number in range(3)])
    values = care_report.as_values(simulation)
    assert values["held_back"] == [
        {
            "category": "marketing",
            "reason": "cap_reached",
            "name": "a-day",
            "before": {"messages": 0, "recipients": 0, "hours": {}},
            "after": {"messages": 1, "recipients": 1, "hours": {"12": 1}},
        }
    ]
    assert values["categories"] == [
        {"category": "marketing", "before": {"made": 3, "sent": 3}, "after": {"made": 3, "sent": 2}}
    ]
    assert (values["changes"], values["events"]) == (1, 3)
