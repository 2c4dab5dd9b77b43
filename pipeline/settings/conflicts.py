"""What cannot stand together, and why; each function raises `ValueError` in words for who wrote the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipeline.settings.group_times import INSTANCE

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.settings.model import Settings


def at_most_one(section: BaseModel, *names: str) -> str | None:
    """Which of these ways to give a value was taken, if any."""
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} are given: one is enough")
    return given[0] if given else None


def in_one_of(one: Mapping[str, object], other: Mapping[str, object], names: str) -> None:
    """No key stands in both mappings, which `names` names."""
    both = sorted(one.keys() & other.keys())
    if both:
        raise ValueError(f"{both[0]} stands in {names}: one is enough")


def each_once(names: Iterable[str], what: str) -> None:
    """No name stands there twice."""
    known: set[str] = set()
    for name in names:
        if name in known:
            raise ValueError(f"{what} {name} is given twice")
        known.add(name)


def topics_apart(settings: Settings) -> None:
    """What the service writes must not come back to it as events: that would never end."""
    written = {
        "outcomes.topic": settings.outcomes.topic,
        "dead_letters.topic": settings.dead_letters.topic,
        "dead_letters.redriven_topic": settings.dead_letters.redriven_topic,
    }
    known = dict.fromkeys(settings.kafka.topics, "kafka.topics")
    for key, topic in written.items():
        if topic in known:
            raise ValueError(f"`{known[topic]}`: {topic} is `{key}` as well; each needs a topic of its own")
        known[topic] = key


def fit_for_workers(settings: Settings) -> None:
    """Several processes share a quota, and have a name each."""
    quota = settings.delivery.rate.per_day
    if quota is not None and quota < settings.workers:
        raise ValueError("`delivery.rate.per_day` is less than one notice for each of `workers`")
    if settings.workers > 1 and INSTANCE in settings.kafka.properties:
        raise ValueError(
            f"`kafka.properties.{INSTANCE}` is one name for all of `workers`: they would drive each other out of "
            "the group without end; leave it out"
        )
