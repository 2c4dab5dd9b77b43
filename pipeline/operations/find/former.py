"""Outcomes about an earlier topic of the same name: at their positions the present topic has other events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.operations.find.ended import Ended
from pipeline.operations.find.story import EventFacts
from pipeline.phrases import phrase


class ByTopic(NamedTuple):
    """Outcomes, by whether their events are on the present topics."""

    present: Sequence[Ended]
    former: Sequence[Ended]


def by_topic(outcomes: Sequence[Ended], topic_ids: Mapping[str, str | None]) -> ByTopic:
    """Split them by the ids of the present topics. Where an id is not known, the outcome counts as present."""
    present, former = list[Ended](), list[Ended]()
    for one in outcomes:
        now = topic_ids.get(one.source.topic)
        (present if None in (now, one.topic_id) or now == one.topic_id else former).append(one)
    return ByTopic(present, former)


def former_events(outcomes: Sequence[Ended]) -> list[tuple[EventFacts, list[Ended]]]:
    """Return what outcomes say of events that are gone with their topic, each with its outcomes."""
    events: dict[object, list[Ended]] = {}
    for one in outcomes:
        events.setdefault((one.event, one.topic_id), []).append(one)
    return [(_facts(ends[-1]), ends) for ends in events.values()]


def _facts(one: Ended) -> EventFacts:
    gone = phrase("the event is gone: its topic was deleted and created again since, or was another cluster's")
    return EventFacts(one.event, one.event_type, one.event_id, None, one.event_ms, gone, is_of_former_topic=True)
