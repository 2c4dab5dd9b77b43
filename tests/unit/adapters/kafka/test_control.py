"""Records of the control topic: what is written is read again, and nothing else counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.kafka.control import MOST_TEXT, read_key, read_value, written_key, written_value
from pipeline.delivery.stops.rule_limits import RuleLimits
from pipeline.model.pause import EVERYTHING, Pause, Scope, ScopeKind

COUPON = Scope(ScopeKind.RULE, "coupon-issued")
SECONDS = st.integers(0, 253_000_000_000_000).map(lambda ms: ms / 1000)


def test_a_key_is_readable_by_other_tools() -> None:
    """Operators see it with Kafka's own tools."""
    assert written_key("shop", COUPON) == b'["shop","rule","coupon-issued"]'
    assert written_key("shop", EVERYTHING) == b'["shop","all",""]'


@given(
    st.text(),
    st.sampled_from(ScopeKind),
    st.text(st.characters(codec="utf-8")),
    SECONDS,
    st.none() | SECONDS,
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"]), max_size=2 * MOST_TEXT),
)
def test_what_is_written_is_read_again(
    group: str,
    kind: ScopeKind,
    name: str,
    since: float,
    until: float | None,
    drop: bool,  # noqa: FBT001 - a field
    text: str,
) -> None:
    """Times to the millisecond, texts up to their bound."""
    group = group.encode("utf-8", "replace").decode()
    scope = Scope(kind, name)
    pause = Pause(scope, since, until, drop, text, text)
    assert read_key(written_key(group, scope), group) == scope
    read = read_value(scope, written_value(pause))
    assert read is not None
    assert read._replace(since=0, until=None) == pause._replace(
        since=0, until=None, by=text[:MOST_TEXT], reason=text[:MOST_TEXT]
    )
    assert read.since == pytest.approx(since, abs=0.001)
    assert (read.until is None) == (until is None)
    assert read.until is None or read.until == pytest.approx(until, abs=0.001)


def test_a_text_of_an_operator_is_one_line_without_control_characters() -> None:
    """A probe and a terminal show it; letters of every language and their blanks stay."""
    written = Pause(COUPON, 0.0, by="ann\n503", reason="\x1b[2J价格\u3000错误")
    read = read_value(COUPON, written_value(written))
    assert read is not None
    assert (read.by, read.reason) == ("ann·503", "·[2J价格\u3000错误")


@pytest.mark.parametrize(
    "key",
    [
        None,
        b"",
        b"\xff",
        b"{}",
        b"[]",
        b'"shop"',
        b"1",
        b'["shop","rule"]',
        b'["other","rule","a"]',
        b'["shop","rules","a"]',
        b'["shop","rule",1]',
        b'["shop","rule",null]',
        b'["shop",["rule"],"a"]',
        b'["shop",{},"a"]',
    ],
)
def test_a_foreign_key_is_ignored(key: bytes | None) -> None:
    """Another group's, another release's, or anybody's."""
    assert read_key(key, "shop") is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"since": null}',
        b'{"since": 1}',
        b'{"since": "yesterday"}',
        b'{"since": "2026-01-01T00:00:00+00:00", "until": "soon"}',
        b'{"since": "2026-01-01T00:00:00+00:00", "until": 7}',
    ],
)
def test_a_value_that_is_not_a_pause_is_ignored(value: bytes) -> None:
    """It must not stop the service."""
    assert read_value(COUPON, value) is None


def test_unknown_fields_are_ignored() -> None:
    """A later release may write more."""
    raw = b'{"since": "1970-01-01T00:00:01+00:00", "until": null, "why": {"ticket": 1}}'
    assert read_value(COUPON, raw) == Pause(COUPON, 1.0)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_bytes_raise(key: bytes, value: bytes) -> None:
    """Everything is read as something or ignored."""
    read_key(key, "shop")
    read_value(COUPON, value)


@given(st.floats(0, 4_000_000_000))
def test_a_pause_that_a_limit_decides_is_the_same_when_it_is_read_back(now: float) -> None:
    """Otherwise the member that decided it would log it as another one."""
    limits = RuleLimits()
    limits.use({"coupon": 1})
    pause = limits.pause("coupon", now)
    assert read_value(pause.scope, written_value(pause)) == pause
