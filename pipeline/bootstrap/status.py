"""Connect what decides whether the service is well to the service and its counters."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline import metrics
from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.runtime.credentials import Credentials
from pipeline.runtime.reload import Reload
from pipeline.runtime.service import Service
from pipeline.runtime.status_watch import COMMIT_ERRORS, Counters, StatusWatch
from pipeline.settings import Settings
from pipeline.web.tally import Tally


def make_status_watch(
    settings: Settings, service: Service, reload: Reload, credentials: Credentials, counters: Counters
) -> StatusWatch:
    """Create the watch of one service."""
    minutes = settings.rule_options.none_matched_minutes
    return StatusWatch(
        service,
        reload,
        credentials,
        counters,
        none_matched_seconds=minutes * 60 if minutes else None,
        shadow=settings.shadow,
    )


def status_counters(telemetry: PrometheusTelemetry, tally: Tally) -> Counters:
    """The counters that show what is wrong."""

    def faults() -> Mapping[str, int]:
        return {
            "events_gone_unread": telemetry.total(metrics.EVENTS_GONE_UNREAD),
            "topics_recreated": telemetry.total(metrics.TOPICS_RECREATED),
            "ledger_pointers_unusable": telemetry.total(metrics.LEDGER_POINTERS_UNUSABLE),
            COMMIT_ERRORS: telemetry.counts(metrics.COMMITS)["error"],
            "log_lines_dropped": telemetry.total(metrics.LOG_LINES_DROPPED),
        }

    return Counters(
        consumed=lambda: telemetry.total(metrics.EVENTS_CONSUMED),
        matched=lambda: telemetry.total(metrics.RULE_MATCHES),
        failing=tally.failing,
        faults=faults,
        commits=lambda: telemetry.counts(metrics.COMMITS)["ok"],
    )
