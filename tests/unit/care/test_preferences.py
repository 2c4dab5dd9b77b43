"""What recipients have chosen, from values that anything may have written."""

from __future__ import annotations

import json

import pytest

from pipeline.care.preferences import NO_PREFERENCES, Preferences, ReadPreferences, is_zone, parse_preferences
from pipeline.care.preferences import preferences_of as read
from pipeline.errors import Undecodable
from pipeline.model.outcome import Reason


def test_a_value_has_opt_outs_time_zone_and_locale() -> None:
    """JSON, or a decoded Avro record of the same fields."""
    value = {"opted_out": ["promotions", "news"], "timezone": "Europe/Berlin", "locale": "de-DE", "more": 1}
    expected = ReadPreferences(Preferences(frozenset({"promotions", "news"}), "Europe/Berlin", "de-DE"))
    assert read(value) == parse_preferences(json.dumps(value).encode()) == expected


@pytest.mark.parametrize("value", [{}, {"opted_out": None, "timezone": None, "locale": None}, {"opted_out": []}])
def test_every_field_may_be_absent(value: object) -> None:
    """Nothing is known then."""
    assert read(value) == ReadPreferences(NO_PREFERENCES)


@pytest.mark.parametrize("value", [None, b"null", b" null "])
def test_null_forgets_the_recipient(value: bytes | None) -> None:
    """A tombstone, or JSON's null."""
    assert parse_preferences(value) is None


@pytest.mark.parametrize(
    "zone", ["Asia/Nowhere", "../../etc/passwd", "/etc/localtime", "", 7, "x" * 129, "A\nB", "a\0b"]
)
def test_a_wrong_time_zone_does_not_lose_the_opt_outs(zone: object) -> None:
    """It is left out and named."""
    given = read({"opted_out": ["promotions"], "timezone": zone})
    assert given is not None
    assert given.preferences == Preferences(frozenset({"promotions"}))
    assert [fault.split(":")[0] for fault in given.faults] == ["timezone"]


def test_a_wrong_locale_is_left_out_and_named() -> None:
    """As a time zone."""
    given = read({"locale": ["zh"], "timezone": "Asia/Tokyo"})
    assert given == ReadPreferences(
        Preferences(zone="Asia/Tokyo"), ("locale: not a text of 1 to 128 printable characters",)
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", Reason.MALFORMED_JSON),
        (b"{", Reason.MALFORMED_JSON),
        (b"\xff\xfe\xff", Reason.MALFORMED_JSON),
        (b"[" * 100_000, Reason.MALFORMED_JSON),
        (b"1" * 10_000, Reason.MALFORMED_JSON),
        (b"7", Reason.SCHEMA_MISMATCH),
        (b"[]", Reason.SCHEMA_MISMATCH),
        (b'"promotions"', Reason.SCHEMA_MISMATCH),
        (b'{"opted_out": "promotions"}', Reason.SCHEMA_MISMATCH),
        (b'{"opted_out": {"promotions": true}}', Reason.SCHEMA_MISMATCH),
        (b'{"opted_out": [1]}', Reason.SCHEMA_MISMATCH),
        (b'{"opted_out": [""]}', Reason.SCHEMA_MISMATCH),
        (b'{"opted_out": ["a\\nb"]}', Reason.SCHEMA_MISMATCH),
        (json.dumps({"opted_out": ["x" * 129]}).encode(), Reason.SCHEMA_MISMATCH),
        (json.dumps({"opted_out": [str(number) for number in range(101)]}).encode(), Reason.SCHEMA_MISMATCH),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(value: bytes, reason: Reason) -> None:
    """Never an opt-out that is silently lost; never text of the value in the message."""
    with pytest.raises(Undecodable) as refused:
        parse_preferences(value)
    assert refused.value.reason is reason
    assert "promotions" not in refused.value.detail


def test_a_zone_is_one_of_this_machine() -> None:
    """Not a path, and not a folder of zones."""
    assert [is_zone(name) for name in ("Asia/Shanghai", "UTC", "America", "tzdata", "..")] == [
        True,
        True,
        False,
        False,
        False,
    ]
