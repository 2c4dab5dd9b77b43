"""Timestamps as texts."""

from __future__ import annotations

import pytest

from pipeline.parameters.timestamp import check_format, timestamp_reader, timestamp_writer, zone

AT = 1_709_251_199.999
"""2024-02-29 23:59:59.999 UTC."""


@pytest.mark.parametrize(
    ("form", "place", "text", "read"),
    [
        ("s", "UTC", "1709251199", 1_709_251_199),
        ("ms", "UTC", "1709251199999", 1_709_251_199.999),
        ("%Y-%m-%d %H:%M:%S", "Asia/Shanghai", "2024-03-01 07:59:59", 1_709_251_199),
        ("%Y%m%d%H%M%S", "UTC", "20240229235959", 1_709_251_199),
        ("%Y-%m-%dT%H:%M:%SZ", "UTC", "2024-02-29T23:59:59Z", 1_709_251_199),
        ("%Y-%m-%dT%H:%M:%S.%f%z", "Asia/Shanghai", "2024-03-01T07:59:59.999000+0800", 1_709_251_199.999),
        ("%y%j%H%M%S%%", "UTC", "24060235959%", 1_709_251_199),
    ],
)
def test_a_time_is_written_and_read_back(form: str, place: str, text: str, read: float) -> None:
    """Rounded down, in the configured zone."""
    check_format(form)
    assert timestamp_writer(form, zone(place))(AT) == text
    assert timestamp_reader(form, zone(place))(text) == pytest.approx(read, abs=0.0005)


@pytest.mark.parametrize("form", ["s", "ms", "%Y-%m-%d %H:%M:%S"])
@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "9" * 40, "2024-02-30 00:00:00", "１２"])
def test_what_is_not_a_time_is_recognised(form: str, text: str) -> None:
    """A server must not fail at it."""
    assert timestamp_reader(form, zone("UTC"))(text) is None


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("seconds", "must be `s`, `ms`, or a format"),
        ("", "must be"),
        ("%Y-%m-%d", "%H is missing"),
        ("%H:%M:%S", "%Y is missing"),
        ("%Y-%m-%d %H:%M:%S %p", "unknown directive %p"),
        ("%Y-%m-%d %H:%M:%S%", "unknown directive %"),
        ("%Y年%m%d%H%M%S", "printable ASCII"),
        ("%Y%m%d%H%M%S\n", "printable ASCII"),
    ],
)
def test_a_format_that_does_not_give_a_time_is_an_error(form: str, message: str) -> None:
    """Also one whose text depends on the language of the process."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message follows
        check_format(form)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["Asia/Beijing", "", "../etc/passwd", "+08:00"])
def test_an_unknown_zone_is_an_error(name: str) -> None:
    """Names are those of the IANA database."""
    with pytest.raises(ValueError, match="unknown time zone"):
        zone(name)
