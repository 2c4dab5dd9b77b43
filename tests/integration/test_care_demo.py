"""`demo --care`: a day of recipients, and what was suppressed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import datetime

from pipeline.cli.service.care_demo import ABROAD, DAY, OPTED_OUT, PREFERENCES, ZONE, plan

MIDNIGHT = datetime(2026, 12, 1, tzinfo=ZONE)


def test_a_day_is_played_and_the_report_says_what_was_suppressed_and_why() -> None:
    """Each condition with a case; every message has its outcome."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "demo", "--care", "--seconds", "10", "--events", "600"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "300"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = dict(re.findall(r"^(cap|once|opt-out|quiet hours) +\S+ +(\d+) ", done.stdout, re.MULTILINE))
    assert set(rows) == {"cap", "once", "opt-out", "quiet hours"}, done.stdout
    assert "cap `marketing-a-day` is reached: 2 of 2 on " in done.stdout
    assert "`parcel-shipped` has sent one with the same key of `once`; possible again " in done.stdout
    assert "the recipient opted out of `promotions`" in done.stdout
    assert " in quiet hours `night`; possible again " in done.stdout
    expected = sum(one.notices for one in plan(600, 1, MIDNIGHT))
    assert f"{expected:,} outcomes acknowledged".replace(",", "") in done.stdout.replace(",", "")


def test_the_same_seed_plans_the_same_day() -> None:
    """In the order of time: events and preferences, parcels twice, some amounts with a second message."""
    records = plan(1_000, 3, MIDNIGHT)
    assert records == plan(1_000, 3, MIDNIGHT)
    assert [one.second for one in records] == sorted(one.second for one in records)
    assert all(0 <= one.second < DAY for one in records)
    preferences = [json.loads(one.value) for one in records if one.topic == PREFERENCES]
    assert len(records) == 1_000 + len(preferences)
    assert Counter(str(one["opted_out"]) for one in preferences) == {
        "['promotions']": OPTED_OUT,
        "[]": OPTED_OUT // 2 + ABROAD,
    }
    assert {one.notices for one in records} == {0, 1, 2}
