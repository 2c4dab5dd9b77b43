"""Structured logs: one line, one name, and no flood."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from pipeline.adapters.telemetry.logging import REPEATS_PER_MINUTE, configure_logging, recipient_hash


class Clock:
    def __init__(self) -> None:
        self.time = 60_000_000.0

    def now(self) -> float:
        return self.time

    def correction(self) -> float:
        return 0.0


@pytest.fixture
def clock() -> Iterator[Clock]:
    before = structlog.get_config()
    made = Clock()
    yield made
    structlog.configure(**before)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What was written since the last look."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_repeats_beyond_a_minutes_share_are_dropped_and_reported_in_the_next(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is written next tells how many there were, of each name and level."""
    configure_logging(form="json", level="info", clock=clock)
    log = structlog.get_logger("test")
    for number in range(REPEATS_PER_MINUTE + 5):
        log.warning("trouble", number=number)
        log.error("trouble", number=number)
    assert len(lines(capsys)) == 2 * REPEATS_PER_MINUTE
    clock.time += 60
    log.info("something_else")
    *reported, last = lines(capsys)
    assert [(line["event"], line["of"], line["lines"], line["level"]) for line in reported] == [
        ("repeats_dropped", "trouble", 5, "warning"),
        ("repeats_dropped", "trouble", 5, "error"),
    ]
    assert last["event"] == "something_else"
    clock.time += 60
    log.info("something_else")
    assert [line["event"] for line in lines(capsys)] == ["something_else"]


def test_repeats_dropped_are_reported_at_the_end() -> None:
    """A burst just before the process ends leaves a trace of its size, even where the end is a failure."""
    code = """
import structlog
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.telemetry.logging import configure_logging
configure_logging(form="json", level="info", clock=SystemClock())
for _ in range(1000):
    structlog.get_logger("test").error("trouble")
raise SystemExit(1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    written = [json.loads(line) for line in done.stderr.splitlines()]
    dropped = sum(line["lines"] for line in written if line["event"] == "repeats_dropped")
    assert dropped + sum(line["event"] == "trouble" for line in written) == 1000


def test_a_workers_lines_carry_its_number(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """So that the lines of several can be distinguished; one process needs none."""
    configure_logging(form="json", level="info", clock=clock, worker=3)
    structlog.get_logger("test").info("hello")
    configure_logging(form="json", level="info", clock=clock)
    structlog.get_logger("test").info("hello")
    assert [line.get("worker") for line in lines(capsys)] == [3, None]


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_holds_no_values_of_variables(form: str, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Among the variables are events, recipients and tokens."""
    configure_logging(form=form, level="info", clock=clock)
    token = "canary-" + "5e1f"
    try:
        _ = [0][len(token)]  # the error's message does not have the token
    except IndexError as error:
        structlog.get_logger("test").error("record_failed", exc_info=error)
    written = capsys.readouterr().err
    assert "test_logging.py" in written
    assert "IndexError" in written
    assert "canary-5e1f" not in written


def test_a_recipient_is_recognised_and_not_named() -> None:
    """The same with the same key, another with another key."""
    hashed = recipient_hash(b"key")("a recipient")
    assert hashed == recipient_hash(b"key")("a recipient")
    assert len({hashed, recipient_hash(b"other")("a recipient"), recipient_hash(b"key")("someone")}) == 3
    assert "a recipient" not in hashed


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 200])
@pytest.mark.parametrize("recipient", ["", "x" * 200, "某人", "\ud800"])
def test_the_hash_of_a_recipient_is_hmac(length: int, recipient: str) -> None:
    """As the library computes it, for keys shorter and longer than a block."""
    key = bytes(range(length))
    expected = hmac.digest(key, recipient.encode("utf-8", "surrogatepass"), "sha256")[:8].hex()
    once = recipient_hash(key)
    assert once(recipient) == once(recipient) == expected
