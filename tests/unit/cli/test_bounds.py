"""`--from` and `--to` accept every documented form and report anything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.cli.bounds import read_bound, read_time
from pipeline.errors import UserError

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (None, None),
        ("now", NOW),
        ("-24h", NOW - timedelta(days=1)),
        ("-90m", datetime(2026, 3, 1, 11, 0, tzinfo=UTC)),
        ("-30s", NOW - timedelta(seconds=30)),
        ("-7d", datetime(2026, 2, 22, 12, 30, tzinfo=UTC)),
        ("-2w", datetime(2026, 2, 15, 12, 30, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31 14:00", datetime(2026, 1, 31, 14, tzinfo=UTC)),
        ("2026-01-31T14:00:00+08:00", datetime(2026, 1, 31, 6, tzinfo=UTC)),
        ("2026-01-31T14:00:00Z", datetime(2026, 1, 31, 14, tzinfo=UTC)),
    ],
)
def test_every_documented_form_of_a_time_is_read(text: str | None, meant: datetime | None) -> None:
    """Without a zone it is UTC."""
    assert read_time(text, "--from", NOW) == meant


@pytest.mark.parametrize(("text", "meant"), [("0", 0), ("17", 17), ("20260131", 20260131)])
def test_digits_are_an_offset_where_offsets_are_meant(text: str, meant: int) -> None:
    """Even those that could be a date without dashes."""
    assert read_bound(text, "--from", NOW) == meant


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "-", "-h", "-24", "-24x", "24h", "--24h", "-999999999w", "2026-02-30", "-1", "٣", "0x10", "1e3",
     "0001-01-01T00:00:00+14:00", "9" * 200 + "h"],
)  # fmt: skip
def test_an_invalid_bound_is_reported_with_the_valid_forms(text: str) -> None:
    """The message names the option, for any text."""
    with pytest.raises(UserError, match="--to: `") as caught:
        read_bound(text, "--to", NOW)
    assert "-24h" in (caught.value.hint or "")
    assert len(caught.value.message) < 100
