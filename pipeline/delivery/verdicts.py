"""The verdict table: what a reply means, by body code, HTTP status and transport fault.

Looked up in this order: the body's code, unless it only repeats the status; then the status; then the fault. A 2xx
reply without a usable code is ambiguous, as the API may have accepted the notice. Sources: the contract (success is the
body's `code` 200), WeChat's and Alipay's lists of return codes, RFC 9110 for statuses, and the IETF draft
`Idempotency-Key` for 409 and 422.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from pipeline.model.reply import Fault, Reply
from pipeline.model.verdict import Verdict

CODES: Mapping[int, Verdict] = {
    200: Verdict.ACCEPTED,
    # transient; 20000 is Alipay's "service unavailable"
    **dict.fromkeys((-1, 408, 425, 500, 502, 503, 504, 20000), Verdict.RETRY),
    # the token: refused, invalid, missing, expired; 20001 is Alipay's
    **dict.fromkeys((401, 40001, 40014, 41001, 42001, 20001), Verdict.REFRESH_TOKEN),
    # too fast: the API, the minute's quota
    **dict.fromkeys((429, 45011), Verdict.THROTTLED),
    # too fast for this recipient alone
    43117: Verdict.THROTTLED_RECIPIENT,
    # the day's quota
    45009: Verdict.QUOTA_SPENT,
    # this service: its app secret, an address that is not allowed, a frozen secret, missing rights (40006 is Alipay's)
    **dict.fromkeys((403, 40006, 40125, 40164, 40243, 61004, 61007, 89503), Verdict.UNAUTHORISED),
    # this recipient: invalid id, unsubscribed, refused, blocked, limited account
    **dict.fromkeys((40003, 43004, 43019, 43101, 48002, 50002, 50005), Verdict.REJECTED_RECIPIENT),
    # this text: url, parameters, empty, malformed, over a field's limit, refused by the API's own check
    **dict.fromkeys((40039, 41028, 41029, 41030, 44002, 47001, 47003, 422), Verdict.REJECTED_CONTENT),
    # this template or account
    **dict.fromkeys((40013, 40036, 40037, 43116, 48001, 48004, 48008), Verdict.REJECTED_CONFIG),
    409: Verdict.IN_PROGRESS,
}
"""Body codes. 200 is the contract's success; the platform may pass the five-digit codes of its channels through."""

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
"""Statuses of replies without a usable code. 404 and 405 are a wrong address or a deployment in progress: they are
retried and open the breaker, so that not every notice becomes a dead letter. Every 5xx without a row is transient.
422 is a reused key only where the reply mentions the idempotency key; else the text is refused."""

FAULTS: Mapping[Fault, Verdict] = {
    Fault.CONNECT: Verdict.RETRY,
    Fault.TIMEOUT: Verdict.AMBIGUOUS,
    Fault.RESET: Verdict.AMBIGUOUS,
    Fault.BODY_INVALID: Verdict.AMBIGUOUS,
    Fault.BODY_TOO_LARGE: Verdict.AMBIGUOUS,
    Fault.BODY_CUT_SHORT: Verdict.AMBIGUOUS,
    Fault.REDIRECT: Verdict.RETRY,
    Fault.WITHHELD: Verdict.SHADOWED,
}
"""Faults of replies without a status, or with a 2xx status. A redirect is a wrong address, like 404."""

_WITHOUT_REPLY = frozenset({Fault.CONNECT, Fault.REDIRECT, Fault.WITHHELD})
"""Faults that decide whatever the status."""
UNPROCESSABLE = 422


MAX_NAME = 100
"""Characters of a code that is a text."""
_NUMBER = re.compile(r"-?[0-9]{1,10}")


def _code(given: object) -> object:
    """A code as the table has it: a text that is a number is that number, as in a reply.

    Raises:
        ValueError: it is a text that no reply can have.
    """
    if isinstance(given, str):
        if _NUMBER.fullmatch(given):
            return int(given)
        if not given or len(given) > MAX_NAME or not given.isprintable() or given != given.strip():
            raise ValueError(f"a code is a number or a text of 1 to {MAX_NAME} printable characters")
    return given


Code = Annotated[int | str, BeforeValidator(_code)]


class VerdictSettings(BaseModel):
    """Changes to the verdict table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codes: dict[Code, Verdict] = Field(default_factory=dict, description="Verdicts by code of the reply's body.")
    statuses: dict[int, Verdict] = Field(
        default_factory=dict, description="Verdicts by HTTP status, for replies without a usable code."
    )
    unknown_code: Verdict = Field(
        Verdict.REJECTED_CONTENT, description="Verdict for a body code that the table does not have."
    )

    @field_validator("codes", "statuses", "unknown_code")
    @classmethod
    def _no_reply_is_a_shadow(cls, given: dict[Code, Verdict] | Verdict) -> dict[Code, Verdict] | Verdict:
        if given is Verdict.SHADOWED or (isinstance(given, dict) and Verdict.SHADOWED in given.values()):
            raise ValueError("a reply cannot mean shadowed: that is for notices that `run --shadow` does not send")
        return given

    @field_validator("statuses")
    @classmethod
    def _success_is_a_code(cls, statuses: dict[int, Verdict]) -> dict[int, Verdict]:
        for status, verdict in statuses.items():
            if not 100 <= status <= 599:  # noqa: PLR2004 - RFC 9110, section 15
                raise ValueError(f"{status} is not an HTTP status")
            if verdict is Verdict.ACCEPTED:
                raise ValueError(f"status {status} cannot mean accepted: only a body code can")
        return statuses


_CACHED = 256
"""Replies whose verdict is cached: nearly all are of a few kinds."""


class VerdictTable:
    """The table in use: the defaults, with the user's changes."""

    def __init__(self, settings: VerdictSettings | None = None) -> None:
        settings = settings or VerdictSettings()
        self._codes: dict[int | str, Verdict] = dict(settings.codes)
        for code, verdict in CODES.items():
            self._codes.setdefault(code, verdict)
        self._texts = any(isinstance(code, str) for code in settings.codes)
        """Whether this API's codes may be texts; otherwise a text is not a usable code."""
        self._statuses = {**STATUSES, **settings.statuses}
        self._repeated = {status for status in self._statuses if status not in settings.codes}
        """Codes that only repeat the status say no more than the status, unless the user gave them a meaning."""
        self._key_needs_evidence = UNPROCESSABLE not in settings.statuses
        self._unknown = settings.unknown_code
        self._cached = lru_cache(maxsize=_CACHED)(self._verdict)

    def judge(self, reply: Reply) -> Verdict:
        """The verdict for any reply."""
        status, code, fault, _, _, names_key = reply
        return self._cached(fault, code, status, names_key)

    def _verdict(
        self,
        fault: Fault | None,
        code: int | str | None,
        status: int | None,
        names_key: bool,  # noqa: FBT001 - a key of the cache
    ) -> Verdict:
        if fault is None and code is not None and (self._texts or not isinstance(code, str)):
            return self._by_code(code, status, names_key=names_key)
        if fault in _WITHOUT_REPLY or status is None:
            return Verdict.RETRY if fault is None else FAULTS[fault]
        verdict = self._by_status(status, names_key=names_key)
        if verdict is not None:
            return verdict
        return Verdict.AMBIGUOUS if 200 <= status < 300 else Verdict.RETRY  # noqa: PLR2004 - RFC 9110, section 15.3

    def _by_status(self, status: int | None, *, names_key: bool) -> Verdict | None:
        verdict = None if status is None else self._statuses.get(status)
        if status == UNPROCESSABLE and self._key_needs_evidence and not names_key:
            return Verdict.REJECTED_CONTENT
        return verdict

    def _by_code(self, code: int | str, status: int | None, *, names_key: bool) -> Verdict:
        verdict = self._codes.get(code)
        by_status = self._by_status(status, names_key=names_key)
        if verdict is Verdict.ACCEPTED:
            contradicted = status is not None and status >= 400  # noqa: PLR2004 - RFC 9110: an error, whatever the body says
            return (by_status or Verdict.RETRY) if contradicted else verdict
        if code == status and code in self._repeated:
            verdict = by_status or verdict
        if verdict is not None:
            return verdict
        if status is not None and status >= 500:  # noqa: PLR2004 - RFC 9110, section 15.6
            return by_status or Verdict.RETRY
        return by_status or self._unknown

    def is_unknown(self, reply: Reply) -> bool:
        """Whether the reply's code has no row, and its status does not decide either: `unknown_code` applies."""
        return reply.code is not None and reply.code not in self._codes and reply.status not in self._statuses


def as_markdown() -> str:
    """The reference of verdicts, from the tables."""
    lines = [
        "# Verdicts: what a reply means",
        "",
        "Generated from `pipeline/delivery/verdicts.py`; do not edit. Change single rows "
        "under `notices.verdicts` in the configuration.",
        "",
        "The body's code decides, unless it only repeats the HTTP status; then the status; then the fault. "
        "A 2xx reply without a usable code is `ambiguous`: the API may have accepted the notice. Any other status "
        "without a row is `retry`. A code without a row is `notices.verdicts.unknown_code`; if several recipients get "
        "it, and none is accepted between, sending halts instead (`delivery.unknown_code`). 422 is `key_reused` only "
        "where the reply mentions "
        "the idempotency key, else `rejected_content`.",
        "",
        'A code is the integer at `notices.code_path` in the reply\'s JSON; `"200"` and `200.0` count as 200. An API '
        "whose codes are texts is configured by rows with texts under `notices.verdicts.codes`.",
        "",
    ]
    tables: tuple[tuple[str, Mapping[int, Verdict] | Mapping[Fault, Verdict]], ...] = (
        ("Body code", CODES),
        ("HTTP status without a usable code", STATUSES),
        ("Transport fault, without a status or with a 2xx status", FAULTS),
    )
    for title, table in tables:
        by_verdict: dict[Verdict, list[str]] = {}
        for key, verdict in table.items():
            by_verdict.setdefault(verdict, []).append(f"`{key}`")
        lines += [f"| {title} | verdict |", "|---|---|"]
        lines += [f"| {', '.join(keys)} | `{verdict}` |" for verdict, keys in by_verdict.items()]
        lines.append("")
    return "\n".join(lines)
