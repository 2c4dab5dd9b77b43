"""What cannot stand together, and why; each function raises `ValueError` in words for who wrote the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipeline.settings.group_times import INSTANCE

if TYPE_CHECKING:
    from pydantic import BaseModel


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


def topics_apart(read: Iterable[str], written: Mapping[str, str]) -> None:
    """What the service writes, by key of the configuration, must not come back to it as events: without end."""
    known = dict.fromkeys(read, "kafka.topics")
    for key, topic in written.items():
        if topic in known:
            raise ValueError(f"`{known[topic]}`: {topic} is `{key}` as well; each needs a topic of its own")
        known[topic] = key


def fit_for_workers(workers: int, per_day: int | None, properties: Mapping[str, object]) -> None:
    """Several processes share a quota, and have a name each."""
    if per_day is not None and per_day < workers:
        raise ValueError("`delivery.rate.per_day` is less than one notice for each of `workers`")
    if workers > 1 and INSTANCE in properties:
        raise ValueError(
            f"`kafka.properties.{INSTANCE}` is one name for all of `workers`: they would drive each other out of "
            "the group without end; leave it out"
        )
