"""The alerts and recording rules, run by Prometheus's own tool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROMETHEUS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"


def _promtool(*arguments: str) -> str:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (make tools gets it on Debian)")
    done = subprocess.run([promtool, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_the_rules() -> None:
    """promtool finds every rule well-formed."""
    rules = sum((PROMETHEUS / name).read_text().count(" expr:") for name in ("alerts.yaml", "recording.yaml"))
    checked = _promtool("check", "rules", "alerts.yaml", "recording.yaml")
    found = [int(line.split()[1]) for line in checked.splitlines() if "rules found" in line]
    assert sum(found) == rules > 0


def test_every_alert_fires_and_does_not_fire_as_its_cases_say() -> None:
    """promtool runs the cases on made-up series."""
    assert "SUCCESS" in _promtool("test", "rules", "alerts_test.yaml")


def test_alerts_fire_and_do_not_fire_as_cases_of_hours_and_days_say() -> None:
    """promtool runs these in longer steps."""
    assert "SUCCESS" in _promtool("test", "rules", "alerts_long_test.yaml")
