"""Settings of Kafka's client that make a group thrash are told before it does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipeline.cli import app
from pipeline.errors import ConfigurationError
from pipeline.settings import load_settings
from pipeline.settings.group_times import DEFAULTS, HEARTBEAT, OURS, POLL, SESSION, STATISTICS, Properties, cautions

from .test_load import SMALL

HEAD = "kafka:\n  properties: "


def written(tmp_path: Path, properties: str, more: str = "") -> Path:
    file = tmp_path / "pipeline.yaml"
    file.write_text(SMALL.replace("kafka:\n", f"{HEAD}{properties}\n") + more, encoding="utf-8")
    return file


def found(properties: Properties, drain_seconds: float = 20) -> list[str]:
    return [caution.key.removeprefix("kafka.properties.") for caution in cautions(properties, drain_seconds)]


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (f"{{{SESSION}: 3000}}", f"{SESSION} (3000) is not above {HEARTBEAT} (3000)"),
        (f"{{{HEARTBEAT}: '60000'}}", f"{SESSION} (45000) is not above {HEARTBEAT} (60000)"),
        (f"{{{SESSION}: 6000, {HEARTBEAT}: 7000}}", "between two heartbeats"),
    ],
)
def test_a_session_without_a_heartbeat_in_it_is_refused(tmp_path: Path, properties: str, message: str) -> None:
    """With its place: no member could ever stay."""
    with pytest.raises(ConfigurationError) as refused:
        load_settings(written(tmp_path, properties), {})
    assert "pipeline.yaml:2:3: `kafka.properties`: " in refused.value.message
    assert message in refused.value.message


def test_one_instance_id_for_several_workers_is_refused(tmp_path: Path) -> None:
    """One worker may have it: static membership of a single member works."""
    file = written(tmp_path, "{group.instance.id: one}")
    assert load_settings(file, {}).kafka.properties
    with pytest.raises(ConfigurationError, match="drive each other out"):
        load_settings(file, {"NOTICE_PIPELINE_WORKERS": "2"})


@pytest.mark.parametrize(
    ("properties", "keys"),
    [
        ({}, []),
        (dict(DEFAULTS), []),
        ({SESSION: 9_000}, []),
        ({SESSION: 8_999}, [SESSION]),
        ({SESSION: "6000", HEARTBEAT: "2000"}, []),
        ({SESSION: 5_999, HEARTBEAT: 1_000}, [SESSION]),
        ({HEARTBEAT: 15_001}, [SESSION]),
        ({POLL: 60_000}, []),
        ({POLL: 59_999}, [POLL]),
        ({STATISTICS: 0}, [STATISTICS]),
        ({STATISTICS: 1_000}, []),
        ({SESSION: "soon", POLL: True}, []),
        *(({name: "x"}, [name]) for name in OURS),
    ],
)
def test_what_works_until_something_is_slow_is_a_warning(properties: Properties, keys: list[str]) -> None:
    """Just inside and just outside each bound; what is no number is left to Kafka's client."""
    assert found(properties) == keys


def test_a_long_drain_wants_a_longer_poll_interval() -> None:
    """The thread that drains does not poll meanwhile."""
    assert found({POLL: 100_000}, drain_seconds=50) == []
    assert found({POLL: 100_000}, drain_seconds=51) == [POLL]


def test_config_check_tells_warnings_and_finds_it_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with what to do; exit code 0."""
    file = written(tmp_path, f"{{{POLL}: 6000}}")
    for name in [name for name in os.environ if name.startswith("NOTICE_PIPELINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["notice-pipeline", "config", "check", "-c", str(file)])
    with pytest.raises(SystemExit) as ended:
        app.main()
    out, err = capsys.readouterr()
    assert not ended.value.code
    assert "fine" in out
    assert f"warning kafka.properties.{POLL}: a member that drains" in err
    assert "the default is 300000" in err
