"""What each worker of several runs by."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.bootstrap.workers import settings_of
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings, load_settings


def read(folder: Path, workers: int, rate: str) -> Settings:
    file = folder / "pipeline.yaml"
    file.write_text(
        f"""
kafka: {{bootstrap_servers: "kafka:9092", group_id: shop, topics: [a]}}
notices: {{url: "https://api.example.com/", token: secret-token}}
workers: {workers}
delivery: {{rate: {rate}}}
""",
        encoding="utf-8",
    )
    return load_settings(file, {})


@pytest.mark.parametrize("quota", [3, 7, 10_000, 10_001, 10_002])
def test_workers_share_the_platforms_limits(tmp_path: Path, quota: int) -> None:
    """Together they send no more than one process would, and no less."""
    settings = read(tmp_path, 3, f"{{per_second: 30, per_day: {quota}}}")
    rates = [settings_of(settings, number).delivery.rate for number in (1, 2, 3)]
    assert sum(rate.per_day or 0 for rate in rates) == quota
    assert min(rate.per_day or 0 for rate in rates) >= 1
    assert [rate.per_second for rate in rates] == [10, 10, 10]


def test_a_worker_is_one_process(tmp_path: Path) -> None:
    """It starts no workers of its own, and keeps everything else, limits that are not set among it."""
    settings = read(tmp_path, 4, "{}")
    own = settings_of(settings, 2)
    assert own.workers == 1
    assert own == settings.model_copy(update={"workers": 1})


def test_a_quota_below_the_number_of_workers_is_refused(tmp_path: Path) -> None:
    """A worker without any notice would hold its partitions forever."""
    with pytest.raises(ConfigurationError, match="per_day"):
        read(tmp_path, 3, "{per_day: 2}")
