"""What `/metrics` answers, against the catalogue that declares it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from pipeline import metrics
from pipeline.adapters.prometheus import READ_AT_SCRAPE, PrometheusTelemetry


def test_the_page_holds_the_catalogue_and_nothing_else() -> None:
    """Each metric under its declared name and kind; no series beside them that the library makes by itself."""
    page, _ = PrometheusTelemetry("1.0", ["orders"]).exposition()
    families = {family.name: family for family in text_string_to_metric_families(page.decode())}
    declared = {metric.full_name.removesuffix("_total"): metric for metric in metrics.CATALOGUE}
    always = {name for name, metric in declared.items() if metric not in READ_AT_SCRAPE | metrics.OF_SUPERVISOR}
    assert always <= set(families) <= set(declared)
    assert {name: families[name].type for name in always} == {name: declared[name].kind.value for name in always}
    assert b"_created" not in page
