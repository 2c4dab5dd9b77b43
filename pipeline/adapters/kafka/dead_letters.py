"""The content of a dead letter: the original record, and headers that give the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from confluent_kafka import KafkaError

from pipeline.model import dead_letter
from pipeline.model.event import Record
from pipeline.model.outcome import PAUSE, Outcome

Header = tuple[str, bytes | None]

TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})


class Cut(StrEnum):
    """What is left out of a dead letter that exceeds the topic's `max.message.bytes`.

    The original remains on the source topic, at the position that the headers give.
    """

    NOTHING = "nothing"
    VALUE = "value"
    VALUE_AND_HEADERS = "value and headers"

    def more(self) -> Cut | None:
        """The next larger cut; None after the largest."""
        return {Cut.NOTHING: Cut.VALUE, Cut.VALUE: Cut.VALUE_AND_HEADERS}.get(self)


def content(
    outcome: Outcome, record: Record, cut: Cut, reference: str | None = None
) -> tuple[bytes | None, Sequence[Header]]:
    """Return the dead letter's value and headers; `reference` is the outcome's in the form that outcomes have it.

    Its key is the original's, so that redrive keeps a recipient's order.
    """
    own = [(name, raw) for name, raw in record.headers if not name.startswith(dead_letter.PREFIX)]
    # Never left out: without its count of redrives a letter could be redriven without end.
    handed_on = [(name, raw) for name, raw in record.headers if name in dead_letter.OF_THE_EVENT]
    kept = () if cut is Cut.VALUE_AND_HEADERS else own
    return record.value if cut is Cut.NOTHING else None, (*kept, *handed_on, *_added(outcome, record, cut, reference))


def _added(outcome: Outcome, record: Record, cut: Cut, reference: str | None) -> Sequence[Header]:
    failed_at = datetime.fromtimestamp(outcome.finished_at, UTC).isoformat(timespec="milliseconds")
    texts = {
        dead_letter.OUTCOME_ID: outcome.id,
        dead_letter.KIND: outcome.kind.value,
        dead_letter.REASON: outcome.reason.value,
        dead_letter.RULE: outcome.rule or "",
        dead_letter.DETAIL: outcome.detail,
        dead_letter.ATTEMPTS: str(outcome.attempts),
        dead_letter.FAILED_AT: failed_at,
        dead_letter.SOURCE_TOPIC: record.topic,
        dead_letter.SOURCE_PARTITION: str(record.partition),
        dead_letter.SOURCE_OFFSET: str(record.offset),
        dead_letter.SOURCE_TIME: str(record.timestamp_ms),
    }
    group, cluster_id, topic_id = outcome.origin
    paused = [one.name for one in outcome.because if one.what == PAUSE]
    ids = {
        dead_letter.REFERENCE: reference,
        dead_letter.ITEM: None if outcome.item is None else str(outcome.item),
        dead_letter.PAUSE: paused[0] if paused else None,
        dead_letter.GROUP: group,
        dead_letter.CLUSTER_ID: cluster_id,
        dead_letter.TOPIC_ID: topic_id,
    }
    texts |= {name: text for name, text in ids.items() if text is not None}
    if cut is not Cut.NOTHING:
        texts[dead_letter.LEFT_OUT] = cut.value
    return [(name, text.encode("utf-8", "replace")) for name, text in texts.items()]
