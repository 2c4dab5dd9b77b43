"""Write the text for Prometheus in slices, between which the loop can work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

_HEADER_LINES = 2
"""HELP and TYPE, which a family has once."""


def slices(registry: Collector) -> Iterator[bytes]:
    """Return the exposition of a registry in order, one slice for each family or part of one.

    Parts of one family follow each other. Each is collected only when it is asked for.
    """
    before = None
    for family in registry.collect():
        text = generate_latest(_One(family))
        yield text if family.name != before else text.split(b"\n", _HEADER_LINES)[_HEADER_LINES]
        before = family.name


class _One(Collector):
    """A registry of one family."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Family]:
        """The family."""
        return (self._family,)
