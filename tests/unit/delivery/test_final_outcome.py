"""The outcome of a notice: the source of every field."""

from __future__ import annotations

from pipeline.delivery.evaluated_record import EvaluatedRecord
from pipeline.delivery.frontier import Unfinished
from pipeline.delivery.partition import Partition
from pipeline.delivery.pending_notice import PendingNotice
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import Route
from pipeline.delivery.unacknowledged import final_outcome
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.event import Event, Position, Record, TopicPartition
from pipeline.model.ledger import Assigned
from pipeline.model.notice import Notice
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.model.reply import Reply
from pipeline.model.trace import TraceContext

TRACE = TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def test_every_field_has_its_own_source() -> None:
    """No two of them are alike here, so that none can be in another's place."""
    record = Record("orders", 3, 17, b"key", b"value", (), 1_000)
    event = Event("order.paid", {}, record, "identity", "event-1", "/shop", 2_500, None, TRACE)
    notice = Notice("notice-1", "rule-1", "template-1", "a-recipient", b"{}", None, reference="T2026", item=2)
    arrival = EvaluatedRecord(record, event, 1, (notice,), (), 3.5, "version-1")
    partition = Partition(Assigned(TopicPartition("orders", 3), 1, 0, {}, 20))
    route = Route(DeliverySettings(), VerdictTable(), max_in_flight=1, rng=lambda: 0.5, now=0.0)
    work = PendingNotice(1, notice, arrival, Unfinished(17, 1, 2.5), partition, route)
    work.attempts, work.first_attempt_at = 4, 4.5
    work.reply = Reply(503, 47003, None, None, "words")
    assert final_outcome(work, OutcomeKind.EXHAUSTED, Reason.HORIZON, 9.5) == Outcome(
        id="notice-1",
        kind=OutcomeKind.EXHAUSTED,
        reason=Reason.HORIZON,
        position=Position("orders", 3, 17),
        event_type="order.paid",
        event_id="event-1",
        event_source="/shop",
        event_time=2.5,
        rule="rule-1",
        rules_version="version-1",
        template="template-1",
        recipient="a-recipient",
        attempts=4,
        status=503,
        code=47003,
        received_at=3.5,
        first_attempt_at=4.5,
        finished_at=9.5,
        redelivered=True,
        detail="words",
        trace=TRACE,
        reference="T2026",
        item=2,
    )
