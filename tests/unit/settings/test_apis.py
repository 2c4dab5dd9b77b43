"""Further APIs: the same keys as `notices`, under a name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.bootstrap.apis import apis_of
from pipeline.bootstrap.workers import settings_of
from pipeline.errors import ConfigurationError
from pipeline.settings import load_settings
from pipeline.settings.files import unusable_paths
from pipeline.settings.show import as_markdown, json_schema, masked

BASE = """\
kafka: {bootstrap_servers: localhost:9092, group_id: shop, topics: [orders]}
notices: {url: http://localhost:8090/message/v2/notices, token: canary-1}
"""
SMS = """\
apis:
  sms:
    url: http://localhost:8091/message/v2/notices
    token: canary-2
    max_in_flight: 16
    verdicts: {codes: {99: retry}}
    rate: {per_second: 20, per_day: 1000}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_api_has_the_keys_of_notices_and_a_rate(tmp_path: Path) -> None:
    """With the same defaults; the one of `notices` is the first."""
    settings = load_settings(written(tmp_path, BASE + SMS), {})
    assert list(apis_of(settings)) == ["notices", "sms"]
    sms = settings.apis["sms"]
    assert (sms.max_in_flight, sms.timeout_seconds, sms.rate.per_second) == (16, 5, 20)
    assert settings.delivery.rate.per_second is None


def test_without_further_apis_there_is_one(tmp_path: Path) -> None:
    """That of `notices`."""
    assert list(apis_of(load_settings(written(tmp_path, BASE), {}))) == ["notices"]


def test_the_environment_reaches_an_api(tmp_path: Path) -> None:
    """By its name between double underscores."""
    environ = {"NOTICE_PIPELINE_APIS__SMS__MAX_IN_FLIGHT": "8"}
    assert load_settings(written(tmp_path, BASE + SMS), environ).apis["sms"].max_in_flight == 8


def test_secrets_of_an_api_are_masked(tmp_path: Path) -> None:
    """As those of `notices`."""
    assert "canary" not in json.dumps(masked(load_settings(written(tmp_path, BASE + SMS), {})))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "apis: {notices: {url: http://a/, token: x}}\n",
            "3:8: `apis.notices`: is the name of the API under `notices`",
        ),
        ("apis: {Big: {url: http://a/, token: x}}\n", "3:8: `apis.Big`: is not a valid name of an API"),
        ("apis:\n  sms: {url: http://a/}\n", "4:3: `apis.sms`: no token: give one of token, token_file and oauth"),
        ("apis:\n  sms:\n    url: http://a/\n    tokn: x\n", "6:5: unknown key `apis.sms.tokn`"),
        (
            SMS.replace("per_day: 1000", "per_day: 2") + "workers: 3\n",
            "`apis.sms.rate.per_day` is less than one notice for each of `workers`",
        ),
    ],
)
def test_a_fault_has_its_location(tmp_path: Path, text: str, message: str) -> None:
    """Line, column and key."""
    with pytest.raises(ConfigurationError) as refused:
        load_settings(written(tmp_path, BASE + text), {})
    assert message in str(refused.value)


def test_files_of_an_api_are_checked(tmp_path: Path) -> None:
    """`config check` names the key of a file that does not exist."""
    text = BASE + "apis: {sms: {url: http://a/, token_file: gone}}\n"
    keys = [key for key, _ in unusable_paths(load_settings(written(tmp_path, text), {}))]
    assert "apis.sms.token_file" in keys


def test_workers_share_the_rate_of_each_api(tmp_path: Path) -> None:
    """As they share `delivery.rate`."""
    settings = load_settings(written(tmp_path, BASE + SMS + "workers: 4\n"), {})
    rates = [settings_of(settings, number).apis["sms"].rate for number in range(1, 5)]
    assert [rate.per_second for rate in rates] == [5.0] * 4
    assert sum(rate.per_day or 0 for rate in rates) == 1000


def test_the_reference_and_the_schema_have_them() -> None:
    """The reference shows what an API has besides the keys of `notices`, the schema all of it."""
    page = as_markdown()
    assert "## apis.NAME\n" in page
    assert "`apis.NAME.rate.per_second`" in page
    assert "`apis.NAME.token`" not in page
    schema = json.loads(json_schema())
    assert {"url", "token", "rate"} <= schema["$defs"]["ApiSettings"]["properties"].keys()
