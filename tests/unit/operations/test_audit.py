"""Planted gaps, duplicates, orphans and order breaks: each is found where it is, and nothing else is."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from pipeline.delivery.pointer import Gone
from pipeline.model.event import UNKNOWN_ORIGIN, Origin, Position, TopicPartition
from pipeline.model.outcome import Outcome, OutcomeKind
from pipeline.operations.audit.audit import Audit
from pipeline.operations.audit.expected import UNDECODABLE, UNMATCHED
from pipeline.operations.audit.findings import Code, Report, Unproven
from pipeline.operations.audit.partition import PartitionRange
from tests.fakes.memory_rows import MemoryRows
from tests.fakes.outcomes import an_outcome

VERSION = "v1"
PAID = ("paid",)


class Scene:
    """One audit in the making: events first, then outcomes."""

    def __init__(
        self,
        *,
        partitions: int = 1,
        committed: int | None = 1_000_000,
        provable: int = 0,
        keep: int = 50,
        origin: Origin = UNKNOWN_ORIGIN,
        start: int = 0,
        gone: Gone | None = None,
    ) -> None:
        self.audit = Audit(
            [
                PartitionRange(
                    TopicPartition("orders", number),
                    range(10, 1_000_000),
                    committed,
                    provable,
                    origin,
                    start=start,
                    gone=gone,
                )
                for number in range(partitions)
            ],
            VERSION,
            ordered=lambda rule: rule != "unordered",
            keep=keep,
            make_rows=MemoryRows,
        )

    def events(self, *offsets: int, partition: int = 0, expected: Sequence[str] = PAID, redriven: bool = False) -> None:
        for offset in offsets:
            self.audit.event(Position("orders", partition, offset), expected, redriven=redriven)

    def outcome(self, offset: int, partition: int = 0, **changes: object) -> None:
        key = changes.pop("key", None)
        assert key is None or isinstance(key, bytes)
        plain: dict[str, object] = {
            "rule": "paid",
            "rules_version": VERSION,
            "recipient": f"r-{partition}-{offset}",
            "first_attempt_at": 1_000.0 + offset,
        }
        outcome: Outcome = an_outcome(Position("orders", partition, offset))._replace(**(plain | changes))  # type: ignore[arg-type] # any field
        self.audit.outcome(outcome, key)

    def letter(self, offset: int, name: str, origin: Origin = UNKNOWN_ORIGIN) -> None:
        self.audit.letter(Position("orders", 0, offset), name, origin)

    def found(self) -> dict[str, int]:
        return {code: count for code, count in self.report().findings.items() if count}

    def report(self) -> Report:
        return self.audit.report()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_all_is_well(scene: Scene) -> None:
    """Every event has what it must have: nothing is found, and the figures say how much that is."""
    scene.events(10, 11, 15)
    scene.events(16, expected=())
    scene.events(17, expected=("paid", "gift"))
    for offset in (15, 10, 11, 17):
        scene.outcome(offset)
    scene.outcome(17, rule="gift", id="another")
    report = scene.report()
    assert report.is_clean
    assert not report.examples
    assert (report.events, report.expected, report.pending) == (5, 5, 0)
    assert report.outcomes == {"accepted": 5}


def test_a_lost_outcome_is_found_where_it_is_missing(scene: Scene) -> None:
    """Of each rule on its own."""
    scene.events(10, 11)
    scene.events(12, expected=("paid", "gift"))
    scene.outcome(10)
    scene.outcome(12)
    report = scene.report()
    assert [str(one) for one in report.examples] == [
        "orders/0/11: lost is committed, and has no outcome of paid",
        "orders/0/12: lost is committed, and has no outcome of gift",
    ]
    assert not report.is_clean


@pytest.mark.parametrize(("committed", "pending", "lost"), [(11, 2, 1), (12, 1, 2), (None, 3, 0), (10, 3, 0)])
def test_what_is_not_committed_is_still_to_come(committed: int | None, pending: int, lost: int) -> None:
    """The committed offset itself is the first that is not done."""
    scene = Scene(committed=committed)
    scene.events(10, 11, 12)
    report = scene.report()
    assert (report.pending, report.findings[Code.LOST]) == (pending, lost)


def test_an_outcome_without_its_event_is_found_unless_it_is_out_of_the_range(scene: Scene) -> None:
    """Before, after, or of another topic: not ours to judge."""
    scene.events(10, 12)
    for offset in (9, 10, 11, 12, 1_000_000, 5_000_000):
        scene.outcome(offset)
    scene.outcome(10, partition=7)
    report = scene.report()
    assert [(one.code, one.position.offset) for one in report.examples] == [(Code.ORPHAN, 11)]
    assert sum(report.outcomes.values()) == 3


def test_two_outcomes_of_one_notice_at_one_position_are_a_duplicate(scene: Scene) -> None:
    """Reported with what the second one says of a restart."""
    scene.events(10, 11)
    scene.outcome(10)
    scene.outcome(11)
    scene.outcome(10, redelivered=True)
    report = scene.report()
    assert {code: count for code, count in report.findings.items() if count} == {Code.DUPLICATE: 1}
    assert report.examples[0].position.offset == 10
    assert "after a restart" in report.examples[0].message


def test_a_notice_accepted_at_two_positions_is_found(scene: Scene) -> None:
    """Emitted twice with one CloudEvents id, or redriven although accepted."""
    scene.events(10, 500)
    scene.outcome(10, id="same")
    scene.outcome(500, id="same")
    report = scene.report()
    assert report.findings[Code.ACCEPTED_TWICE] == 1
    assert str(report.examples[0]).startswith("orders/0/500: accepted-twice")
    assert "orders/0/10" in report.examples[0].message


def test_a_redriven_notice_is_no_duplicate(scene: Scene) -> None:
    """The old record's outcome is a refusal, the new one's the acceptance: each has its own position."""
    scene.events(10)
    scene.events(500, 501, expected=PAID, redriven=True)
    scene.outcome(10, id="same", kind=OutcomeKind.REJECTED)
    scene.outcome(500, id="same", kind=OutcomeKind.REJECTED)
    scene.outcome(501, id="same")
    scene.letter(10, "same")
    scene.letter(500, "same")
    report = scene.report()
    assert report.is_clean
    assert report.redriven == {"accepted": 1, "rejected": 1}
    assert report.outcomes == {"accepted": 1, "rejected": 2}


def test_a_redriven_record_that_came_to_nothing_is_lost(scene: Scene) -> None:
    """It must end in an outcome as every other one."""
    scene.events(10, redriven=True)
    assert scene.found() == {Code.LOST: 1}


def test_first_attempts_out_of_event_order_are_found(scene: Scene) -> None:
    """However far apart, with the event that went before its turn and the one it should have waited for."""
    scene.events(10, 11, 12, 13)
    for offset, at in ((10, 5.0), (11, 7.0), (12, 6.0), (13, 7.0)):
        scene.outcome(offset, recipient="bob", first_attempt_at=at)
    report = scene.report()
    (finding,) = report.examples
    assert (finding.code, finding.position.offset) == (Code.OUT_OF_ORDER, 12)
    assert finding.message == "was first sent 1000 ms before the same recipient's orders/0/11"


def test_order_is_of_one_recipient_in_one_partition_by_rules_that_keep_it() -> None:
    """Other recipients, several rules of one event, and equal times do not break the order."""
    scene = Scene(partitions=2)
    scene.events(10, 11, 12, expected=("paid", "gift", "unordered"))
    scene.events(10, 11, partition=1)
    for offset in (10, 11, 12):
        scene.outcome(offset, recipient="bob", first_attempt_at=50.0)
        scene.outcome(offset, rule="gift", recipient="bob", first_attempt_at=50.0)
        scene.outcome(offset, rule="unordered", recipient="bob", first_attempt_at=90.0 - offset)
    scene.outcome(10, partition=1, recipient="bob", first_attempt_at=9.0)
    scene.outcome(11, partition=1, recipient="eve", first_attempt_at=8.0)
    assert scene.found() == {}


def test_within_one_event_rules_may_be_sent_in_any_order_but_later_events_wait_for_all(scene: Scene) -> None:
    """The latest of the earlier event's first attempts counts."""
    scene.events(10, 11, expected=("paid", "gift"))
    scene.outcome(10, recipient="bob", first_attempt_at=5.0)
    scene.outcome(10, rule="gift", recipient="bob", first_attempt_at=3.0)
    scene.outcome(11, recipient="bob", first_attempt_at=4.0)
    scene.outcome(11, rule="gift", recipient="bob", first_attempt_at=6.0)
    assert scene.found() == {Code.OUT_OF_ORDER: 1}


def test_without_a_recipient_the_events_key_tells_whose_it_is(scene: Scene) -> None:
    """Without both, and after a restart, order is not judged, and that is counted."""
    scene.events(10, 11, 12, 13, 14)
    scene.outcome(10, key=b"bob", recipient=None, first_attempt_at=5.0)
    scene.outcome(11, key=b"bob", recipient=None, first_attempt_at=4.0)
    scene.outcome(12, recipient=None, first_attempt_at=3.0)
    scene.outcome(13, recipient="bob", first_attempt_at=3.0)
    scene.outcome(14, recipient="bob", first_attempt_at=2.0, redelivered=True)
    report = scene.report()
    assert (report.findings[Code.OUT_OF_ORDER], report.order_unchecked) == (1, 2)


@pytest.mark.parametrize(
    ("expected", "kind"),
    [
        ((UNDECODABLE,), OutcomeKind.UNDECODABLE),
        ((UNMATCHED,), OutcomeKind.UNMATCHED),
        (PAID, OutcomeKind.UNDECODABLE),
        (PAID, OutcomeKind.UNMATCHED),
    ],
)
def test_a_final_outcome_of_the_whole_event_answers_for_it(
    scene: Scene, expected: Sequence[str], kind: OutcomeKind
) -> None:
    """Whatever the rules or the schema say today: it had its word then."""
    scene.events(10, expected=expected)
    scene.outcome(10, rule=None, kind=kind, id="whole")
    if kind.leaves_dead_letter:
        scene.letter(10, "whole")
    assert scene.found() == {}


def test_an_undecodable_record_without_its_outcome_is_lost(scene: Scene) -> None:
    """It must have one; but a notice's outcome shows that it could be decoded then."""
    scene.events(10, 11, expected=(UNDECODABLE,))
    scene.outcome(11)
    report = scene.report()
    assert [(one.code, one.position.offset) for one in report.examples] == [(Code.LOST, 10)]


def test_what_the_ledger_forgot_is_not_called_lost() -> None:
    """Older than its oldest record: it can not be said."""
    scene = Scene(provable=12)
    scene.events(10, 11, 12)
    report = scene.report()
    assert report.unproven == {Unproven.LEDGER_FORGOT: 2}
    assert report.findings[Code.LOST] == 1


def test_where_other_rules_were_in_use_nothing_is_called_lost(scene: Scene) -> None:
    """Only between two outcomes of the rules given, with none of another version around, it is certain."""
    scene.events(*range(10, 20))
    scene.events(20, expected=("paid", "new"))
    for offset in (10, 12):
        scene.outcome(offset, rules_version="v0")
    for offset in (14, 16, 20):
        scene.outcome(offset)
    scene.outcome(20, rule="old", rules_version="v0")
    report = scene.report()
    assert report.other_versions == ["v0"]
    # v0 reaches from 10 to 20, for an event at 20 was worked on by both.
    assert report.findings[Code.LOST] == 0
    assert report.unproven == {Unproven.RULES_CHANGED: 7}


def test_between_outcomes_of_the_rules_given_a_gap_is_certain(scene: Scene) -> None:
    """Outside it is not, for the rules changed somewhere there."""
    scene.events(*range(10, 20))
    scene.outcome(10, rules_version="v0")
    scene.outcome(14)
    scene.outcome(18)
    report = scene.report()
    assert [one.position.offset for one in report.examples] == [15, 16, 17]
    assert report.unproven == {Unproven.RULES_CHANGED: 4}


FAILED = [kind for kind in OutcomeKind if kind.leaves_dead_letter]


@pytest.mark.parametrize("kind", FAILED)
def test_a_failed_notice_needs_its_dead_letter(kind: OutcomeKind) -> None:
    """Whether it is committed yet or not: the letter is acknowledged before the outcome. An accepted one needs none."""
    scene = Scene(committed=11)
    scene.events(10, 11, 12)
    scene.outcome(10, kind=kind, id="ten")
    scene.outcome(11, kind=kind, id="eleven")
    scene.outcome(12)
    scene.letter(10, "ten")
    report = scene.report()
    assert [str(one) for one in report.examples] == [
        f"orders/0/11: no-dead-letter {kind} outcome eleven of paid has no dead letter"
    ]
    assert report.dead_letters == 1


def test_dead_letters_that_no_outcome_refers_to_are_found() -> None:
    """Written once too often, of an accepted notice, of a committed event without such an outcome, of no event."""
    scene = Scene(committed=20)
    scene.events(10, 11, 12, 20)
    scene.outcome(10, kind=OutcomeKind.EXPIRED, id="ten")
    scene.outcome(11, id="eleven")
    scene.outcome(12, id="twelve")
    for offset, name in ((10, "ten"), (10, "ten"), (11, "eleven"), (12, "another"), (13, "none"), (20, "on its way")):
        scene.letter(offset, name)
    scene.letter(5, "not of the range")
    report = scene.report()
    assert {one.code for one in report.examples} == {Code.STRAY_DEAD_LETTER}
    assert [(one.position.offset, one.message) for one in report.examples] == [
        (10, "dead letter of the outcome ten exists twice: redrive sends one of them"),
        (11, "dead letter of the outcome eleven belongs to an accepted notice: redrive would send it again"),
        (12, "dead letter of the outcome another has no outcome"),
        (13, "dead letter of the outcome none has no outcome"),
    ]


def test_what_retention_took_of_either_topic_is_not_held_against_the_dead_letters() -> None:
    """A letter of before the oldest one left is not missed, nor an outcome of before the ledger's oldest."""
    scene = Scene(provable=12)
    scene.events(10, 11, 12, 13, expected=())
    scene.audit.letters_complete_since(2_000.0)
    scene.letter(11, "its outcome is forgotten")
    scene.outcome(12, kind=OutcomeKind.REJECTED, finished_at=1_999.9)
    scene.outcome(13, kind=OutcomeKind.REJECTED, finished_at=2_000.0)
    report = scene.report()
    assert [(one.code, one.position.offset) for one in report.examples] == [(Code.NO_DEAD_LETTER, 13)]
    assert report.unproven == {Unproven.LEDGER_FORGOT: 1, Unproven.DEAD_LETTERS_FORGOT: 1}


def test_it_tells_how_far_it_is(scene: Scene) -> None:
    """Progress is reported while the stored rows are compared."""
    reported: list[tuple[int, int]] = []
    scene.events(*range(10, 15_010), expected=())
    scene.audit.report(lambda done, total: reported.append((done, total)))
    assert reported == [(10_000, 15_000)]


def test_every_finding_is_counted_and_the_first_few_are_kept() -> None:
    """Of each code, so that many of one do not hide another."""
    scene = Scene(keep=3)
    scene.events(*range(10, 200))
    scene.events(300)
    for offset in range(200, 300):
        scene.outcome(offset)
    report = scene.report()
    assert (report.findings[Code.LOST], report.findings[Code.ORPHAN]) == (191, 100)
    assert [one.position.offset for one in report.examples if one.code is Code.LOST] == [10, 11, 12]
    assert len(report.examples) == 6


@pytest.mark.parametrize("seed", range(20))
def test_planted_faults_are_found_and_nothing_else(seed: int) -> None:
    """Among thousands of events in gapped offsets, outcomes in any order: as many of each as were planted."""
    rng = random.Random(seed)  # noqa: S311 - a test, no secret
    scene = Scene(partitions=3, keep=1_000)
    planted: dict[Code, set[Position]] = {code: set() for code in Code}
    outcomes: list[tuple[Position, dict[str, object]]] = []
    for partition in range(3):
        offsets = sorted(rng.sample(range(10, 10_000), 1_000))
        scene.events(*offsets, partition=partition)
        for offset in offsets:
            position = Position("orders", partition, offset)
            kind = rng.random()
            if kind < 0.01:
                planted[Code.LOST].add(position)
                continue
            outcomes.append((position, {"recipient": f"r{offset % 50}", "first_attempt_at": 100.0 + offset}))
            if kind < 0.02:
                planted[Code.DUPLICATE].add(position)
                outcomes.append((position, {"recipient": None}))
            elif kind < 0.03:
                planted[Code.OUT_OF_ORDER].add(position)
                outcomes[-1][1]["first_attempt_at"] = 0.0 - offset / 1e6
                outcomes[-1][1]["recipient"] = f"late-{position}"
                early = next(other for other in offsets if other < offset) if offset > offsets[0] else None
                if early is None or Position("orders", partition, early) in planted[Code.LOST]:
                    planted[Code.OUT_OF_ORDER].discard(position)
                else:
                    outcomes.append(
                        (
                            Position("orders", partition, early),
                            {"rule": f"more-{offset}", "recipient": f"late-{position}"},
                        )
                    )
        gaps = sorted(set(range(offsets[0], offsets[-1])) - set(offsets))
        for offset in rng.sample(gaps, 10):
            planted[Code.ORPHAN].add(Position("orders", partition, offset))
            outcomes.append((Position("orders", partition, offset), {}))
    rng.shuffle(outcomes)
    for position, changes in outcomes:
        scene.outcome(position.offset, position.partition, **changes)
    found: dict[Code, set[Position]] = {code: set() for code in Code}
    for one in scene.report().examples:
        found[one.code].add(one.position)
    assert found == planted


OURS = Origin("shop", "cluster-1", "topic-1")


@pytest.mark.parametrize("field", ["group", "cluster_id", "topic_id"])
def test_what_others_wrote_proves_nothing(field: str) -> None:
    """Outcomes of another group, cluster or topic id on a shared topic: the event counts as lost."""
    scene = Scene(origin=OURS)
    others = OURS._replace(**{field: "another"})
    scene.events(10, 11)
    scene.outcome(10, origin=OURS)
    scene.outcome(11, origin=others)
    report = scene.report()
    assert [(one.code, one.position.offset) for one in report.examples] == [(Code.LOST, 11)]
    assert report.outcomes == {"accepted": 1}


def test_what_others_wrote_is_no_finding() -> None:
    """Neither an orphan, nor a duplicate, nor a dead letter that no outcome requests, nor out of order."""
    scene = Scene(origin=OURS)
    others = OURS._replace(group="another")
    scene.events(10, 11)
    for offset in (10, 11):
        scene.outcome(offset, origin=OURS, recipient="r")
        scene.outcome(offset, origin=others, recipient="r", id="theirs", first_attempt_at=5_000.0 - offset)
    scene.outcome(12, origin=others)
    scene.letter(12, "theirs", others)
    report = scene.report()
    assert report.is_clean
    assert (report.outcomes, report.dead_letters) == ({"accepted": 2}, 0)


@pytest.mark.parametrize(
    ("start", "committed", "gone", "messages"),
    [
        (10, 20, None, []),
        (10, 4, None, ["orders/0/4: gone-unread 6 events up to offset 9"]),
        (10, 20, Gone(2, 8, 5), ["orders/0/2: gone-unread 5 events up to offset 8"]),
        (9, 20, Gone(2, 8, 5), []),
        (10, None, None, []),
    ],
)  # fmt: skip
def test_events_that_retention_deleted_unread_are_found(
    start: int, committed: int | None, gone: Gone | None, messages: list[str]
) -> None:
    """By the commit, and by what the service noted in it; not where older events are still there."""
    report = Scene(start=start, committed=committed, gone=gone).report()
    assert [
        str(one).partition(" were deleted by retention before the group ")[0] for one in report.examples
    ] == messages
    assert report.is_clean is (not messages)


def test_a_clock_that_is_set_back_makes_no_finding_of_order() -> None:
    """First attempts before and after the step are not compared; the report says that there was one."""
    scene = Scene()
    scene.events(*range(11, 17))
    times = [(11, 100.0, 100.1), (12, 101.0, 101.1), (13, 102.0, 42.1), (14, 43.0, 43.1), (15, 44.0, 44.1)]
    for offset, first, finished in times:
        scene.outcome(offset, recipient="ada", first_attempt_at=first, finished_at=finished)
    scene.outcome(16, recipient="ada", first_attempt_at=43.5, finished_at=44.2)
    report = scene.report()
    assert (report.clock_steps, report.order_unchecked) == (1, 1)
    assert [one.position.offset for one in report.examples] == [16]


def test_outcomes_that_wait_for_dead_letters_show_no_step() -> None:
    """They come later than those that were decided after them."""
    scene = Scene()
    scene.events(11, 12)
    scene.outcome(12, recipient="ada", first_attempt_at=100.0, finished_at=105.0)
    kind = OutcomeKind.REJECTED
    scene.outcome(11, recipient="ada", first_attempt_at=101.0, finished_at=102.0, kind=kind, id="x")
    scene.letter(11, "x")
    report = scene.report()
    assert report.clock_steps == 0
    assert report.findings[Code.OUT_OF_ORDER] == 1
