"""Holds events against outcomes. Events come first, each partition's in order; then outcomes, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from pipeline.audit.buckets import Buckets
from pipeline.audit.findings import Code, Report, Tally, Unproven
from pipeline.audit.partition import PartitionEvents, Shape, Shapes
from pipeline.model.event import Position
from pipeline.model.outcome import Outcome, OutcomeKind

UNDECODABLE, UNMATCHED = f"({OutcomeKind.UNDECODABLE})", f"({OutcomeKind.UNMATCHED})"
"""What an event must have, or has, that became no notice."""
_OF_THE_WHOLE_EVENT = frozenset({UNDECODABLE, UNMATCHED})
_OFFSET_BITS = 48
_HASH_MASK = (1 << 63) - 1


class Audit:
    """Some 16 bytes for each event and 40 for each outcome are kept, whatever their own size."""

    def __init__(
        self,
        partitions: Iterable[PartitionEvents],
        rules_version: str,
        *,
        ordered: Callable[[str], bool],
        keep: int,
    ) -> None:
        """`ordered` tells whether a rule's notices keep the order; `keep` examples of each finding are kept."""
        self._partitions: dict[tuple[str, int], PartitionEvents] = {one.partition: one for one in partitions}
        self._numbers = {key: number for number, key in enumerate(self._partitions)}
        self._keys = list(self._partitions)
        self._version = rules_version
        self._ordered = ordered
        self._shapes = Shapes()
        self._tally = Tally(keep)
        self._outcomes: Counter[str] = Counter()
        self._redriven: Counter[str] = Counter()
        self._accepted = Buckets(2)
        """Hash of the notice's id, place."""
        self._first_attempts = Buckets(3)
        """Hash of recipient and partition, place, time of the first attempt in milliseconds."""
        self._order_unchecked = 0

    def event(self, position: Position, expected: Sequence[str], *, redriven: bool) -> None:
        """A record of the range, and the outcomes that it must have: rules' ids, or a label from above."""
        partition = self._partitions[position.topic, position.partition]
        partition.add(position.offset, self._shapes.number(Shape(tuple(expected), redriven=redriven)))

    def outcome(self, outcome: Outcome, key: bytes | None) -> None:
        """An outcome, and its record's key. One of an event that is not in the range is passed over."""
        topic, number, offset = outcome.position
        partition = self._partitions.get((topic, number))
        if partition is None or offset not in partition.offsets:
            return
        index = partition.find(offset)
        if index is None:
            self._outcomes[outcome.kind] += 1
            self._tally.add(Code.ORPHAN, outcome.position, f"{outcome.kind} outcome {outcome.id} without its event")
            return
        self._outcomes[outcome.kind] += 1
        if self._shapes[partition.expected(index)].redriven:
            self._redriven[outcome.kind] += 1
        self._see(partition, index, outcome)
        place = self._numbers[topic, number] << _OFFSET_BITS | offset
        if outcome.kind is OutcomeKind.ACCEPTED:
            self._accepted.add(hash(outcome.id) & _HASH_MASK, place)
        self._note_first_attempt(outcome, key, place)

    def _see(self, partition: PartitionEvents, index: int, outcome: Outcome) -> None:
        label = outcome.rule or f"({outcome.kind})"
        seen = partition.seen(index)
        if label in self._shapes[seen].labels:
            again = " after a restart" if outcome.redelivered else ""
            words = f"{outcome.kind} outcome {outcome.id} of {label} is its second{again}"
            self._tally.add(Code.DUPLICATE, outcome.position, words)
        other = outcome.rules_version != self._version
        partition.note_version(outcome.rules_version, outcome.position.offset)
        partition.see(index, self._shapes.with_one_more(seen, label, other=other))

    def _note_first_attempt(self, outcome: Outcome, key: bytes | None, place: int) -> None:
        if outcome.first_attempt_at is None or outcome.rule is None or not self._ordered(outcome.rule):
            return
        # A text and its bytes have one hash: a recipient must not be taken for a key.
        who = (outcome.recipient, None) if outcome.recipient is not None else (None, key)
        if who == (None, None) or outcome.redelivered:
            self._order_unchecked += 1
            return
        group = hash((who, place >> _OFFSET_BITS)) & _HASH_MASK
        self._first_attempts.add(group, place, int(outcome.first_attempt_at * 1000 + 0.5))

    def report(self) -> Report:
        """What was proved and found. Once, at the end."""
        self._find_twice_accepted()
        self._find_out_of_order()
        expected, pending, unproven = self._find_missing()
        versions = {version for partition in self._partitions.values() for version in partition.versions}
        return Report(
            rules_version=self._version,
            events=sum(len(partition) for partition in self._partitions.values()),
            expected=expected,
            outcomes=dict(sorted(self._outcomes.items())),
            redriven=dict(sorted(self._redriven.items())),
            pending=pending,
            unproven=dict(unproven),
            order_unchecked=self._order_unchecked,
            other_versions=sorted(versions - {self._version}),
            findings=dict(self._tally.counts),
            examples=sorted(self._tally.examples),
        )

    def _find_twice_accepted(self) -> None:
        for group in self._accepted.groups():
            places = sorted({place for _, place in group})  # twice at one place is a duplicate, and was told
            for place in places[1:]:
                words = f"a notice that was accepted at {self._position(places[0])} as well"
                self._tally.add(Code.ACCEPTED_TWICE, self._position(place), words)

    def _find_out_of_order(self) -> None:
        """Within one partition: a recipient's events in two partitions have no order."""
        for group in self._first_attempts.groups():
            # The latest first attempt of an earlier event, and that of the event at hand.
            latest, at = -1, -1
            newest, newest_at = -1, -1
            for _, place, attempted in group:
                if place != newest_at:
                    if newest > latest:
                        latest, at = newest, newest_at
                    newest, newest_at = attempted, place
                newest = max(newest, attempted)
                if attempted < latest:
                    words = f"was first sent {latest - attempted} ms before the same recipient's {self._position(at)}"
                    self._tally.add(Code.OUT_OF_ORDER, self._position(place), words)

    def _find_missing(self) -> tuple[int, int, Counter[Unproven]]:
        """Tells how many outcomes are expected and pending, and how many cannot be judged."""
        total = pending = 0
        unproven: Counter[Unproven] = Counter()
        for partition in self._partitions.values():
            for offset, expected, seen in partition:
                wanted, has = self._shapes[expected], self._shapes[seen]
                total += len(wanted.labels)
                missing = _missing(wanted, has)
                if not missing:
                    continue
                if partition.committed is None or offset >= partition.committed:
                    pending += len(missing)
                elif offset < partition.provable:
                    unproven[Unproven.LEDGER_FORGOT] += len(missing)
                elif not self._is_certain(partition, offset, has):
                    unproven[Unproven.RULES_CHANGED] += len(missing)
                else:
                    position = Position(*partition.partition, offset)
                    for label in missing:
                        self._tally.add(Code.LOST, position, f"is committed, and has no outcome of {label}")
        return total, pending, unproven

    def _is_certain(self, partition: PartitionEvents, offset: int, has: Shape) -> bool:
        """Whether the rules given were in use for this event."""
        if not any(set(one.versions) - {self._version} for one in self._partitions.values()):
            return True
        return not has.others and partition.was_worked_on_by(self._version, offset)

    def _position(self, place: int) -> Position:
        return Position(*self._keys[place >> _OFFSET_BITS], place & ((1 << _OFFSET_BITS) - 1))


def _missing(wanted: Shape, has: Shape) -> tuple[str, ...]:
    """What the event must have and has not; a final word on the whole event, or any word at all, answers for it."""
    if not wanted.labels or not _OF_THE_WHOLE_EVENT.isdisjoint(has.labels):
        return ()
    if has.labels and not _OF_THE_WHOLE_EVENT.isdisjoint(wanted.labels):
        return ()  # it could be decoded then, or was matched by rules of that time
    return tuple(label for label in wanted.labels if label not in has.labels)
