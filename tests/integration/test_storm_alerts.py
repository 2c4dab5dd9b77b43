"""The alerts for storms on a real Prometheus with a week of made-up data, which a real endpoint continues."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest
import yaml

from pipeline.adapters.clock import SystemClock
from tests.broker.handle import Unavailable
from tests.observability.prometheus import Prometheus, Scraping, backfilled, prometheus

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
MINUTES = range(-7 * 1_440 - 240, 180)
"""Minutes from the start of the test: what a week ago is compared with, and as long as the slowest machine takes."""
DAY, WEEK = 1_440, 10_080
STARTS_LIVE = -10
"""From this minute on the recording rules have run in the server alone."""
WATCHED_SECONDS = 10
"""How long nothing else may fire, once everything that must has fired."""
Curve = Callable[[int], float | None]
"""What happens within a minute; None: the process is not there, or Prometheus is not."""


class Series(NamedTuple):
    """One counter or gauge."""

    metric: str
    labels: Mapping[str, str]
    curve: Curve

    def values(self) -> Mapping[int, float]:
        """The values at each minute; a counter begins with 0 whenever its process does."""
        values: dict[int, float] = {}
        for minute in MINUTES:
            one = self.curve(minute)
            if one is not None and self.metric.endswith("_total"):
                values[minute] = values[minute - 1] + one if minute - 1 in values else 0.0
            elif one is not None:
                values[minute] = one
        return values

    def __str__(self) -> str:
        """The series as Prometheus writes it."""
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return f"{self.metric}{{{labels}}}"


def matches(job: str, rule: str, curve: Curve, instance: str = "a") -> list[Series]:
    """A rule of an installation, and the events that it is made of."""
    labels = {"job": job, "instance": instance}
    return [
        Series("notice_pipeline_rule_matches_total", {**labels, "rule": rule}, curve),
        Series("notice_pipeline_events_consumed_total", {**labels, "topic": rule}, curve),
    ]


def recipients(job: str, curve: Curve) -> list[Series]:
    """How many messages one recipient got."""
    return [Series("notice_pipeline_recipient_notices", {"job": job, "instance": "a"}, curve)]


def since(start: int, later: float, before: float | None = None) -> Curve:
    """So many a minute from a minute on."""
    return lambda minute: later if minute >= start else before


def until(end: int, before: float) -> Curve:
    """So many a minute before a minute; nothing after it."""
    return lambda minute: before if minute < end else None


def every(period: int, first: int, last: int, then: float, otherwise: float) -> Curve:
    """So many a minute in a part of each period; minute 0 is at the same place in all of them."""
    return lambda minute: then if any(first <= minute + n * period <= last for n in range(9)) else otherwise


def begun(start: int, curve: Curve) -> Curve:
    """The same from a minute on; nothing before it."""
    return lambda minute: curve(minute) if minute >= start else None


def caught_up(minute: int) -> float | None:
    """A member that starts three minutes ago with what came within ten, and continues as the former one."""
    return None if minute < -3 else 660 if minute == -2 else 60


def unseen_yesterday(minute: int) -> float | None:
    """300 a minute by day and nothing by night, except that Prometheus was away at this time of yesterday."""
    return None if -DAY - 15 <= minute <= -DAY + 15 else every(DAY, -400, 200, 300, 0)(minute)


PAUSE = {"job": "paused", "instance": "a", "scope": "rule", "name": "order-paid", "by": "operator"}
INSTALLATIONS: Sequence[Sequence[Series]] = (
    matches("storm", "order-paid", since(-4, 600, 2)),
    matches("storm", "order-shipped", since(-4, 60, 60)),
    matches("paused", "order-paid", since(-4, 600, 2)),
    [Series("notice_pipeline_paused_seconds", PAUSE, since(-2, 60))],
    matches("new-rule", "order-paid", since(-WEEK, 600)),
    matches("new-rule", "order-refunded", since(-20, 300)),
    matches("new-rule-storm", "order-paid", since(-WEEK, 600)),
    matches("new-rule-storm", "order-refunded", since(-4, 3_000)),
    matches("new-installation", "order-paid", since(-25, 6_000)),
    matches("restarted", "order-paid", until(-13, 60)),
    matches("restarted", "order-paid", caught_up, "b"),
    matches("daily-batch", "coupon-expiring", begun(-3 * DAY - 60, every(DAY, -4, 60, 600, 0))),
    matches("weekly-batch", "campaign", every(WEEK, -4, 60, 600, 0)),
    matches("seen-with-a-hole", "order-paid", unseen_yesterday),
    recipients("storm", since(-4, 60, 3)),
    recipients("busy", since(-WEEK, 300)),
    recipients("quiet", since(-4, 20, 1)),
    recipients("new-installation", since(-25, 400)),
)
FIRE = {
    ("NoticeRuleStorm", "storm", "order-paid"),
    ("NoticeRuleStorm", "new-rule-storm", "order-refunded"),
    ("NoticeRecipientStorm", "storm", None),
}


class Endpoint:
    """What the series are now: a process that Prometheus scrapes."""

    def __init__(self, series: Mapping[str, Mapping[int, float]], began: float) -> None:
        self._series = series
        self._began = began

    def text(self) -> str:
        """All series at this time, between two minutes in proportion."""
        minute, part = divmod((SystemClock().now() - self._began) / 60, 1)
        lines: list[str] = []
        for name, values in self._series.items():
            one = values.get(int(minute))
            if one is not None:
                following = values.get(int(minute) + 1, one)
                lines.append(f"{name} {one + (following - one) * part}")
        return "\n".join(lines) + "\n"

    @contextmanager
    def served(self) -> Iterator[str]:
        """Its `host:port` while the context lasts."""
        text = self.text

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield f"127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()


def rule_files(folder: Path) -> tuple[Path, list[Path]]:
    """The recording rules as they are, twice what the storms are compared with, and the alerts without waiting."""
    recording = yaml.safe_load((DEPLOY / "recording.yaml").read_text())
    shared = next(group for group in recording["groups"] if group["name"] == "notice-pipeline-shared")
    names = ["rule_matches:rate5m", "rule_matches:rate1h", "events_consumed:rate5m", "recipient_notices:max"]
    wanted = [rule for rule in shared["rules"] if rule["record"].removeprefix("notice_pipeline:") in names]
    assert len(wanted) == len(names)
    past = folder / "past.yaml"
    past.write_text(yaml.safe_dump({"groups": [{"name": "past", "rules": wanted}]}))
    alerts = folder / "alerts.yaml"
    # Their minute would make the test longer and show what Prometheus's own tests show.
    alerts.write_text((DEPLOY / "alerts.yaml").read_text().replace("for: 1m", "for: 1s"))
    return past, [DEPLOY / "recording.yaml", alerts]


@contextmanager
def watched(folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that has seen the installations for a week, and continues to see them."""
    began = SystemClock().now()
    series = {str(one): one.values() for installation in INSTALLATIONS for one in installation}
    samples = {
        name: [(began + 60 * minute, value) for minute, value in values.items() if minute <= 0]
        for name, values in series.items()
    }
    past, rules = rule_files(folder)
    with Endpoint(series, began).served() as target:
        backfilled(folder, samples, past, range(int(began) + 60 * MINUTES.start, int(began) + 60 * STARTS_LIVE))
        with prometheus(folder, Scraping([target], rules, honor_labels=True)) as server:
            yield server


def firing(server: Prometheus) -> set[tuple[str, str, str | None]]:
    """The storms that page someone now."""
    query = 'ALERTS{alertname=~"NoticeRuleStorm|NoticeRecipientStorm",alertstate="firing"}'
    labels = [one["metric"] for one in server.ask(query)]
    return {(one["alertname"], one["job"], one.get("rule")) for one in labels}


def test_storms_fire_and_what_looks_like_them_does_not(tmp_path: Path) -> None:
    """A rule and a recipient of a storm; not new rules and installations, a restart, batches, a hole in the data."""
    try:
        with watched(tmp_path) as server:
            deadline = time.monotonic() + 120
            while (found := firing(server)) != FIRE:
                assert found < FIRE, found
                assert time.monotonic() < deadline, found
                time.sleep(0.5)
            ends = time.monotonic() + WATCHED_SECONDS
            while time.monotonic() < ends:
                assert firing(server) == FIRE
                time.sleep(0.5)
            recorded = server.ask("notice_pipeline:rule_matches:rate5m * 300 >= 100")
            busy = {one["metric"]["job"] for one in recorded}
            assert busy >= {"paused", "new-rule", "new-installation", "restarted", "daily-batch", "weekly-batch"}
            assert "seen-with-a-hole" in busy
    except Unavailable as missing:
        pytest.skip(str(missing))
