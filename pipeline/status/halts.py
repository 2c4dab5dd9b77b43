"""What each halt of sending means, and what follows."""

from __future__ import annotations

from pipeline.model.halt import Halt
from pipeline.phrases import phrase
from pipeline.status.condition import Severity, StatusMessage

WORDS = {
    Halt.UNAUTHORISED: phrase("token refused"),
    Halt.BREAKER_OPEN: phrase("breaker open"),
    Halt.QUOTA: phrase("quota spent"),
    Halt.TOKEN_UNAVAILABLE: phrase("no token"),
    Halt.PAUSED: phrase("paused"),
    Halt.UNKNOWN_CODE: phrase("unknown code"),
}
"""Each halt in a table."""
HALTS = {
    Halt.UNAUTHORISED: StatusMessage(
        Severity.HALTED,
        phrase("stopped because the API refuses our token"),
        phrase(
            "Events wait in Kafka and nothing is lost. A probe with a new token is sent regularly; sending continues "
            "once the API accepts one."
        ),
        "NoticeSendingUnauthorised",
    ),
    Halt.BREAKER_OPEN: StatusMessage(
        Severity.HALTED,
        phrase("stopped because the API as a whole fails"),
        phrase(
            "Events wait in Kafka and nothing is lost. A probe is sent regularly; sending continues once "
            "the API answers."
        ),
        "NoticeBreakerOpen",
    ),
    Halt.QUOTA: StatusMessage(
        Severity.HALTED,
        phrase("stopped because the day's quota is spent"),
        phrase(
            "Events wait in Kafka and nothing is lost. A probe is sent regularly; sending continues once one is "
            "accepted, or when the next day of `delivery.rate.per_day` begins."
        ),
        "NoticeQuotaSpent",
    ),
    Halt.TOKEN_UNAVAILABLE: StatusMessage(
        Severity.HALTED,
        phrase("stopped because the token source gives no token"),
        phrase(
            "Events wait in Kafka and nothing is lost. The source is queried again every few seconds; the log's event "
            "`token_unavailable` has the error."
        ),
        "NoticeTokenRefreshFailing",
    ),
    Halt.PAUSED: StatusMessage(
        Severity.HALTED,
        phrase("paused by an operator"),
        phrase(
            "Events wait in Kafka and nothing is lost; `expires_after` runs on. `notice-pipeline pause --list` shows "
            "who paused it and why, `notice-pipeline resume --all` lifts it."
        ),
        "NoticePausedForLong",
    ),
    Halt.UNKNOWN_CODE: StatusMessage(
        Severity.HALTED,
        phrase("stopped because the API answers every request with a code that the verdict table does not name"),
        phrase(
            "Events wait in Kafka and nothing is lost. A probe is sent regularly; sending continues once one is "
            "accepted. The log's event `sending_halted` has the code."
        ),
        "NoticeUnknownCode",
    ),
}
"""What comes after "Sending is" or "Sending through API is", and what follows."""
