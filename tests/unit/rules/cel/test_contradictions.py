"""Conditions whose form shows their value."""

from __future__ import annotations

import pytest

from pipeline.rules.cel import contradictions
from pipeline.rules.cel.engine import Environment

ENVIRONMENT = Environment()


@pytest.mark.parametrize(
    "source",
    [
        "event.a == 'x' && event.a == 'y'",
        "event.a == 'x' && event.b > 1 && event.a == 'y'",
        "event.a == 'x' && event.a != 'x'",
        "event.a > 5 && event.a < 3",
        "event.a > 5 && event.a <= 5",
        "event.a >= 5.0 && event.a < 5",
        "5 < event.a && 3 > event.a",
        "event.a == 5 && event.a > 7",
        "event.a > 7 && event.a == 5",
        "event.a == true && event.a == false",
    ],
)
def test_parts_that_exclude_one_another(source: str) -> None:
    """No value satisfies them all."""
    assert contradictions.never(ENVIRONMENT.compile(source).tree().root) is not None


@pytest.mark.parametrize(
    "source",
    [
        "event.a == 'x' && event.b == 'y'",
        "event.a == 'x' || event.a == 'y'",
        "event.a != 'x' && event.a != 'y'",
        "event.a > 3 && event.a < 5",
        "event.a >= 5 && event.a <= 5",
        "event.a == 5 && event.a >= 5",
        "event.a > 'x' && event.a < 'b'",
        "event.a == 5 && event.a != 6",
        "event.a",
    ],
)
def test_parts_that_some_value_satisfies(source: str) -> None:
    """A condition that may hold is not reported."""
    assert contradictions.never(ENVIRONMENT.compile(source).tree().root) is None


@pytest.mark.parametrize(
    ("source", "always"),
    [
        ("event.a != 'x' || event.a != 'y'", True),
        ("event.a > 3 || event.a <= 5", True),
        ("event.a > 3 || event.a <= 3", True),
        ("event.a == 'x' || event.a != 'x'", True),
        ("event.a != 'x' || event.b != 'y'", False),
        ("event.a > 5 || event.a < 3", False),
        ("event.a == 'x' || event.a == 'y'", False),
    ],
)
def test_parts_of_which_one_always_holds(source: str, always: bool) -> None:  # noqa: FBT001 - what is expected
    """`!= … || !=` is the mistake that people make."""
    assert (contradictions.always(ENVIRONMENT.compile(source).tree().root) is not None) is always
