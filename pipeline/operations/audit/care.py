"""Judge recipient care again from the ledger: no first attempt over a cap, twice, in quiet hours or after an opt-out.

The messages of one recipient are in one partition of the intents topic, and were decided in its order: so a message is
judged after those of lower offsets, by the decision of the service itself, at the time of its first attempt.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from pipeline.care.decision import End, decide
from pipeline.care.declaration import Care
from pipeline.care.facts import CareFacts
from pipeline.care.preferences import NO_PREFERENCES, Preferences
from pipeline.care.recipient import Accepted, Recipient, key_number
from pipeline.care.recipients import counts
from pipeline.care.words import CareWords
from pipeline.model.event import Position
from pipeline.model.once import Once
from pipeline.model.outcome import Outcome, Reason
from pipeline.operations.audit.findings import Code
from pipeline.operations.audit.rows import MakeRows, Row

MARGIN_SECONDS = 1.0
"""A message is not judged at the very end of a window: it was decided some milliseconds before its first attempt."""
RELOAD_SECONDS = 60.0
"""After the first outcome of a newer version of the rules, another process may have decided by the older one."""
_CHOICE, _OUTCOME = range(2)
_HASH_MASK = (1 << 63) - 1
_CODES: Mapping[Reason, Code] = {
    Reason.CAP_REACHED: Code.OVER_CAP,
    Reason.DUPLICATE: Code.NOT_ONCE,
    Reason.OPTED_OUT: Code.AFTER_OPT_OUT,
    Reason.QUIET_HOURS: Code.IN_QUIET_HOURS,
}


class Violation(NamedTuple):
    """A message that should not have left."""

    code: Code
    position: Position
    """Of its event."""
    message: str


class CareJudge:
    """Collects outcomes and choices of recipients, and judges them at the end."""

    def __init__(
        self, care: Care, words: CareWords, rules_version: str, group: str, intents_topic: str, make_rows: MakeRows
    ) -> None:
        """Outcomes of `rules_version` are judged, by its `care`; all of the group count. `words` explain violations."""
        self._group = group
        self._care = care
        self._words = words
        self._version = rules_version
        self._topic = intents_topic
        self._rows = make_rows(4)
        """Hash of the recipient, offset in the intents topic, kind of row, content."""
        self._first_of_version = float("inf")
        self._has_others = False

    def choice(
        self,
        recipient: str,
        offset: int,
        preferences: Preferences | None,
        source: Position | None,
        at: float | None = None,
    ) -> None:
        """Add what a recipient has chosen, read at this offset of the intents topic; None: forget it.

        `source` is where it was read first, and `at` when it was written to the intents topic, if that is known.
        """
        opted_out, zone, _ = preferences or NO_PREFERENCES
        self._add(recipient, offset, _CHOICE, [sorted(opted_out), zone, source, at])

    def outcome(self, outcome: Outcome, *, in_range: bool) -> None:
        """Add an outcome of the group; it is judged if it is `in_range`, and counts in any case."""
        to, intent, rule = outcome.recipient, outcome.intent, outcome.rule
        if outcome.origin.group != self._group or to is None or intent is None or rule is None:
            return  # of other partitions nothing is known of the order
        if outcome.rules_version == self._version:
            self._first_of_version = min(self._first_of_version, outcome.finished_at)
        else:
            self._has_others = True
        if outcome.first_attempt_at is None:
            return
        is_judged = in_range and outcome.rules_version == self._version
        accepted = Accepted.of(outcome)
        if not is_judged and accepted is None:
            return
        position = outcome.position
        once = None if outcome.once is None or key_number(outcome.once.key) is None else outcome.once.key
        judged = [*position, *intent, outcome.id, rule, outcome.category, once, outcome.first_attempt_at]
        self._add(to, intent.offset, _OUTCOME, [judged if is_judged else None, accepted])

    def _add(self, recipient: str, offset: int, kind: int, content: object) -> None:
        self._rows.add(hash(recipient) & _HASH_MASK, offset, kind, json.dumps(content))

    def violations(self) -> Iterator[Violation]:
        """Yield what should not have been sent; call it once, at the end."""
        for _, rows in groupby(self._rows.in_order(), itemgetter(0)):
            yield from self._of_recipient(list(rows))

    def _of_recipient(self, rows: Iterable[Row]) -> Iterator[Violation]:
        read = [(int(offset), int(kind), json.loads(str(content))) for _, offset, kind, content in rows]
        choices = [(offset, content) for offset, kind, content in read if kind == _CHOICE]
        recipient = Recipient()
        last: list[Any] | None = None
        for offset, kind, content in read:
            if kind == _CHOICE:
                opted_out, zone, source, _ = content
                if source is None or last is None or source[:2] != last[:2] or source[2] > last[2]:  # not written again
                    recipient.preferences, last = Preferences(frozenset(opted_out), zone), source
                continue
            judged, counted = content
            # What held before the first known choice is not known.
            if judged is not None and (not choices or offset > choices[0][0]):
                yield from self._judged(recipient, judged, [later for at, later in choices if at > offset])
            if counted is not None:
                name, category, rule, at_ms, once = counted
                accepted = Accepted(name, category, rule, at_ms, None if once is None else (once[0], once[1]))
                if counts(self._care, accepted):
                    recipient.fold(accepted)

    def _judged(self, recipient: Recipient, judged: list[Any], later: list[list[Any]]) -> Iterator[Violation]:
        topic, partition, offset, *intent, notice_id, rule, category, once_key, at = judged
        if self._has_others and at < self._first_of_version + RELOAD_SECONDS:
            return
        recipient.forget(self._care, at - MARGIN_SECONDS)
        facts = CareFacts(notice_id, rule, category, None if once_key is None else Once(once_key, 0.0))
        decision = decide(self._care, facts, recipient, at)
        before = decide(self._care, facts, recipient, at - MARGIN_SECONDS)
        if not isinstance(decision, End) or not isinstance(before, End) or decision.reason is not before.reason:
            return
        if decision.reason is Reason.OPTED_OUT and self._was_withdrawn(recipient, facts, at, later):
            return
        when = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        place = f"{self._topic}/{intent[0]}/{intent[1]}"
        message = f"{notice_id} of {rule}, sent at {when} (intent {place}): {self._words.of(decision.because)}"
        yield Violation(_CODES[decision.reason], Position(topic, partition, offset), message)

    def _was_withdrawn(self, recipient: Recipient, facts: CareFacts, at: float, later: list[list[Any]]) -> bool:
        """Whether the recipient had opted in again before the message left at `at`: it may have waited for long.

        `later` are the choices after it in the intents topic, which are in force as soon as they are read.
        """
        before = recipient.preferences
        for opted_out, zone, _, written_at in later:
            if written_at is not None and written_at <= at:
                recipient.preferences = Preferences(frozenset(opted_out), zone)
                decision = decide(self._care, facts, recipient, at)
                recipient.preferences = before
                if not isinstance(decision, End):
                    return True
        return False
