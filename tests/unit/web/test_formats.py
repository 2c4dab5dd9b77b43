"""Numbers and times on a page."""

from __future__ import annotations

import pytest

from pipeline.web import formats


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.0001, "1 ms"),
        (0.25, "250 ms"),
        (4.24, "4.2 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    """The two largest units."""
    assert formats.duration(seconds) == shown


@pytest.mark.parametrize(("rate", "shown"), [(0, "0"), (0.254, "0.25"), (12.54, "12.5"), (1_234.4, "1,234")])
def test_rates(rate: float, shown: str) -> None:
    """Three digits."""
    assert formats.rate(rate) == shown


def test_a_curve_ends_now_and_stays_in_its_frame() -> None:
    """The last point at the right edge, the largest value at the top."""
    points = [point.split(",") for point in formats.curve([0, 5, 10]).split()]
    assert points[-1] == ["240.0", "1.0"]
    assert all(0 <= float(x) <= formats.CURVE_WIDTH and 0 <= float(y) <= formats.CURVE_HEIGHT for x, y in points)


@pytest.mark.parametrize("values", [[], [3.0]])
def test_fewer_than_two_values_have_no_curve(values: list[float]) -> None:
    """There is no line to draw."""
    assert formats.curve(values) == ""


def test_a_curve_of_nothing_is_flat() -> None:
    """There is no division by zero."""
    assert {point.split(",")[1] for point in formats.curve([0.0, 0.0]).split()} == {"35.0"}
