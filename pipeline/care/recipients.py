"""The recipients of one partition: what is known of each, and what of it Kafka does not have yet.

A message counts when its outcome is decided, and its recipient's record is written some seconds after Kafka has
acknowledged the outcome. Until the record is acknowledged, the outcome's offset in the ledger is not covered: the next
owner of the partition must read the ledger from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline.care.decision import End, decide
from pipeline.care.declaration import Care
from pipeline.care.facts import CareFacts
from pipeline.care.preferences import NO_PREFERENCES, Choice
from pipeline.care.recipient import Accepted, Recipient, covering, milliseconds
from pipeline.model.ledger import RestoredCare
from pipeline.model.make import make
from pipeline.model.notice import Notice
from pipeline.model.outcome import ACCEPTED, COUNTED, Because, Outcome

FLUSH_SECONDS = 5.0
"""After this time what has changed is written: a recipient with many messages is written once for several of them. A
next owner reads this much of the ledger."""
LATEST_SECONDS = 60.0
"""After this time a record is written although an outcome in it is not acknowledged: a recipient to whom messages leave
without a pause must not hold up the pointer. After a crash the message counts although it is sent again, as one."""
MOST_WRITES = 2_000
"""Records on their way to Kafka, of one partition."""
SWEEPS = 8_192
"""Calls of `writes` in which every recipient is looked at once, to forget those of whom nothing is left to know: about
half an hour."""


class CareTerms:
    """What all partitions decide by."""

    def __init__(self, care: Care, identify: Callable[[str], str]) -> None:
        """`identify` returns a recipient as outcomes have it."""
        self.care = care
        """The declaration in use; a reload replaces it."""
        self.identify = identify


class CareWrite(NamedTuple):
    """A recipient's record to write."""

    number: int
    recipient: str
    state: bytes | None
    """None: nothing is left to know."""


class _Writing(NamedTuple):
    """A record on its way to Kafka."""

    number: int
    lowest: int | None
    """The lowest offset in the ledger that it covers and the record before did not."""
    done: list[Callable[[], None]]
    """To be called when Kafka has it."""


class Recipients:
    """The state of the recipients of one partition, from its assignment to its release."""

    def __init__(self, terms: CareTerms, restored: RestoredCare, now: float) -> None:
        """`restored` is what Kafka has; its mapping is used and changed here."""
        self._terms = terms
        self._packed = restored.recipients
        self._unpacked: dict[str, Recipient] = {}
        """Instead of what `_packed` has, of recipients that have changed since their record: a message changes its
        recipient twice until then."""
        self._changed: dict[str, float] = dict.fromkeys([*restored.uncovered, *restored.stale], now)
        """Recipients whose record in Kafka is older than what is known, the longest first, with the time since when."""
        self._chosen: dict[str, list[Callable[[], None]]] = {}
        """What is to be called once Kafka has the record with a recipient's choice."""
        self._uncovered: dict[str, int] = dict(restored.uncovered)
        """The lowest offset in the ledger, of a recipient, that no record covers."""
        self._writing: dict[str, _Writing] = {}
        self._open: dict[str, int] = {}
        """How many outcomes of a recipient are decided and not acknowledged."""
        self._over: dict[str, tuple[Because, ...]] = {}
        """Caps that are reached, by notice: of messages on their way, whose category is sent over its caps."""
        self._tickets: dict[int, str] = {}
        self._number = 0
        self._now = now
        self._sweep: Iterator[str] = iter(())

    def __len__(self) -> int:
        """Return how many recipients are known."""
        return len(self._packed)

    def of(self, recipient: str) -> Recipient:
        """Return what is known of a recipient."""
        known = self._unpacked.get(recipient)
        if known is not None:
            return known
        packed = self._packed.get(recipient)
        return Recipient() if packed is None else Recipient.unpack(packed)

    def _changing(self, recipient: str) -> Recipient:
        """Return what is known of a recipient, to be changed."""
        known = self._unpacked[recipient] = self.of(recipient)
        self._packed.setdefault(recipient, b"")
        return known

    def decide(self, notice: Notice, now: float) -> End | None:
        """Decide about the first notice of its recipient's lane; None: it may leave."""
        once, name = notice.once, notice.category
        care = self._terms.care
        if once is None and (name is None or name not in care.categories):
            return None
        facts = make(CareFacts, (notice.id, notice.rule, name, once))
        decision = decide(care, facts, self.of(self._terms.identify(notice.recipient)), now)
        if isinstance(decision, End):
            return decision
        if decision.because:
            self._over[notice.id] = decision.because
        elif self._over:
            self._over.pop(notice.id, None)  # an earlier attempt was over a cap, and this one is not
        return None

    def explained(self, outcome: Outcome) -> Outcome:
        """Return the outcome of a message; one that was sent over caps names them."""
        because = self._over.pop(outcome.id, None) if self._over else None
        return outcome if because is None or outcome.kind not in COUNTED else outcome._replace(because=because)

    def ended(self, ticket: int, outcome: Outcome, correction: float = 0.0) -> None:
        """Count a message from now on; `acknowledged` follows for the same ticket.

        `correction` is what the outcome's times will be corrected by before they are written.
        """
        to, kind = outcome.recipient, outcome.kind
        if to is None or (kind is not ACCEPTED and kind not in COUNTED):  # the hash of an enum's member is slow
            return
        accepted = Accepted.of(outcome.moved(correction) if correction else outcome)
        if accepted is None or not counts(self._terms.care, accepted):
            return
        recipient = self._terms.identify(to)
        self._changing(recipient).fold(accepted)
        self._open[recipient] = self._open.get(recipient, 0) + 1
        self._tickets[ticket] = recipient

    def acknowledged(self, ticket: int, offset: int) -> None:
        """The outcome is in the ledger, at this offset."""
        recipient = self._tickets.pop(ticket, None)
        if recipient is None:
            return
        self._open[recipient] -= 1
        if not self._open[recipient]:
            del self._open[recipient]
        known = self._unpacked.get(recipient)
        if known is None:  # written in the meantime
            self._packed[recipient] = covering(self._packed[recipient], offset)
        else:
            known.cover(offset)
        self._leave_uncovered(recipient, offset)

    def _leave_uncovered(self, recipient: str, offset: int) -> None:
        lowest = self._uncovered.get(recipient)
        if lowest is None or offset < lowest:
            self._uncovered[recipient] = offset
        self._changed.setdefault(recipient, self._now)

    def choose(self, choice: Choice, offset: int, now: float, done: Callable[[], None]) -> None:
        """Put a recipient's choice, read at this offset, in force at once; `done` is called when Kafka has it."""
        recipient, preferences = choice
        self._changing(recipient).choose(preferences or NO_PREFERENCES, offset, milliseconds(now))
        self._chosen.setdefault(recipient, []).append(done)
        self._changed.setdefault(recipient, self._now)

    # Records

    @property
    def lowest(self) -> int | None:
        """The lowest offset in the ledger of an outcome that no record covers; None without one."""
        offsets = [*self._uncovered.values(), *[one.lowest for one in self._writing.values() if one.lowest is not None]]
        return min(offsets, default=None)

    @property
    def oldest(self) -> float | None:
        """Since when the longest changed recipient was not written; None without one."""
        return next(iter(self._changed.values()), None)

    @property
    def is_writing(self) -> bool:
        """Whether records are on their way to Kafka."""
        return bool(self._writing)

    @property
    def unwritten(self) -> int:
        """How many recipients have changed since they were written."""
        return len(self._changed) + len(self._writing)

    def writes(self, now: float) -> list[CareWrite]:
        """Return the records to write now; `written` or `unwritten` follows for each."""
        self._now = now
        self._forget(now)
        writes: list[CareWrite] = []
        due = [*self._chosen, *self._due(now)]
        for recipient in due:
            if len(self._writing) >= MOST_WRITES:
                break
            since = self._changed.get(recipient)
            if since is None or recipient in self._writing:
                continue
            if recipient in self._open and now - since < LATEST_SECONDS:
                continue
            writes.append(self._write(recipient, now))
        return writes

    def _due(self, now: float) -> Iterator[str]:
        for recipient, since in self._changed.items():
            if now - since < FLUSH_SECONDS:
                return
            yield recipient

    def _write(self, recipient: str, now: float) -> CareWrite:
        self._number += 1
        state: bytes | None = None
        known = self.of(recipient)
        self._unpacked.pop(recipient, None)
        if known.forget(self._terms.care, now) and recipient not in self._open:
            self._packed.pop(recipient, None)
        else:
            state = self._packed[recipient] = known.pack()
        del self._changed[recipient]
        chosen = self._chosen.pop(recipient, []) if self._chosen else []
        self._writing[recipient] = make(_Writing, (self._number, self._uncovered.pop(recipient, None), chosen))
        return make(CareWrite, (self._number, recipient, state))

    def written(self, write: CareWrite) -> None:
        """Kafka has the record."""
        for done in self._writing.pop(write.recipient).done:
            done()

    def failed(self, write: CareWrite) -> None:
        """Kafka does not have the record: it is written again, with what has changed since."""
        recipient = write.recipient
        _, lowest, waiting = self._writing.pop(recipient)
        self._changed.setdefault(recipient, self._now)
        if lowest is not None:
            self._leave_uncovered(recipient, lowest)
        if waiting:
            self._chosen[recipient] = [*waiting, *self._chosen.get(recipient, [])]

    def again(self, recipient: str, state: bytes | None) -> None:
        """Another process wrote this record: keep what it knows, and write the record again.

        `state` is None if it had nothing left to know; that changes nothing if this process knows nothing either.
        """
        if state is None and recipient not in self._packed:
            return
        if state is not None:
            self._changing(recipient).merge(Recipient.unpack(state))
        self._changed.setdefault(recipient, self._now)

    def _forget(self, now: float) -> None:
        """Look at some recipients, and let those be written of whom nothing is left to know."""
        care = self._terms.care
        for _ in range(1 + len(self._packed) // SWEEPS):
            recipient = next(self._sweep, None)
            if recipient is None:
                self._sweep = iter(list(self._packed))
                return
            packed = None if recipient in self._unpacked else self._packed.get(recipient)
            if packed is not None and recipient not in self._open and Recipient.unpack(packed).forget(care, now):
                self._changed.setdefault(recipient, now)


def counts(care: Care, accepted: Accepted) -> bool:
    """Whether caps and `once` count a message: not one of an urgent category."""
    category = care.categories.get(accepted.category or "")
    return category is None or not category.urgent
