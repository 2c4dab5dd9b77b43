"""Compare events, outcomes and dead letters.

They arrive in any order; each is stored as a few numbers, and at the end they are compared event by event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from pipeline.model.event import Origin, Position, TopicPartition
from pipeline.model.intent import Intent
from pipeline.model.notice import outcome_label
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.operations.audit.account import Account, Seen
from pipeline.operations.audit.care import CareJudge
from pipeline.operations.audit.expected import Expected, Numbered
from pipeline.operations.audit.findings import Code, Report, Tally, Unproven
from pipeline.operations.audit.partition import PartitionRange
from pipeline.operations.audit.rows import MakeRows, Row
from pipeline.operations.audit.sequences import out_of_order, twice

_OFFSET_BITS = 48
_HASH_MASK = (1 << 63) - 1
_EVENT, _OUTCOME, _LETTER, _WAITING = range(4)
_KINDS = tuple(OutcomeKind)
_PROGRESS_EVERY = 10_000

Progressed = Callable[[int, int], None]
"""Called at intervals with the rows read so far and their total."""


class _Flags(NamedTuple):
    """What is kept of an outcome in one number."""

    kind: OutcomeKind
    redelivered: bool
    other_rules: bool
    leaves_letter: bool

    def packed(self) -> int:
        return _KINDS.index(self.kind) << 3 | self.leaves_letter << 2 | self.redelivered << 1 | self.other_rules

    @classmethod
    def unpacked(cls, flags: int) -> _Flags:
        return cls(_KINDS[flags >> 3], bool(flags & 2), bool(flags & 1), bool(flags & 4))


class Audit:
    """Compares the records of one range. Its memory is bounded by that of `make_rows`."""

    def __init__(
        self,
        partitions: Iterable[PartitionRange],
        rules_version: str,
        *,
        ordered: Callable[[str], bool],
        keep: int,
        make_rows: MakeRows,
        care: CareJudge | None = None,
    ) -> None:
        """`ordered` returns whether a rule's notices keep their order; keep `keep` examples of each finding.

        `care` judges recipient care, if the rules have any.
        """
        self._care = care
        self._partitions: dict[tuple[str, int], PartitionRange] = {one.partition: one for one in partitions}
        self._numbers = {key: number for number, key in enumerate(self._partitions)}
        self._keys = list(self._partitions)
        self._version = rules_version
        self._ordered = ordered
        self._expected = Numbered[Expected]()
        self._labels = Numbered[str]()
        self._tally = Tally(keep)
        self._events = self._letters = self._order_unchecked = 0
        self._outcomes: Counter[str] = Counter()
        self._redriven: Counter[str] = Counter()
        self._unproven: Counter[Unproven] = Counter()
        self._expected_count = self._pending = 0
        self._letters_provable = float("-inf")
        self._accounts = make_rows(6)
        """Location, type of row, and for an event the number of its `Expected`; else label, flags, milliseconds, id."""
        self._accepted = make_rows(2)
        """Hash of the notice's id, location."""
        self._first_attempts = make_rows(4)
        """Hash of recipient and partition, place in the partition, milliseconds of the first attempt, location.

        With recipient care the partition is that of the intents topic, and the place is the offset there.
        """
        self._intents: dict[int, PartitionRange] = {}
        """Partitions of the intents topic, for the clocks of their owners."""

    def event(self, position: Position, expected: Sequence[str], *, redriven: bool) -> None:
        """Add a record of the range with the outcomes that it must have: rule ids, or a label of `expected`."""
        self._events += 1
        number = self._expected.number(Expected(tuple(expected), redriven))
        self._accounts.add(self._location(position), _EVENT, number, 0, 0, "")

    def outcome(self, outcome: Outcome, key: bytes | None) -> None:
        """Add an outcome and its record's key; ignore it if its event is out of range or of another origin."""
        partition = self._in_range(outcome.position, outcome.origin)
        if self._care is not None:
            self._care.outcome(outcome, in_range=partition is not None)
        if partition is None:
            return
        location = self._location(outcome.position)
        self._outcomes[outcome.kind] += 1
        if outcome.reason is not Reason.SKIPPED:  # no rules were applied
            partition.note_version(outcome.rules_version, outcome.position.offset)
        rule = outcome.rule
        label = self._labels.number(f"({outcome.kind})" if rule is None else outcome_label(rule, outcome.item))
        flags = _Flags(
            outcome.kind, outcome.redelivered, outcome.rules_version != self._version, outcome.leaves_dead_letter
        ).packed()
        self._accounts.add(location, _OUTCOME, label, flags, _milliseconds(outcome.finished_at), outcome.id)
        if outcome.kind is OutcomeKind.ACCEPTED:
            self._accepted.add(hash(outcome.id) & _HASH_MASK, location)
        self._note_first_attempt(outcome, key, location)

    def waiting(self, intent: Intent) -> None:
        """Add a notice that waits in the intents topic; ignore it if its event is out of range or of another origin."""
        position = intent.event.record.position
        if self._in_range(position, intent.origin) is not None:
            label = self._labels.number(outcome_label(intent.notice.rule, intent.notice.item))
            self._accounts.add(self._location(position), _WAITING, label, 0, 0, "")

    def letter(self, source: Position, outcome_id: str, origin: Origin) -> None:
        """Add a dead letter by its event's position, its outcome's id and its origin; ignore it as `outcome` does."""
        if self._in_range(source, origin) is not None:
            self._letters += 1
            self._accounts.add(self._location(source), _LETTER, 0, 0, 0, outcome_id)

    def letters_complete_since(self, timestamp: float) -> None:
        """Set the time (epoch seconds) before which retention has deleted dead letters."""
        self._letters_provable = timestamp

    def report(self, progressed: Progressed = lambda _done, _total: None) -> Report:
        """Compare everything and return the report; call it once, at the end."""
        for key, partition in self._partitions.items():
            for offset, message in partition.deleted_unread():
                self._tally.add(Code.GONE_UNREAD, Position(*key, offset), message)
        tracked = self._with_progress(progressed)
        for account_location, rows in groupby(tracked(self._accounts.in_order()), itemgetter(0)):
            self._check(self._position(int(account_location)), self._account(rows))
        for location, first in twice(tracked(self._accepted.in_order())):
            message = f"a notice that was accepted at {self._position(first)} as well"
            self._tally.add(Code.ACCEPTED_TWICE, self._position(location), message)
        for location, earlier, ms in out_of_order(tracked(self._first_attempts.in_order())):
            message = f"was first sent {ms} ms before the same recipient's {self._position(earlier)}"
            self._tally.add(Code.OUT_OF_ORDER, self._position(location), message)
        for violation in self._care.violations() if self._care is not None else ():
            self._tally.add(*violation)
        return Report(
            rules_version=self._version,
            events=self._events,
            expected=self._expected_count,
            outcomes=dict(sorted(self._outcomes.items())),
            redriven=dict(sorted(self._redriven.items())),
            dead_letters=self._letters,
            pending=self._pending,
            unproven=dict(sorted(self._unproven.items())),
            order_unchecked=self._order_unchecked,
            clock_steps=sum(one.clock_steps for one in (*self._partitions.values(), *self._intents.values())),
            other_versions=sorted(self._other_versions),
            findings=dict(self._tally.counts),
            examples=sorted(self._tally.examples),
        )

    def _with_progress(self, progressed: Progressed) -> Callable[[Iterator[Row]], Iterator[Row]]:
        """Return a function that passes rows on and reports progress."""
        total = len(self._accounts) + len(self._accepted) + len(self._first_attempts)
        passed = 0

        def through(rows: Iterator[Row]) -> Iterator[Row]:
            nonlocal passed
            for row in rows:
                passed += 1
                if passed % _PROGRESS_EVERY == 0:
                    progressed(passed, total)
                yield row

        return through

    def _note_first_attempt(self, outcome: Outcome, key: bytes | None, location: int) -> None:
        partition, place = self._partitions[outcome.position.topic, outcome.position.partition], location
        if outcome.intent is not None:
            number, place = outcome.intent
            partition = self._intents.setdefault(number, _of_intents(number))
        if not outcome.leaves_dead_letter:  # the others wait for their dead letters
            partition.note_finished(outcome.finished_at)
        if outcome.first_attempt_at is None or outcome.rule is None or not self._ordered(outcome.rule):
            return
        if outcome.finished_at < outcome.first_attempt_at:  # the clock was set back in between
            self._order_unchecked += 1
            return
        # A text and its bytes have the same hash; the tuples keep recipients and keys distinct.
        who = (outcome.recipient, None) if outcome.recipient is not None else (None, key)
        if who == (None, None) or outcome.redelivered:
            self._order_unchecked += 1
            return
        # Times before and after the clock was set back cannot be compared.
        group = hash((who, partition.partition, partition.clock_steps)) & _HASH_MASK
        self._first_attempts.add(group, place, _milliseconds(outcome.first_attempt_at), location)

    def _account(self, rows: Iterable[Row]) -> Account:
        """Convert all rows of one location."""
        expected: Expected | None = None
        outcomes: list[Seen] = []
        letters: Counter[str] = Counter()
        waiting: set[str] = set()
        for _, row_type, number, flags, finished, name in rows:
            if row_type == _EVENT:
                expected = self._expected[int(number)]
            elif row_type == _LETTER:
                letters[str(name)] += 1
            elif row_type == _WAITING:
                waiting.add(self._labels[int(number)])
            else:
                kind, redelivered, other_rules, leaves_letter = _Flags.unpacked(int(flags))
                label, finished_at = self._labels[int(number)], int(finished) / 1000
                outcomes.append(Seen(label, kind, str(name), redelivered, other_rules, leaves_letter, finished_at))
        return Account(expected, outcomes, letters, waiting)

    def _check(self, position: Position, account: Account) -> None:
        if account.expected is not None:
            self._expected_count += len(account.expected.labels)
            if account.expected.redriven:
                self._redriven.update(seen.kind for seen in account.outcomes)
        for code, message in account.wrong_outcomes():
            self._tally.add(code, position, message)
        self._check_missing(position, account)
        self._check_letters(position, account)

    def _check_missing(self, position: Position, account: Account) -> None:
        missing = [label for label in account.missing() if label not in account.waiting]
        self._pending += len(account.missing()) - len(missing)
        if not missing:
            return
        partition = self._partitions[position.topic, position.partition]
        if partition.is_pending(position.offset):
            self._pending += len(missing)
        elif position.offset < partition.provable:
            self._unproven[Unproven.LEDGER_FORGOT] += len(missing)
        elif not self._is_certain(partition, position.offset, account):
            self._unproven[Unproven.RULES_CHANGED] += len(missing)
        else:
            for label in missing:
                self._tally.add(Code.LOST, position, f"is committed, and has no outcome of {label}")

    def _check_letters(self, position: Position, account: Account) -> None:
        for seen in account.without_letter():
            if seen.finished_at < self._letters_provable:
                self._unproven[Unproven.DEAD_LETTERS_FORGOT] += 1
            else:
                message = f"{seen.kind} outcome {seen.id} of {seen.label} has no dead letter"
                self._tally.add(Code.NO_DEAD_LETTER, position, message)
        partition = self._partitions[position.topic, position.partition]
        for name, count, message in account.stray_letters():
            if not message and (partition.is_pending(position.offset) or account.waiting):
                continue  # the dead letter is written first; its outcome follows
            if not message and position.offset < partition.provable:
                self._unproven[Unproven.LEDGER_FORGOT] += count
                continue
            for _ in range(count):
                detail = f"dead letter of the outcome {name} {message or 'has no outcome'}"
                self._tally.add(Code.STRAY_DEAD_LETTER, position, detail)

    def _is_certain(self, partition: PartitionRange, offset: int, account: Account) -> bool:
        """Whether the given rules were certainly in use for this event."""
        if not self._other_versions:
            return True
        return not any(seen.other_rules for seen in account.outcomes) and partition.was_processed_by(
            self._version, offset
        )

    @cached_property
    def _other_versions(self) -> frozenset[str]:
        """Versions of the rules in the ledger other than the given one; complete once the ledger is read."""
        versions = {version for partition in self._partitions.values() for version in partition.versions}
        return frozenset(versions - {self._version})

    def _in_range(self, position: Position, origin: Origin) -> PartitionRange | None:
        """The audited partition; None where the event is out of the range, or of another group, cluster or topic id."""
        partition = self._partitions.get((position.topic, position.partition))
        if partition is None or position.offset not in partition.offsets or origin != partition.origin:
            return None
        return partition

    def _location(self, position: Position) -> int:
        return self._numbers[position.topic, position.partition] << _OFFSET_BITS | position.offset

    def _position(self, location: int) -> Position:
        return Position(*self._keys[location >> _OFFSET_BITS], location & ((1 << _OFFSET_BITS) - 1))


def _of_intents(number: int) -> PartitionRange:
    return PartitionRange(TopicPartition("", number), range(0), None, 0)


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000 + 0.5)
