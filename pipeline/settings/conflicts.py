"""Checks of settings that depend on each other. Each function raises `ValueError` with a message for the user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipeline.settings.kafka_cautions import INSTANCE

if TYPE_CHECKING:
    from pydantic import BaseModel


def at_most_one(section: BaseModel, *names: str) -> str | None:
    """Check that at most one of the settings `names` is given; return its name."""
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} are given: give one of them")
    return given[0] if given else None


def needs(section: BaseModel, name: str, other: str) -> None:
    """Check that the setting `other` is given where `name` is."""
    if getattr(section, name) is not None and getattr(section, other) is None:
        raise ValueError(f"{name} is given without {other}")


def in_one_of(one: Mapping[str, object], other: Mapping[str, object], names: str) -> None:
    """Check that no key is in both mappings; `names` describes them."""
    both = sorted(one.keys() & other.keys())
    if both:
        raise ValueError(f"{both[0]} is in {names}: give it once")


def each_once(names: Iterable[str], what: str) -> None:
    """Check that no name occurs twice; `what` describes a name."""
    known: set[str] = set()
    for name in names:
        if name in known:
            raise ValueError(f"{what} {name} is given twice")
        known.add(name)


def topics_apart(read: Iterable[str], written: Mapping[str, str]) -> None:
    """Check that the service does not read a topic that it writes; `written` has topics by key of the configuration."""
    known = dict.fromkeys(read, "kafka.topics")
    for key, topic in written.items():
        if topic in known:
            raise ValueError(f"`{known[topic]}`: {topic} is also `{key}`; each needs its own topic")
        known[topic] = key


def fit_for_workers(workers: int, per_day: Mapping[str, int | None], properties: Mapping[str, object]) -> None:
    """Check that several workers can share each daily quota, and do not share one group instance id.

    `per_day` has the quotas by the key of the section that holds their `rate`.
    """
    for key, quota in per_day.items():
        if quota is not None and quota < workers:
            raise ValueError(f"`{key}.rate.per_day` is less than one notice for each of `workers`")
    if workers > 1 and INSTANCE in properties:
        raise ValueError(
            f"`kafka.properties.{INSTANCE}` is one name for all of `workers`, who would end each other's membership; "
            "leave it out"
        )
