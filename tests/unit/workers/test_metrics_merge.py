"""The pages of several workers as one."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pipeline import metrics
from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.model.notice import DEFAULT_API
from pipeline.model.verdict import Verdict
from pipeline.workers.metrics_merge import SummedExpositions

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def a_worker(topic: str = "a") -> PrometheusTelemetry:
    telemetry = PrometheusTelemetry("1", [topic])
    telemetry.read_at_scrape(
        lambda: [(metrics.IN_FLIGHT, {}, 7), (metrics.CONSUMER_LAG, {"topic": topic, "partition": "3"}, 12)]
    )
    return telemetry


def test_counters_and_histograms_are_added_up() -> None:
    """Each series is the sum of the workers' own."""
    workers = {number: a_worker() for number in (1, 2)}
    for number, telemetry in workers.items():
        telemetry.consumed("a", number)
        telemetry.attempted(DEFAULT_API, Verdict.ACCEPTED, 0.02 * number)
    summed = SummedExpositions(lambda: ())
    for number, telemetry in workers.items():
        summed.take(number, b"".join(telemetry.exposition()[0]))
    found = samples(summed.merged()[0])
    accepted = ("verdict", "accepted")
    assert found["notice_pipeline_events_consumed_total", (("topic", "a"),)] == 3
    assert found["notice_pipeline_attempt_duration_seconds_count", (accepted,)] == 2
    assert abs(found["notice_pipeline_attempt_duration_seconds_sum", (accepted,)] - 0.06) < 1e-9
    assert found["notice_pipeline_attempt_duration_seconds_bucket", (("le", "0.025"), accepted)] == 1
    assert found["notice_pipeline_attempt_duration_seconds_bucket", (("le", "+Inf"), accepted)] == 2


def test_gauges_stand_there_for_each_worker() -> None:
    """With their own labels and the worker's number."""
    summed = SummedExpositions(lambda: ())
    for number in (1, 2):
        summed.take(number, b"".join(a_worker().exposition()[0]))
    found = samples(summed.merged()[0])
    assert found["notice_pipeline_in_flight", (("worker", "2"),)] == 7
    assert found["notice_pipeline_consumer_lag", (("partition", "3"), ("topic", "a"), ("worker", "1"))] == 12
    assert ("notice_pipeline_in_flight", ()) not in found


def test_label_values_of_any_text_survive() -> None:
    """Quotes, braces, spaces and lines in a label value are left as they are."""
    topic = 'a "b" {c} \\ d\n# e'
    summed = SummedExpositions(lambda: ())
    telemetry = a_worker(topic)
    telemetry.consumed(topic, 4)
    for number in (1, 2):
        summed.take(number, b"".join(telemetry.exposition()[0]))
    found = samples(summed.merged()[0])
    assert found["notice_pipeline_events_consumed_total", (("topic", topic),)] == 8
    assert found["notice_pipeline_consumer_lag", (("partition", "3"), ("topic", topic), ("worker", "2"))] == 12


def test_the_supervisor_adds_its_own() -> None:
    """Phases and restarts, declared like every metric."""
    summed = SummedExpositions(lambda: [(metrics.WORKERS, {"phase": "running"}, 2)])
    text = summed.merged()[0].decode()
    assert "# TYPE notice_pipeline_workers gauge\n" in text
    assert samples(text.encode())["notice_pipeline_workers", (("phase", "running"),)] == 2


def test_every_family_keeps_its_type_and_help() -> None:
    """The sum is an exposition like each of its parts."""
    telemetry = a_worker()
    summed = SummedExpositions(lambda: ())
    summed.take(1, b"".join(telemetry.exposition()[0]))
    merged = {family.name: family for family in text_string_to_metric_families(summed.merged()[0].decode())}
    for family in text_string_to_metric_families(b"".join(telemetry.exposition()[0]).decode()):
        assert merged[family.name].type == family.type
        assert merged[family.name].documentation == family.documentation


STEP = st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from(["count", "scrape", "die"]))


@given(st.lists(STEP, max_size=40))
def test_a_sum_never_falls_whatever_ends_and_starts(steps: list[tuple[int, str]]) -> None:
    """What a worker had counted stays when its process ends: Prometheus would take a fall for a restart of all."""
    summed = SummedExpositions(lambda: ())
    page = '# HELP n_total N.\n# TYPE n_total counter\nn_total{{a="b"}} {}\n'
    counts = {1: 0, 2: 0, 3: 0}
    reported = {1: 0, 2: 0, 3: 0}
    kept = 0
    before = 0.0
    for worker, step in steps:
        if step == "count":
            counts[worker] += 1
        elif step == "scrape":
            reported[worker] = counts[worker]
            summed.take(worker, page.format(float(counts[worker])).encode())
        else:
            kept += reported[worker]
            reported[worker] = counts[worker] = 0
            summed.retire(worker)
        now = samples(summed.merged()[0]).get(("n_total", (("a", "b"),)), 0.0)
        assert now == kept + sum(reported.values())
        assert now >= before
        before = now
