"""Every setting of delivery, declared once, with its unit and default."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetrySettings(_Section):
    """When a transient fault is tried again."""

    base_seconds: float = Field(1.0, gt=0, le=60, description="Upper bound of the first wait; doubles each time.")
    cap_seconds: float = Field(60.0, gt=0, le=3_600, description="No wait is longer, but for Retry-After.")
    max_attempts: int = Field(12, ge=1, le=1_000, description="After so many attempts a notice becomes a dead letter.")
    horizon_seconds: float = Field(3_600.0, gt=0, le=604_800, description="After so long since its first attempt, too.")
    max_retry_after_seconds: float = Field(
        900.0, gt=0, le=86_400, description="A longer Retry-After is taken for this long."
    )

    @model_validator(mode="after")
    def _ordered(self) -> RetrySettings:
        if self.cap_seconds < self.base_seconds:
            raise ValueError("cap_seconds is below base_seconds")
        return self


class BudgetSettings(_Section):
    """Retry tokens, as in botocore's standard mode: a failing API is asked again only as fast as it heals."""

    capacity: int = Field(500, ge=1, le=1_000_000, description="Tokens at the start and at most.")
    retry_cost: int = Field(5, ge=1, le=1_000, description="Tokens that one retry takes.")
    success_gain: int = Field(
        1, ge=1, le=1_000, description="Tokens that a notice accepted at its first attempt gives back."
    )
    refill_per_second: float = Field(
        5.0, gt=0, le=100_000, description="Tokens that come back by themselves, so that recovery never stalls."
    )

    @model_validator(mode="after")
    def _affordable(self) -> BudgetSettings:
        if self.retry_cost > self.capacity:
            raise ValueError("retry_cost is above capacity: nothing could ever be tried again")
        return self


class ConcurrencySettings(_Section):
    """The adaptive limit on requests in flight; its upper bound is `notices.max_in_flight`."""

    initial: int = Field(64, ge=1, le=65_536, description="Where the limit starts.")
    minimum: int = Field(1, ge=1, le=65_536, description="It never falls below.")
    decrease_ratio: float = Field(0.9, gt=0, lt=1, description="Factor on overload.")
    increase_ratio: float = Field(
        0.01, ge=0, le=1, description="Growth per round trip as a share of the limit; at least one request."
    )
    deviations: float = Field(2.5, gt=0, le=10, description="Latency above mean + so many deviations is overload,")
    noise_ratio: float = Field(0.25, ge=0, le=10, description="but never below mean + this share of it.")


class RateSettings(_Section):
    """Fixed limits, where the platform sets them; for one `run`, whose workers share them."""

    per_second: float | None = Field(None, gt=0, le=1_000_000, description="Notices per second; null: no limit.")
    per_day: int | None = Field(None, ge=1, description="Notices per day; null: no limit.")
    day_zone: str = Field("Asia/Shanghai", description="Zone whose midnight begins the next day of quotas.")

    @field_validator("day_zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{zone[:64]!r} is no time zone") from None
        return zone


class BreakerSettings(_Section):
    """The circuit breaker over the whole API."""

    window_seconds: float = Field(10.0, gt=0, le=600, description="Over which the ratio is taken.")
    minimum_attempts: int = Field(20, ge=1, le=100_000, description="Fewer in the window never open it.")
    failure_ratio: float = Field(0.5, gt=0, le=1, description="Transient faults among attempts that open it.")
    failures_in_a_row: int = Field(
        5, ge=2, le=1_000, description="Where the window holds fewer: so many in a row, of several recipients, do too."
    )
    open_seconds: float = Field(5.0, gt=0, le=600, description="First pause before a probe; doubles up to the cap.")
    open_cap_seconds: float = Field(60.0, gt=0, le=3_600, description="No pause is longer.")
    probes: int = Field(3, ge=1, le=100, description="Accepted probes in a row that close it.")


class BufferSettings(_Section):
    """Bounds on memory."""

    notices: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Notices held in memory; null: 8 for each slot of max_in_flight, 2,048 at least.",
    )
    unwritten: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Requests in flight and outcomes not yet acknowledged by Kafka, beyond which nothing more is sent: "
        "a crash may send so many twice; null: 4 for each slot of max_in_flight.",
    )
    span: int = Field(
        50_000, ge=100, le=10_000_000, description="Offsets between a partition's frontier and its newest record."
    )


class SuspensionSettings(_Section):
    """Rules whose template or account the API refuses."""

    enabled: bool = Field(True, description="Whether such a rule's notices become dead letters without being sent.")
    probe_seconds: float = Field(
        60.0, gt=0, le=86_400, description="Every so often one is sent to see if it is mended."
    )


class AuthorisationSettings(_Section):
    """When the API refuses us as such."""

    probe_seconds: float = Field(30.0, gt=0, le=3_600, description="Every so often one notice is tried again.")


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
