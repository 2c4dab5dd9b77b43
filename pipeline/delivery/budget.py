"""The retry budget: tokens that retries take and successes give back, as in botocore's standard mode."""

from __future__ import annotations

from pipeline.delivery.policy import BudgetSettings


class RetryBudget:
    """Counts retry tokens. A retry without a token waits; it is not given up for it."""

    def __init__(self, settings: BudgetSettings, now: float) -> None:
        self._settings = settings
        self._capacity = float(settings.capacity)
        self._tokens = self._capacity
        self._at = now

    def tokens(self, now: float) -> float:
        """Tokens left at `now`."""
        self._refill(now)
        return self._tokens

    def take(self, now: float) -> bool:
        """Take the price of one retry, if it is there."""
        self._refill(now)
        if self._tokens < self._settings.retry_cost:
            return False
        self._tokens -= self._settings.retry_cost
        return True

    def available_at(self, now: float) -> float:
        """When the price of one retry will be there even if nothing succeeds until then."""
        missing = self._settings.retry_cost - self.tokens(now)
        return now if missing <= 0 else now + missing / self._settings.refill_per_second

    def succeeded(self, *, retried: bool) -> None:
        """An attempt was accepted: a retry gives back what it took, a first attempt a little."""
        if self._tokens < self._capacity:
            gain = self._settings.retry_cost if retried else self._settings.success_gain
            self._tokens = min(self._capacity, self._tokens + gain)

    def _refill(self, now: float) -> None:
        if now > self._at:
            gained = (now - self._at) * self._settings.refill_per_second
            self._tokens = min(self._capacity, self._tokens + gained)
            self._at = now
