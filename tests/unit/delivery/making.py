"""Short forms for events, assignments and machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.care.recipients import CareTerms
from pipeline.delivery.evaluated_record import Attempt, EvaluatedRecord, PendingOutcome
from pipeline.delivery.machine_with_care import DeliveryWithCare
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import BodyContract, Route
from pipeline.delivery.verdicts import VerdictSettings, VerdictTable
from pipeline.model.event import Event, Record, TopicPartition
from pipeline.model.ledger import Assigned, LedgerPosition, RestoredCare
from pipeline.model.notice import Notice
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.model.reply import Fault, Reply
from pipeline.model.trace import TraceContext

T0 = 1_700_000_000.0
"""Any time: 2023-11-14 22:13:20 UTC."""
P0, P1, P2 = (TopicPartition("orders", number) for number in range(3))

OK = Reply(200, 200)
UNAVAILABLE = Reply(500, None, detail="out of order")
THROTTLED = Reply(429, 429)
TIMEOUT = Reply(fault=Fault.TIMEOUT)
UNAUTHORISED = Reply(403, 403)
TOKEN_EXPIRED = Reply(200, 42001)
BAD_CONTENT = Reply(200, 47003, detail="thing3 is too long")
BAD_TEMPLATE = Reply(200, 40037)
QUOTA = Reply(200, 45009)
UNKNOWN = Reply(200, 99_999)

CALM = {"breaker": {"minimum_attempts": 1_000}}
"""A breaker that does not interfere."""
EAGER = {"breaker": {"minimum_attempts": 4, "open_seconds": 5, "probes": 2}}
"""A breaker that four failures open."""


def notice(
    name: str,
    to: str = "ann",
    *,
    rule: str = "paid",
    expires_at: float | None = None,
    ordered: bool = True,
) -> Notice:
    """A notice called `name`."""
    return Notice(name, rule, "template", to, b"{}", expires_at, ordered)


def record(offset: int, partition: TopicPartition = P0) -> Record:
    """A record at `offset`."""
    return Record(partition.topic, partition.partition, offset, b"key", b"value", (), int(T0 * 1000), len(b"keyvalue"))


def arrival(
    offset: int,
    *notices: Notice,
    partition: TopicPartition = P0,
    epoch: int = 1,
    outcomes: Sequence[Outcome] = (),
    trace: TraceContext | None = None,
) -> EvaluatedRecord:
    """The event at `offset` and what follows from it."""
    read = record(offset, partition)
    event = Event("order.paid", {}, read, str(read.position), None, None, int(T0 * 1000), None, trace)
    return EvaluatedRecord(read, event, epoch, notices, outcomes, T0, "v1")


def undecodable(offset: int, partition: TopicPartition = P0) -> Outcome:
    """The outcome of a record that is not an event."""
    return Outcome(
        id=f"undecodable-{offset}",
        kind=OutcomeKind.UNDECODABLE,
        reason=Reason.MALFORMED_AVRO,
        position=record(offset, partition).position,
        event_type=None,
        event_id=None,
        event_source=None,
        event_time=None,
        rule=None,
        rules_version="v1",
        template=None,
        recipient=None,
        attempts=0,
        status=None,
        code=None,
        received_at=T0,
        first_attempt_at=None,
        finished_at=T0,
        redelivered=False,
        detail="",
    )


class Bench:
    """A machine with a ledger that acknowledges on request, and a clock that is set by hand."""

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        *,
        max_in_flight: int = 16,
        rng: float = 0.5,
        verdicts: VerdictSettings | None = None,
        body: BodyContract | None = None,
        partitions: Sequence[TopicPartition] = (P0,),
        further: Sequence[str] = (),
        care: CareTerms | None = None,
    ) -> None:
        """`further` are names of APIs besides the usual one, with the same settings.

        With `care` nothing is known of any recipient at first.
        """
        self.now = T0
        chosen = DeliverySettings.model_validate(settings or {})

        def route() -> Route:
            table = VerdictTable(verdicts)
            return Route(chosen, table, max_in_flight=max_in_flight, rng=lambda: rng, now=T0, body=body)

        self.delivery = DeliveryWithCare(chosen, route(), T0, {api: route() for api in further}, care)
        self._has_care = care is not None
        self.outcomes: list[Outcome] = []
        self.unacknowledged: list[PendingOutcome] = []
        self.ledger_offset = 0
        for partition in partitions:
            self.assign(partition)

    def assign(
        self,
        partition: TopicPartition = P0,
        epoch: int = 1,
        frontier: int | None = 0,
        done: Mapping[tuple[int, str], LedgerPosition] | None = None,
        reached: int = -1,
        ledger_end: LedgerPosition | None = None,
    ) -> None:
        """Give the machine a partition."""
        care = RestoredCare({}, {}) if self._has_care else None
        self.delivery.assign(Assigned(partition, epoch, frontier, done or {}, reached, ledger_end, care=care))

    def offer(self, *arrivals: EvaluatedRecord) -> None:
        """Give it events."""
        for one in arrivals:
            if one.choice is None:
                self.delivery.offer(one, self.now)
            else:
                self.delivery.choose(one, one.record.position, self.now)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def attempts(self) -> list[Attempt]:
        """What leaves now."""
        return self.delivery.attempts(self.now)

    def names(self) -> list[str]:
        """The notices that leave now, by name; they stay in flight."""
        return [attempt.notice.id for attempt in self.attempts()]

    def reply(self, attempt: Attempt, reply: Reply = OK) -> None:
        """One reply comes now."""
        self.delivery.replied(attempt, reply, self.now)

    def round(self, reply: Reply = OK) -> list[Attempt]:
        """Everything that may leave does, and all get the same reply at once."""
        attempts = self.attempts()
        for attempt in attempts:
            self.reply(attempt, reply)
        return attempts

    def collect(self) -> list[Outcome]:
        """Outcomes decided since last asked; Kafka has not acknowledged them yet."""
        publications = self.delivery.publications()
        self.unacknowledged += publications
        outcomes = [publication.outcome for publication in publications]
        self.outcomes += outcomes
        return outcomes

    def acknowledge(self) -> None:
        """Kafka acknowledges whatever was decided."""
        self.collect()
        for publication in self.unacknowledged:
            self.delivery.acknowledged(publication.ticket, 0, self.ledger_offset)
            self.ledger_offset += 1
        self.unacknowledged.clear()

    def committed(self) -> dict[TopicPartition, int]:
        """What is to be committed now."""
        return {point.partition: point.offset for point in self.delivery.commit_points()}

    def ends(self) -> list[tuple[str, OutcomeKind, Reason]]:
        """The outcomes decided since last asked, in short."""
        return [(outcome.id, outcome.kind, outcome.reason) for outcome in self.collect()]

    def open_the_breaker(self) -> None:
        """Fail until it opens; to be made with `EAGER`."""
        self.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(4)))
        self.round(UNAVAILABLE)
