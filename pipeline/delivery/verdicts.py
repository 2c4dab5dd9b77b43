"""The one table of what a reply means: (body code, HTTP status, transport fault) to verdict.

Looked up in that order of precision: a fault that leaves us without a reply decides alone; else the body's code, unless
it only repeats the status; else the status. Sources: the contract (success is the body's `code` 200), WeChat's list of
return codes, RFC 9110 for statuses, and the IETF draft `Idempotency-Key` for 409 and 422.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.model.reply import Fault, Reply
from pipeline.model.verdict import Verdict

OTHER = "other"
"""Label for codes that the table does not name: their number is not ours to bound."""

CODES: Mapping[int, Verdict] = {
    200: Verdict.ACCEPTED,
    # transient
    **dict.fromkeys((-1, 408, 425, 500, 502, 503, 504), Verdict.RETRY),
    # the token: refused, invalid, missing, expired
    **dict.fromkeys((401, 40001, 40014, 41001, 42001), Verdict.REFRESH_TOKEN),
    # too fast: the API, the minute's quota
    **dict.fromkeys((429, 45011), Verdict.THROTTLED),
    # too fast for this recipient alone
    43117: Verdict.THROTTLED_RECIPIENT,
    # the day's quota
    45009: Verdict.QUOTA_SPENT,
    # not this recipient: invalid id, unsubscribed, refused, blocked, limited account
    **dict.fromkeys((40003, 43004, 43019, 43101, 48002, 50002, 50005), Verdict.REJECTED_RECIPIENT),
    # not this text: url, parameters, empty, malformed, over a field's limit, refused by the API's own check
    **dict.fromkeys((40039, 41028, 41029, 41030, 44002, 47001, 47003, 422), Verdict.REJECTED_CONTENT),
    # not this template or account
    **dict.fromkeys((40013, 40036, 40037, 43116, 48001, 48004, 48008), Verdict.REJECTED_CONFIG),
    403: Verdict.UNAUTHORISED,
    409: Verdict.IN_PROGRESS,
}
"""Body codes. 200 is the contract's success; the platform may pass WeChat's five-digit codes through."""

STATUSES: Mapping[int, Verdict] = {
    401: Verdict.REFRESH_TOKEN,
    403: Verdict.UNAUTHORISED,
    408: Verdict.RETRY,
    409: Verdict.IN_PROGRESS,
    413: Verdict.REJECTED_CONTENT,
    422: Verdict.KEY_REUSED,
    425: Verdict.RETRY,
    429: Verdict.THROTTLED,
    404: Verdict.RETRY,
    405: Verdict.RETRY,
}
"""Statuses of replies without a usable code. 404 and 405 are a wrong address or a deployment under way: a whole
stream must not become dead letters for it, so they are tried again and the breaker opens. Every 5xx is transient."""

FAULTS: Mapping[Fault, Verdict] = {
    Fault.CONNECT: Verdict.RETRY,
    Fault.TIMEOUT: Verdict.AMBIGUOUS,
    Fault.RESET: Verdict.AMBIGUOUS,
    Fault.BODY_INVALID: Verdict.RETRY,
    Fault.BODY_TOO_LARGE: Verdict.RETRY,
    Fault.BODY_CUT_SHORT: Verdict.AMBIGUOUS,
    Fault.REDIRECT: Verdict.RETRY,
    Fault.WITHHELD: Verdict.SHADOWED,
}
"""Faults without a status that decides. A redirect is a wrong address, as 404 is."""

_FINAL_FAULTS = frozenset(
    {Fault.CONNECT, Fault.TIMEOUT, Fault.RESET, Fault.BODY_CUT_SHORT, Fault.REDIRECT, Fault.WITHHELD}
)


class VerdictSettings(BaseModel):
    """Changes to the verdict table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codes: dict[int, Verdict] = Field(default_factory=dict, description="Verdicts by code of the reply's body.")
    statuses: dict[int, Verdict] = Field(
        default_factory=dict, description="Verdicts by HTTP status, for replies without a usable code."
    )
    unknown_code: Verdict = Field(
        Verdict.REJECTED_CONTENT, description="Verdict for a body code that the table does not have."
    )

    @field_validator("codes", "statuses", "unknown_code")
    @classmethod
    def _no_reply_is_a_shadow(cls, given: dict[int, Verdict] | Verdict) -> dict[int, Verdict] | Verdict:
        if given is Verdict.SHADOWED or (isinstance(given, dict) and Verdict.SHADOWED in given.values()):
            raise ValueError("no reply can mean shadowed: it is what `run --shadow` says instead of asking")
        return given

    @field_validator("statuses")
    @classmethod
    def _success_is_a_code(cls, statuses: dict[int, Verdict]) -> dict[int, Verdict]:
        for status, verdict in statuses.items():
            if not 100 <= status <= 599:  # noqa: PLR2004 - RFC 9110, section 15
                raise ValueError(f"{status} is no HTTP status")
            if verdict is Verdict.ACCEPTED:
                raise ValueError(f"status {status} cannot mean accepted: only a body code can")
        return statuses


_REMEMBERED = 256
"""Replies of which the meaning is kept: nearly all are of a few kinds."""


class VerdictTable:
    """The table in force: the defaults with the user's changes laid over them."""

    def __init__(self, settings: VerdictSettings | None = None) -> None:
        settings = settings or VerdictSettings()
        self._codes = {**CODES, **settings.codes}
        self._statuses = {**STATUSES, **settings.statuses}
        self._repeated = {status: meant for status, meant in self._statuses.items() if status not in settings.codes}
        """A code that only repeats the status says no more than the status, unless the user gave it a meaning."""
        self._unknown = settings.unknown_code
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._meaning)

    def judge(self, reply: Reply) -> Verdict:
        """What `reply` means; total, for any reply."""
        status, code, fault, _, _ = reply
        return self._remembered(fault, code, status)

    def _meaning(self, fault: Fault | None, code: int | None, status: int | None) -> Verdict:
        if fault is None and code is not None:
            return self._judge_code(code, status)
        if fault is not None and fault in _FINAL_FAULTS:
            return FAULTS[fault]
        if status is not None and status in self._statuses:
            return self._statuses[status]
        return Verdict.RETRY if fault is None else FAULTS[fault]

    def _judge_code(self, code: int, status: int | None) -> Verdict:
        verdict = self._codes.get(code)
        if status is None:
            return verdict or self._unknown
        if verdict is Verdict.ACCEPTED:
            contradicted = status >= 400  # noqa: PLR2004 - RFC 9110: an error, whatever the body says
            return self._statuses.get(status, Verdict.RETRY) if contradicted else verdict
        if code == status:
            verdict = self._repeated.get(status, verdict)
        if verdict is not None:
            return verdict
        if status >= 500:  # noqa: PLR2004 - RFC 9110, section 15.6
            return self._statuses.get(status, Verdict.RETRY)
        return self._statuses.get(status, self._unknown)

    def is_unknown(self, reply: Reply) -> bool:
        """Whether the reply's code has no row, and its status does not decide either: `unknown_code` applies."""
        status = reply.status
        return reply.code is not None and reply.code not in self._codes and status not in self._statuses

    def label(self, code: int | None) -> str:
        """The code as a metric's label: itself where the table names it, else `other`."""
        if code is None:
            return "none"
        return str(code) if code in self._codes else OTHER


def as_markdown() -> str:
    """The reference of verdicts, from the tables."""
    lines = [
        "# Verdicts: what a reply means",
        "",
        "Generated from `pipeline/delivery/verdicts.py`; do not edit. Change single rows "
        "under `notices.verdicts` in the configuration.",
        "",
        "A fault that leaves us without a reply decides alone; else the body's `code`, unless it only repeats the "
        "HTTP status; else the status. "
        "A status of 5xx without a row is `retry`; a code without a row is `notices.verdicts.unknown_code`.",
        "",
    ]
    tables: tuple[tuple[str, Mapping[int, Verdict] | Mapping[Fault, Verdict]], ...] = (
        ("Body code", CODES),
        ("HTTP status without a usable code", STATUSES),
        ("Transport fault", FAULTS),
    )
    for title, table in tables:
        by_verdict: dict[Verdict, list[str]] = {}
        for key, verdict in table.items():
            by_verdict.setdefault(verdict, []).append(f"`{key}`")
        lines += [f"| {title} | verdict |", "|---|---|"]
        lines += [f"| {', '.join(keys)} | `{verdict}` |" for verdict, keys in by_verdict.items()]
        lines.append("")
    return "\n".join(lines)
