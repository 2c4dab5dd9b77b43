"""Masked values: of the same shape, equal for equal ones, and others with another key."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.authoring.masking.mask import HIGHEST, Mask

MASK = Mask(b"key")


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("oAbc_9-Xy", r"[a-z][A-Z][a-z]{2}_\d-[A-Z][a-z]"),
        ("13800138000", r"[1-9]\d{10}"),
        ("li.lei@example.com", r"[a-z]{2}\.[a-z]{3}@[a-z]{7}\.[a-z]{3}"),
        ("王小明", r"[\u4e00-\u9fff]{3}"),
        ("0123456789abcdef0123456789abcdef", r"[0-9a-f]{32}"),
        ("00000000-0000-0000-0000-000000000007", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("", ""),
    ],
)
def test_a_text_keeps_its_shape(text: str, shape: str) -> None:
    masked = MASK.text(text)
    assert re.fullmatch(shape, masked)
    assert masked != text or not text


@given(st.text(max_size=80))
def test_equal_texts_are_equal_afterwards_and_as_long(text: str) -> None:
    assert MASK.text(text) == Mask(b"key").text(text)
    assert len(MASK.text(text)) == len(text)


@given(st.integers(-HIGHEST, HIGHEST))
def test_a_number_has_as_many_digits_and_fits_into_64_bits(value: int) -> None:
    masked = MASK.number(value)
    assert len(str(masked)) == len(str(value))
    assert abs(masked) <= HIGHEST


def test_a_number_and_its_text_stay_equal() -> None:
    """A recipient that one field has as a number and another as a text."""
    assert str(MASK.number(13_800_138_000)) == MASK.text("13800138000")


def test_recipients_stay_different() -> None:
    ids = [f"user-{number:06}" for number in range(2_000)]
    assert len({MASK.text(one) for one in ids}) > 1_990


def test_another_key_masks_otherwise() -> None:
    """So a list of all telephone numbers does not tell whose it was."""
    assert MASK.text("13800138000") != Mask(b"other").text("13800138000")


def test_bytes_are_as_many() -> None:
    assert len(MASK.raw(b"x" * 70)) == 70
    assert MASK.raw(b"abc") != b"abc"
