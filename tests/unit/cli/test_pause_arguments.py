"""`pause` and `resume` refuse what they cannot understand before they ask a broker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pipeline.cli.app import MISUSE, main

CONFIGURATION = """\
kafka: {bootstrap_servers: '127.0.0.1:1', topics: [orders], group_id: shop}
notices: {url: 'http://127.0.0.1:1/message/v2/notices', token: none}
"""
RULES = """\
rules:
  - {id: order-paid, on: a.b, to: x, template: paid, data: {}}
  - {id: [broken
"""
TEMPLATES = "templates:\n  paid: {title: 订单支付, ids: {production: p}, fields: {}}\n"


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """A command sets its log up for this test's standard error, which later tests do not have."""
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pause"], "nothing to pause is named\nhint: add --all, --rule ID or --template ALIAS"),
        (["pause", "--list", "--all"], "--list shows what is paused; it takes no scope"),
        (["pause", "--all", "--drop"], "--drop goes with --rule and --template"),
        (
            ["pause", "--all", "--for", "tomorrow"],
            "--for: `tomorrow` is not a duration\nhint: write 90s, 30m, 2h or 1d",
        ),
        (["pause", "--all", "--for", "0h"], "--for: `0h` is not a duration"),
        (["pause", "--all", "--for", "１h"], "is not a duration"),
        (["pause", "--rule", " "], "--rule needs a name"),
        (["pause", "--template", "payd"], "has no template payd\nhint: did you mean `paid`? If the service runs other"),
        (["resume", "--all", "--rate", "5"], "--rate is an option of --send"),
        (["resume", "--all", "--into", "x"], "--into is an option of --send"),
        (["pause", "--all"], "no Kafka broker answers at 127.0.0.1:1"),
    ],
)
def test_misuse_ends_with_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    """A message on standard error, no traceback; a broken rule file does not prevent a pause."""
    file = tmp_path / "pipeline.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shop.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "rules" / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["notice-pipeline", *arguments, "--config", str(file)])
    monkeypatch.setenv("NOTICE_PIPELINE_KAFKA__START_TIMEOUT_SECONDS", "1")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == MISUSE
    written = capsys.readouterr()
    assert message in written.err
    assert "Traceback" not in written.err
    assert written.out == ""
