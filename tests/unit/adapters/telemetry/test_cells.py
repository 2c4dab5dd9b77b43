"""Counters and histograms of our own show on the page what the library's would have shown."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

from pipeline.adapters.telemetry.cells import Counts, Distributions
from pipeline.metrics import Kind, Label, Metric

BUCKETS = (0.001, 0.5, 1.0, 10.0)
AMOUNTS = (0.0, -1.0, 0.001, 0.0010001, 0.5, 0.75, 10.0, 10.000001, 1e9)


@pytest.mark.parametrize("labels", [(), ("rule",), ("rule", "reason")])
def test_a_histogram_reads_as_the_library_s(labels: tuple[str, ...]) -> None:
    """Bounds belong to their bucket, each bucket holds the narrower ones, names and numbers look the same."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # not annotated
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    metric = Metric("seconds", Kind.HISTOGRAM, "Time.", tuple(Label(name) for name in labels), BUCKETS)
    own = Distributions(metric)
    ours.register(own)
    library = Histogram(metric.full_name, metric.help, labels, buckets=BUCKETS, registry=theirs)
    assert generate_latest(ours) == generate_latest(theirs)
    series = tuple(f'a "quoted" {name}\n' for name in labels)
    for amount in AMOUNTS:
        own.labels(*series).observe(amount)
        (library.labels(*series) if labels else library).observe(amount)
        assert generate_latest(ours) == generate_latest(theirs)


@pytest.mark.parametrize("labels", [(), ("rule",)])
def test_a_counter_reads_as_the_library_s(labels: tuple[str, ...]) -> None:
    """Without labels it is at zero from the start, with labels there is no series before its first use."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # not annotated
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    metric = Metric("things_total", Kind.COUNTER, "Things.", tuple(Label(name) for name in labels))
    own = Counts(metric)
    ours.register(own)
    library = Counter(metric.full_name, metric.help, labels, registry=theirs)
    assert generate_latest(ours) == generate_latest(theirs)
    series = tuple("paid" for _ in labels)
    for by in (1, 20, 0):
        own.labels(*series).inc(by)
        (library.labels(*series) if labels else library).inc(by)
        assert generate_latest(ours) == generate_latest(theirs)


def test_a_name_is_taken_once() -> None:
    """Two metrics of one name would be reported as one."""
    registry = CollectorRegistry()
    metric = Metric("things_total", Kind.COUNTER, "Things.")
    registry.register(Counts(metric))
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(Counts(metric))


def test_a_series_has_a_value_for_each_label() -> None:
    """One too few would be shown under another's name."""
    with pytest.raises(ValueError, match="1 labels"):
        Counts(Metric("things_total", Kind.COUNTER, "Things.", (Label("rule"),))).labels()
