"""The vocabulary of the dashboards: panels, rows, and the usual forms of a query."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Look(StrEnum):
    """Grafana's panel types, as far as used."""

    STAT = "stat"
    LINES = "timeseries"
    HEATMAP = "heatmap"


class Query(NamedTuple):
    """One PromQL expression and how its series are named."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One panel. `steps`: thresholds as (from, colour), the first from minus infinity; `message`: texts for values."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = "short"
    look: Look = Look.LINES
    width: int = 8
    height: int = 8
    steps: tuple[tuple[float, str], ...] = ()
    message: tuple[tuple[int, str], ...] = ()


class Row(NamedTuple):
    """A titled row of panels."""

    title: str
    panels: tuple[Panel, ...]


class Dashboard(NamedTuple):
    """One dashboard; `variables` are (name, query) in the order shown."""

    name: str
    title: str
    description: str
    variables: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]


HERE = 'namespace=~"$namespace",release=~"$release",job=~"$job"'
"""Selects the installations chosen above the dashboard."""
ACCEPTED = 'outcome="accepted"'
WELL, CARE, BAD = "green", "orange", "red"

NAMESPACE = ("namespace", "label_values(notice_pipeline_build_info, namespace)")
RELEASE = ("release", 'label_values(notice_pipeline_build_info{namespace=~"$namespace"}, release)')
JOB = ("job", 'label_values(notice_pipeline_build_info{namespace=~"$namespace",release=~"$release"}, job)')
RULE = ("rule", f"label_values(notice_pipeline_rule_matches_total{{{HERE}}}, rule)")


def series(name: str, *matchers: str) -> str:
    """A metric of the catalogue, by its name without prefix, in the installations chosen."""
    return f"notice_pipeline_{name}{{{','.join((HERE, *matchers))}}}"


def rate_of(name: str, *matchers: str) -> str:
    """Its rate per second."""
    return f"rate({series(name, *matchers)}[$__rate_interval])"


def recorded(name: str) -> str:
    """A recording rule's series."""
    return f"notice_pipeline:{name}{{{HERE}}}"


def rates(name: str, by: str, *matchers: str) -> Query:
    """Rates per second, one line for each value of the label `by`."""
    return Query(f"sum by ({by}) ({rate_of(name, *matchers)})", f"{{{{{by}}}}}")


def quantiles(name: str, *matchers: str) -> tuple[Query, ...]:
    """Median, 95th and 99th percentile of a histogram."""
    rate = rate_of(f"{name}_bucket", *matchers)
    return tuple(
        Query(f"histogram_quantile({quantile}, sum by (le) ({rate}))", f"p{quantile * 100:g}")
        for quantile in (0.5, 0.95, 0.99)
    )


def stat(
    title: str,
    description: str,
    query: Query,
    unit: str,
    *steps: tuple[float, str],
    message: tuple[tuple[int, str], ...] = (),
) -> Panel:
    """One number."""
    return Panel(title, description, (query,), unit, Look.STAT, 4, 4, steps, message)
