"""Commands called as a shell does, in a folder with the shop's rules."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.cli import app, language
from tests.unit.rules.shop import SCHEMA, TEMPLATES

RULES = """\
defaults: {on: shop.order.Paid, to: "${event.sub}", template: paid}
rules:
  - id: large
    when: event.count > 2 && event.amount >= 1000.0
    data: {thing1: 大单}
  - id: any
    url: https://m.example.com/${event.order_no}
    data: {thing1: "${event.order_no}"}
  - id: old
    when: event.gift
    template: old
    data:
      first: 您好
      keyword1: {value: "${event.order_no}", color: "#173177"}
      remark: 再见
"""
PAID = {
    "sub": "0123456789abcdef0123456789abcdef",
    "order_no": "T2026",
    "count": 3,
    "amount": 128.0,
    "gift": False,
    "paid_at": "2026-11-23T15:01:00Z",
    "channel": "WECHAT",
    "tags": ["new"],
    "extra": {},
    "buyer": {"name": "Li", "level": None},
    "coupon": None,
    "lines": [],
}


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """The language is one of the process, and must not reach the next test."""
    yield
    language.english()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with rules and schemas; the working directory."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    (tmp_path / "rules" / "shop.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "paid.avsc").write_text(json.dumps(SCHEMA), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def give(shop: Path) -> Callable[..., str]:
    """Write a file with the shop's event, fields changed; its name."""

    def write(**changes: object) -> str:
        (shop / "paid.json").write_text(json.dumps(PAID | changes), encoding="utf-8")
        return "paid.json"

    return write


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line."""

    def call(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["notice-pipeline", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        out, err = capsys.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return call
