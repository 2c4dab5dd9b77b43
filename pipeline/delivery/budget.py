"""The retry budget: tokens that retries cost and successes return, as in botocore's standard mode."""

from __future__ import annotations

from pipeline.delivery.policy import BudgetSettings


class RetryBudget:
    """Counts retry tokens. A retry waits while there are no tokens; it is not dropped."""

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
        """Take the tokens for one retry; False if there are too few."""
        self._refill(now)
        if self._tokens < self._settings.retry_cost:
            return False
        self._tokens -= self._settings.retry_cost
        return True

    def available_at(self, now: float) -> float:
        """When there will be enough tokens for one retry, even if nothing succeeds until then."""
        missing = self._settings.retry_cost - self.tokens(now)
        return now if missing <= 0 else now + missing / self._settings.refill_per_second

    def accepted(self, attempts: int) -> None:
        """The last of `attempts` was accepted: a retry returns its cost, a first attempt `success_gain`."""
        if self._tokens < self._capacity:
            gain = self._settings.retry_cost if attempts > 1 else self._settings.success_gain
            self._tokens = min(self._capacity, self._tokens + gain)

    def _refill(self, now: float) -> None:
        if now > self._at:
            gained = (now - self._at) * self._settings.refill_per_second
            self._tokens = min(self._capacity, self._tokens + gained)
            self._at = now
