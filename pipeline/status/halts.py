"""What each halt of sending means, and what follows."""

from __future__ import annotations

from pipeline.model.halt import Halt
from pipeline.status.condition import Severity, StatusMessage

HALTS = {
    Halt.UNAUTHORISED: StatusMessage(
        Severity.HALTED,
        "Sending is stopped because the API refuses our token",
        "Events wait in Kafka and nothing is lost. A probe with a new token is sent regularly; sending continues "
        "once the API accepts one.",
        "NoticeSendingUnauthorised",
    ),
    Halt.BREAKER_OPEN: StatusMessage(
        Severity.HALTED,
        "Sending is stopped because the API as a whole fails",
        "Events wait in Kafka and nothing is lost. A probe is sent regularly; sending continues once the API answers.",
        "NoticeBreakerOpen",
    ),
    Halt.QUOTA: StatusMessage(
        Severity.HALTED,
        "Sending is stopped because the day's quota is spent",
        "Events wait in Kafka and nothing is lost. A probe is sent regularly; sending continues once one is accepted, "
        "or when the next day of `delivery.rate.per_day` begins.",
        "NoticeQuotaSpent",
    ),
    Halt.TOKEN_UNAVAILABLE: StatusMessage(
        Severity.HALTED,
        "Sending is stopped because the token source gives no token",
        "Events wait in Kafka and nothing is lost. The source is queried again every few seconds; the log's event "
        "`token_unavailable` has the error.",
        "NoticeTokenRefreshFailing",
    ),
    Halt.PAUSED: StatusMessage(
        Severity.HALTED,
        "Sending is paused by an operator",
        "Events wait in Kafka and nothing is lost; `expires_after` runs on. `notice-pipeline pause --list` shows who "
        "paused it and why, `notice-pipeline resume --all` lifts it.",
        "NoticePausedForLong",
    ),
    Halt.UNKNOWN_CODE: StatusMessage(
        Severity.HALTED,
        "Sending is stopped because the API answers every request with a code that the verdict table does not name",
        "Events wait in Kafka and nothing is lost. A probe is sent regularly; sending continues once one is accepted. "
        "The log's event `sending_halted` has the code.",
        "NoticeUnknownCode",
    ),
}
