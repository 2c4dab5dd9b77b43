"""Outcomes to write: one with every field, one with as few as there can be, and any for tests that do not care."""

from __future__ import annotations

from pipeline.model.event import Origin, Position, Record
from pipeline.model.once import OnceUntil
from pipeline.model.outcome import Because, Outcome, OutcomeKind, Reason
from pipeline.model.trace import TraceContext

FIRST = Position("events", 0, 0)
WHOLE = Outcome(
    id="abdf3647-9c11-5cb5-856a-5d43e25176c5",
    kind=OutcomeKind.REJECTED,
    reason=Reason.CONTENT,
    position=Position("trade.order.events", 3, 2**40),
    event_type="com.example.trade.order.paid.v1",
    event_id="e-1",
    event_source="/shop",
    event_time=1_795_406_400.001,
    rule="order-paid",
    rules_version="abcdef012345",
    template="order_paid",
    recipient="customer",
    attempts=3,
    status=200,
    code=47003,
    received_at=1_795_406_400.123,
    first_attempt_at=1_795_406_400.456,
    finished_at=1_795_406_401.789,
    redelivered=True,
    detail="字段 thing4",
    trace=TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    origin=Origin("shop", "bm90aWNlLXBpcGVsaW5lLQ", "oWk4chtyThyfGjlNjuy9ew"),
    redrives=2,
    first=Position("trade.order.events", 3, 2**33),
    because=(Because("pause", "rule order-paid", "dropped", 1_795_410_000.0), Because("pause")),
    reference="T20261123150100001",
    item=7,
    category="marketing",
    once=OnceUntil("6338af5d9fe4db9d", 1_795_413_600.0),
)
BARE = WHOLE._replace(
    event_type=None,
    event_id=None,
    event_source=None,
    event_time=None,
    rule=None,
    template=None,
    recipient=None,
    status=None,
    code=None,
    first_attempt_at=None,
    trace=None,
    origin=Origin("shop"),
    redrives=0,
    first=None,
    because=(),
    reference=None,
    item=None,
    category=None,
    once=None,
)


def an_outcome(position: Position = FIRST, kind: OutcomeKind = OutcomeKind.ACCEPTED, *, name: str = "") -> Outcome:
    """An outcome of the record at `position`."""
    return Outcome(
        id=name or f"outcome-of-{position}",
        kind=kind,
        reason=Reason.OK if kind is OutcomeKind.ACCEPTED else Reason.CONTENT,
        position=position,
        event_type="trade.OrderPaid",
        event_id=None,
        event_source=None,
        event_time=1_700_000_000.0,
        rule="order-paid",
        rules_version="1",
        template="order",
        recipient="r",
        attempts=1,
        status=200,
        code=200,
        received_at=1_700_000_001.0,
        first_attempt_at=1_700_000_002.0,
        finished_at=1_700_000_003.0,
        redelivered=False,
        detail="",
    )


def a_record(position: Position = FIRST, *, value: bytes | None = b"v") -> Record:
    """The record at `position`."""
    return Record(*position, b"key", value, (("trace", b"t"), ("empty", None)), 1_700_000_000_000)
