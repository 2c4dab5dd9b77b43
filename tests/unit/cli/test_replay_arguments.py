"""`replay` reads positions from a file, and says which line is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.operators.replay import read_positions
from pipeline.errors import UserError
from pipeline.model.event import Position


def test_each_line_is_a_position(tmp_path: Path) -> None:
    """Empty lines, comments and blanks around are passed over; one that is named twice counts once."""
    file = tmp_path / "missing.txt"
    file.write_text("# of Monday\n\n orders/0/17 \norders/1/3\norders/0/17\n", encoding="utf-8")
    assert read_positions(file) == {Position("orders", 0, 17), Position("orders", 1, 3)}


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    file = tmp_path / "missing.txt"
    file.write_bytes(b"\xef\xbb\xbforders/0/17\r\n")
    assert read_positions(file) == {Position("orders", 0, 17)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"orders/0/17\norders\n", ":2: `orders` is not TOPIC/PARTITION/OFFSET"),
        (b"# nothing\n", "has no position"),
        (b"\xff\xfe", "cannot be read: not UTF-8"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_what_is_not_a_list_of_positions_is_refused(tmp_path: Path, text: bytes | None, message: str) -> None:
    """With file and line."""
    file = tmp_path / "missing.txt"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(UserError, match=r"missing\.txt") as refused:
        read_positions(file)
    assert message in refused.value.message


def test_a_device_without_an_end_is_refused() -> None:
    """Instead of being read until the memory is used up."""
    with pytest.raises(UserError, match=r"/dev/zero:1: .* is not TOPIC/PARTITION/OFFSET"):
        read_positions(Path("/dev/zero"))
