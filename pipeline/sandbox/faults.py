"""Scripted faults: which request meets which fault. Time and random numbers are arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline.phrases import phrase

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}


class Latency(NamedTuple):
    """A duration in seconds, uniform between both values."""

    least: float
    most: float

    def draw(self, rng: float) -> float:
        """One duration; `rng` is in [0, 1)."""
        return self.least + (self.most - self.least) * rng


MOST_SECONDS = 86_400.0
"""Event loops do not wait for times that are without an end."""


def read_latency(given: object) -> object:
    """`50ms`, `0.2s`, a plain number of seconds, or a range: `50ms-200ms`.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(given, Latency):
        return given
    times = [
        float(match[1]) * _UNITS[match[2]]
        for part in str(given).split("-")
        if (match := _DURATION.fullmatch(part.strip())) is not None
    ]
    if isinstance(given, bool) or len(times) != str(given).count("-") + 1 or len(times) > 2:  # noqa: PLR2004 - from, to
        raise ValueError(phrase("is not a time like 50ms, 1.5s or 50ms-200ms"))
    least, most = times[0], times[-1]
    if least > most:
        raise ValueError(phrase("ends before it begins"))
    if most > MOST_SECONDS:
        raise ValueError(phrase("is longer than a day"))
    return Latency(least, most)


LatencyField = Annotated[Latency, BeforeValidator(read_latency)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FaultRule(_Part):
    """Which requests it meets (all conditions must hold), and what happens to them."""

    probability: float = Field(1.0, ge=0, le=1, description="Share of the requests that meet the other conditions.")
    recipients: frozenset[str] | None = Field(None, description="Only these recipients.")
    requests: tuple[int, int] | None = Field(None, description="Only from this to that request, counted from 1.")
    seconds: tuple[float, float] | None = Field(None, description="Only from this to that second of the plan's life.")
    attempts: int | None = Field(None, ge=1, description="Only the first attempts with the same key, this many.")
    do: Literal["reply", "hang", "close", "reset", "cut_short", "garbage"] = Field(
        "reply", description="Reply as below, never reply, end or break the connection, stop within the body, no HTTP."
    )
    status: int | None = Field(
        None, ge=200, le=599, description="HTTP status of the reply; 200 where only `code` is given."
    )
    code: int | None = Field(None, description="The body's code.")
    body: str | None = Field(None, description="The whole body, instead of one with a code.")
    headers: dict[str, str] = Field(default_factory=dict, description="More headers of the reply.")
    retry_after: int | None = Field(None, ge=0, description="Header Retry-After, in seconds.")
    retry_after_date: int | None = Field(
        None, ge=0, description="Header Retry-After as the date so many seconds ahead."
    )
    latency: LatencyField | None = Field(None, description="Wait this long before.")
    accepted: bool = Field(False, description="Take the message first, then do it: the reply is lost, not the request.")

    @model_validator(mode="after")
    def _says_something(self) -> FaultRule:
        if self.do == "reply" and self.latency is None and not self.replaces_reply:
            raise ValueError("does nothing: give status, code, body, latency or do")
        return self

    @property
    def replaces_reply(self) -> bool:
        """Whether it does more than wait."""
        return self.do != "reply" or (self.status, self.code, self.body) != (None, None, None)

    def meets(self, request: Arriving, rng: Callable[[], float]) -> bool:
        """Whether `request` meets this fault; `rng` is called only if all other conditions hold."""
        return (
            (self.recipients is None or request.recipient in self.recipients)
            and (self.requests is None or self.requests[0] <= request.number <= self.requests[1])
            and (self.seconds is None or self.seconds[0] <= request.seconds < self.seconds[1])
            and (self.attempts is None or request.attempt <= self.attempts)
            and (self.probability >= 1 or rng() < self.probability)
        )


class Limits(_Part):
    """Limits of the API; beyond them it answers with the usual codes."""

    per_day: int | None = Field(None, ge=0, description="Messages a day; then 45009.")
    per_second: int | None = Field(None, ge=1, description="Messages a second; then 429 with Retry-After.")
    per_recipient_minute: int | None = Field(None, ge=1, description="Messages a minute for one recipient; then 43117.")
    in_flight: int | None = Field(None, ge=1, description="Requests at once; then 503.")


class FaultPlan(_Part):
    """All faults. The same seed and the same requests in the same order meet the same faults."""

    seed: int = Field(0, description="Seed of the random numbers.")
    latency: LatencyField = Field(Latency(0.0, 0.0), validate_default=False, description="Of every reply.")
    limits: Limits = Field(default_factory=Limits, description="Limits of the API.")
    faults: tuple[FaultRule, ...] = Field((), max_length=1_000, description="The first that meets a request counts.")

    def choose(self, request: Arriving, rng: Callable[[], float]) -> FaultRule | None:
        """The fault that `request` meets, if any."""
        return next((rule for rule in self.faults if rule.meets(request, rng)), None)


class Arriving(NamedTuple):
    """What the conditions of a fault refer to."""

    recipient: str
    number: int
    """Of all requests since the plan was set, from 1."""
    attempt: int
    """With this idempotency key, from 1; always 1 without a key."""
    seconds: float
    """Since the plan was set."""
