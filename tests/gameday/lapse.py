"""The alerts in time lapse: every span of time in them divided by one number, so that hours pass in minutes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_SPAN = re.compile(r"(?<=\[)(\d+)([smhd])(?=\])")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SECONDS = re.compile(r"(?<![\w.])(60|600|900|3600|21600|86400|259200)(?![\w.\"])")
"""Numbers in expressions that are seconds: ages, and the windows by which averages become counts."""


def lapsed(file: Path, factor: float, into: Path) -> Path:
    """`file` with every `for`, `keep_firing_for`, range and age divided by `factor`, written into a folder."""
    document = YAML(typ="safe").load(file)
    for group in document["groups"]:
        for rule in group["rules"]:
            _shorten(rule, factor)
    written = into / file.name
    with written.open("w", encoding="utf-8") as target:
        YAML(typ="safe").dump(document, target)
    return written


def _shorten(rule: dict[str, Any], factor: float) -> None:
    rule["expr"] = shortened(rule["expr"], factor)
    for name in ("for", "keep_firing_for"):
        if name in rule:
            rule[name] = _span(*_parts(rule[name]), factor)


def shortened(expression: str, factor: float) -> str:
    """One expression in time lapse.

    >>> shortened('rate(a[5m]) > 0 and age > 600 and b{le="60.0"} > 1000', 30)
    'rate(a[10000ms]) > 0 and age > 20 and b{le="60.0"} > 1000'
    """
    ranges = _SPAN.sub(lambda span: _span(int(span[1]), span[2], factor), expression)
    return _SECONDS.sub(lambda number: f"{int(number[1]) / factor:g}", ranges)


def _parts(span: str) -> tuple[int, str]:
    return int(span[:-1]), span[-1]


def _span(count: int, unit: str, factor: float) -> str:
    return f"{round(count * _UNITS[unit] * 1_000 / factor)}ms"
