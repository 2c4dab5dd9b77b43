"""Which request meets which fault, and what is too much."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.sandbox.faults import Arriving, FaultPlan, FaultRule, Latency, Limits, read_latency
from pipeline.sandbox.meter import Meter


def rule(**changes: Any) -> FaultRule:  # noqa: ANN401 - any field
    return FaultRule.model_validate({"status": 503, **changes})


def arriving(recipient: str = "u1", number: int = 1, attempt: int = 1, seconds: float = 0.0) -> Arriving:
    return Arriving(recipient, number, attempt, seconds)


@pytest.mark.parametrize(
    ("changes", "request_", "meets"),
    [
        ({}, arriving(), True),
        ({"recipients": ["u1"]}, arriving("u1"), True),
        ({"recipients": ["u1"]}, arriving("u2"), False),
        ({"requests": [2, 3]}, arriving(number=1), False),
        ({"requests": [2, 3]}, arriving(number=2), True),
        ({"requests": [2, 3]}, arriving(number=3), True),
        ({"requests": [2, 3]}, arriving(number=4), False),
        ({"seconds": [1, 2]}, arriving(seconds=0.9), False),
        ({"seconds": [1, 2]}, arriving(seconds=1), True),
        ({"seconds": [1, 2]}, arriving(seconds=2), False),
        ({"attempts": 2}, arriving(attempt=2), True),
        ({"attempts": 2}, arriving(attempt=3), False),
        ({"probability": 0}, arriving(), False),
        ({"probability": 0.5}, arriving(), False),
        ({"probability": 0.7}, arriving(), True),
        ({"recipients": ["u1"], "attempts": 1}, arriving(attempt=2), False),
    ],
)
def test_a_rule_meets_what_it_names(changes: dict[str, object], request_: Arriving, *, meets: bool) -> None:
    """All conditions of a rule must hold."""
    assert rule(**changes).meets(request_, lambda: 0.6) is meets


def test_the_first_rule_counts() -> None:
    """Rules are looked at in their order."""
    plan = FaultPlan(faults=(rule(recipients=["u2"], status=500), rule(status=502), rule(status=504)))
    met = plan.choose(arriving(), lambda: 0.0)
    assert met is not None
    assert met.status == 502


def test_the_same_seed_meets_the_same_requests() -> None:
    """A share of the requests is met, and the same ones each time."""
    plan = FaultPlan(faults=(rule(probability=0.2),))

    def met() -> list[int]:
        rng = random.Random(7).random  # noqa: S311 - repeatable
        return [number for number in range(1_000) if plan.choose(arriving(number=number), rng)]

    assert met() == met()
    assert 150 < len(met()) < 250


@pytest.mark.parametrize(
    ("given", "latency"),
    [
        ("50ms", Latency(0.05, 0.05)),
        ("0.2s", Latency(0.2, 0.2)),
        ("1m", Latency(60, 60)),
        (0.3, Latency(0.3, 0.3)),
        ("50ms-0.2s", Latency(0.05, 0.2)),
    ],
)
def test_latencies(given: object, latency: Latency) -> None:
    """A time or a range of times."""
    assert read_latency(given) == latency
    assert latency.least <= latency.draw(0.999) <= latency.most


@pytest.mark.parametrize(
    "given", ["", "fast", "-5", "5h", "2s-1s", "1s-", "1s-2s-3s", True, None, [1], "nan", "1e9", "2000000s", "9" * 400]
)
def test_what_is_no_latency(given: object) -> None:
    """What is not a time is refused."""
    with pytest.raises(ValueError, match=r"not a time|before it begins|than a day"):
        read_latency(given)


@pytest.mark.parametrize(
    "given",
    [
        {"faults": [{}]},
        {"faults": [{"probability": 0.5}]},
        {"faults": [{"status": 99}]},
        {"faults": [{"status": 503, "probability": 2}]},
        {"faults": [{"do": "explode"}]},
        {"faults": [{"status": 503, "when": "now"}]},
        {"faults": {}},
        {"limits": {"per_day": -1}},
        {"latency": "fast"},
        {"fault": []},
        [],
        None,
    ],
)
def test_plans_that_are_none(given: object) -> None:
    """A plan with an unknown word, or a rule that does nothing, is refused."""
    with pytest.raises(ValidationError):
        FaultPlan.model_validate(given)


class TestMeter:
    def test_a_days_quota_ends_with_the_day(self) -> None:
        """The quota is spent until the next day (UTC) begins."""
        meter = Meter(Limits(per_day=2))
        assert [meter.refuse("u", 1, 86_399.0) is None for _ in range(3)] == [True, True, False]
        assert meter.refuse("u", 1, 86_400.0) is None

    def test_a_second_ends(self) -> None:
        """Beyond the rate: 429 with Retry-After, until a second has passed."""
        meter = Meter(Limits(per_second=2))
        answers = [meter.refuse("u", 1, now) for now in (0.0, 0.5, 0.9, 1.1)]
        assert [answer and (answer.status, answer.retry_after) for answer in answers] == [None, None, (429, 1), None]

    def test_one_recipient_does_not_spend_anothers_minute(self) -> None:
        """Recipients are counted apart."""
        meter = Meter(Limits(per_recipient_minute=1))
        codes = [
            (found := meter.refuse(to, 1, now)) and found.code for to, now in (("a", 0), ("a", 1), ("b", 1), ("a", 61))
        ]
        assert codes == [None, 43117, None, None]

    def test_requests_at_once(self) -> None:
        """Beyond what it bears at once: 503."""
        meter = Meter(Limits(in_flight=2))
        assert meter.refuse("u", 2, 0.0) is None
        refusal = meter.refuse("u", 3, 0.0)
        assert refusal is not None
        assert refusal.status == 503
