"""The settings of delivery, each declared once with its unit and default."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetrySettings(_Section):
    """When a notice is tried again after a transient fault."""

    base_seconds: float = Field(
        1.0, gt=0, le=60, description="Upper bound of the first wait. It doubles with each attempt."
    )
    cap_seconds: float = Field(60.0, gt=0, le=3_600, description="Upper bound of every wait, except for Retry-After.")
    max_attempts: int = Field(12, ge=1, le=1_000, description="Attempts after which a notice becomes a dead letter.")
    horizon_seconds: float = Field(
        3_600.0, gt=0, le=604_800, description="Give up a notice this long after its first attempt."
    )
    max_retry_after_seconds: float = Field(
        900.0, gt=0, le=86_400, description="Longest wait that a Retry-After header can ask for."
    )

    @model_validator(mode="after")
    def _ordered(self) -> RetrySettings:
        if self.cap_seconds < self.base_seconds:
            raise ValueError("cap_seconds is below base_seconds")
        return self


class BudgetSettings(_Section):
    """The retry budget, as in botocore's standard mode: retries take tokens, accepted notices give them back."""

    capacity: int = Field(500, ge=1, le=1_000_000, description="Tokens at the start, and the most that are kept.")
    retry_cost: int = Field(5, ge=1, le=1_000, description="Tokens that one retry takes.")
    success_gain: int = Field(
        1, ge=1, le=1_000, description="Tokens that a notice accepted at its first attempt gives back."
    )
    refill_per_second: float = Field(
        5.0,
        gt=0,
        le=100_000,
        description="Tokens added per second without any accepted notice, so that retries never stop completely.",
    )

    @model_validator(mode="after")
    def _affordable(self) -> BudgetSettings:
        if self.retry_cost > self.capacity:
            raise ValueError("retry_cost is above capacity: nothing could be tried again")
        return self


class ConcurrencySettings(_Section):
    """The adaptive limit on requests in flight; its upper bound is `notices.max_in_flight`."""

    initial: int = Field(64, ge=1, le=65_536, description="The limit at the start.")
    minimum: int = Field(1, ge=1, le=65_536, description="The lowest limit.")
    decrease_ratio: float = Field(0.9, gt=0, lt=1, description="Factor that the limit is multiplied by on overload.")
    increase_ratio: float = Field(
        0.01, ge=0, le=1, description="Growth per round trip, as a share of the limit; at least one request."
    )
    deviations: float = Field(
        2.5,
        gt=0,
        le=10,
        description="A latency above the mean by this many mean deviations (and by `noise_ratio`) counts as overload.",
    )
    noise_ratio: float = Field(
        0.25, ge=0, le=10, description="A latency above the mean by less than this share of it is not overload."
    )


class RateSettings(_Section):
    """Fixed limits set by the platform, for one `run`; its workers share them."""

    per_second: float | None = Field(None, gt=0, le=1_000_000, description="Notices per second; null: no limit.")
    per_day: int | None = Field(None, ge=1, description="Notices per day; null: no limit.")
    day_zone: str = Field("Asia/Shanghai", description="Time zone whose midnight resets the daily quota.")

    @field_validator("day_zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{zone[:64]!r} is not a time zone") from None
        return zone


class BreakerSettings(_Section):
    """The circuit breaker for the whole API."""

    window_seconds: float = Field(10.0, gt=0, le=600, description="Period over which `failure_ratio` is measured.")
    minimum_attempts: int = Field(
        20, ge=1, le=100_000, description="Attempts in the window that are needed before `failure_ratio` applies."
    )
    failure_ratio: float = Field(
        0.5, gt=0, le=1, description="Share of attempts with transient faults that opens the breaker."
    )
    failures_in_a_row: int = Field(
        5,
        ge=2,
        le=1_000,
        description="Transient faults in a row, of several recipients, that open the breaker below `minimum_attempts`.",
    )
    open_seconds: float = Field(
        5.0, gt=0, le=600, description="First pause before a probe. It doubles up to `open_cap_seconds`."
    )
    open_cap_seconds: float = Field(60.0, gt=0, le=3_600, description="Longest pause before a probe.")
    probes: int = Field(3, ge=1, le=100, description="Accepted probes in a row that close the breaker.")


class BufferSettings(_Section):
    """Bounds on memory."""

    notices: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Notices held in memory. null: 8 for each slot of `notices.max_in_flight`, at least 2,048.",
    )
    megabytes: int = Field(
        32,
        ge=1,
        le=65_536,
        description="MiB of unfinished events held in memory: keys, values and headers of records, bodies of notices, "
        "and 2 KiB for each event beside. Kafka's client holds up to a quarter as much fetched ahead, and half as much "
        "(at least 20 MiB) of dead letters to be written; the process itself takes some 100 MiB.",
    )
    unwritten: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Upper bound for requests in flight plus outcomes that Kafka has not acknowledged. A crash may "
        "send this many notices twice. null: 4 for each slot of `notices.max_in_flight`.",
    )
    span: int = Field(
        50_000,
        ge=100,
        le=10_000_000,
        description="Offsets between a partition's frontier and its newest record, beyond which it is not read.",
    )


class SuspensionSettings(_Section):
    """Suspension of rules whose template or account the API refuses."""

    enabled: bool = Field(
        True, description="Whether notices of a suspended rule become dead letters without being sent."
    )
    probe_seconds: float = Field(
        60.0, gt=0, le=86_400, description="Interval at which one notice of a suspended rule is sent as a probe."
    )


class AuthorisationSettings(_Section):
    """The halt while the API refuses this service (401, 403)."""

    probe_seconds: float = Field(
        30.0,
        gt=0,
        le=3_600,
        description="Longest interval between two probes. The first leaves after a second; then the interval doubles.",
    )


class QuotaSettings(_Section):
    """The halt while the API reports its daily quota as used up (45009)."""

    probe_seconds: float = Field(
        30.0, gt=0, le=3_600, description="Longest interval between two probes, as for `authorisation`."
    )


class UnknownCodeSettings(_Section):
    """The halt while the API answers every recipient with a code that the verdict table does not name."""

    recipients: int = Field(
        5,
        ge=2,
        le=1_000,
        description="Recipients with one unknown code, none accepted between, that halt sending. Below it, each notice "
        "with an unknown code is rejected.",
    )
    probe_seconds: float = Field(
        30.0, gt=0, le=3_600, description="Longest interval between two probes, as for `authorisation`."
    )


class DeliverySettings(_Section):
    """Retries, limits, breaker and buffers."""

    retry: RetrySettings = Field(default_factory=RetrySettings, description="Retries.")
    budget: BudgetSettings = Field(default_factory=BudgetSettings, description="Retry budget.")
    concurrency: ConcurrencySettings = Field(default_factory=ConcurrencySettings, description="Adaptive limit.")
    rate: RateSettings = Field(default_factory=RateSettings, description="Fixed limits.")
    breaker: BreakerSettings = Field(default_factory=BreakerSettings, description="Circuit breaker.")
    buffers: BufferSettings = Field(default_factory=BufferSettings, description="Buffers.")
    suspension: SuspensionSettings = Field(default_factory=SuspensionSettings, description="Suspended rules.")
    authorisation: AuthorisationSettings = Field(
        default_factory=AuthorisationSettings, description="Refused authorisation."
    )
    quota: QuotaSettings = Field(default_factory=QuotaSettings, description="Used-up daily quota.")
    unknown_code: UnknownCodeSettings = Field(default_factory=UnknownCodeSettings, description="Unknown codes.")
