"""`skip` refuses what it cannot understand before it asks a broker."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.cli.app import MISUSE, main
from pipeline.errors import UserError
from pipeline.model.event import Position
from pipeline.operations.positions import read_position

CONFIGURATION = """\
kafka: {bootstrap_servers: '127.0.0.1:1', topics: [orders], group_id: shop}
schemas: {directory: schemas}
notices: {url: 'http://127.0.0.1:1/message/v2/notices', token: none}
"""


def test_a_position_is_topic_partition_and_offset() -> None:
    """As `explain` and the log write it."""
    assert read_position("trade.order.events/3/1042") == Position("trade.order.events", 3, 1042)


@pytest.mark.parametrize(
    "text",
    ["", "orders", "orders/3", "orders/3/", "orders/-1/4", "orders/3/4/5", "or ders/3/4", "orders/٣/4", "a/1/1e3"],
)
def test_another_form_is_refused_with_an_example(text: str) -> None:
    """No digits but ASCII's."""
    with pytest.raises(UserError, match=r"is not TOPIC/PARTITION/OFFSET") as refused:
        read_position(text)
    assert refused.value.hint == "for example: trade.order.events/3/1042"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["orders"], "`orders` is not TOPIC/PARTITION/OFFSET"),
        (["order/3/4"], "reads no topic order\nhint: did you mean `orders`?"),
        (["orders/3/4", "--through", "3"], "--through 3 is before orders/3/4"),
    ],
)
def test_misuse_ends_with_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    """A message on standard error, no traceback."""
    file = tmp_path / "pipeline.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["notice-pipeline", "skip", *arguments, "--config", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == MISUSE
    written = capsys.readouterr()
    assert message in written.err
    assert written.out == ""
