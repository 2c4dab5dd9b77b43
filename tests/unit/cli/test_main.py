"""The way in: what happens before the command line has loaded."""

from __future__ import annotations

import builtins
import errno
import gc
import os
import sys
from types import ModuleType
from typing import Any

import pytest

from pipeline.__main__ import INTERRUPTED, main
from pipeline.cli import app
from pipeline.cli.collector import COLLECT_AFTER


def test_ctrl_c_during_import_has_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its exit code is the same as later."""
    load = builtins.__import__

    def interrupted(name: str, *others: Any) -> ModuleType:  # noqa: ANN401 - as `__import__` has them
        if name == "pipeline.cli.app":
            raise KeyboardInterrupt
        return load(name, *others)

    monkeypatch.setattr(builtins, "__import__", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == INTERRUPTED == app.INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


def test_it_runs_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As `python -m pipeline` does."""
    monkeypatch.setattr(sys, "argv", ["notice-pipeline", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("notice-pipeline ")


def test_the_cycle_collector_runs_rarely_while_modules_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing makes many objects and hardly any garbage."""
    load, seen = builtins.__import__, list[tuple[int, int, int]]()

    def watched(name: str, *others: Any) -> ModuleType:  # noqa: ANN401 - as `__import__` has them
        if name == "pipeline.cli.app":
            seen.append(gc.get_threshold())
        return load(name, *others)

    usual = gc.get_threshold()
    monkeypatch.setattr(builtins, "__import__", watched)
    monkeypatch.setattr(sys, "argv", ["notice-pipeline", "--version"])
    gc.set_threshold(700, 10, 10)
    try:
        with pytest.raises(SystemExit):
            main()
    finally:
        gc.set_threshold(*usual)
    assert seen == [COLLECT_AFTER]


def test_a_full_disk_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A large report can be redirected to a disk without space."""

    def write() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(SystemExit) as ended:
        app.ending(write)
    assert ended.value.code == app.MISUSE
    assert capsys.readouterr().err == "error: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("as_typer_does", [False, True])
def test_a_reader_that_has_ended_is_no_finding(as_typer_does: bool) -> None:  # noqa: FBT001 - a case
    """`find … | head -1` must not end with 1, which means "not found", nor an audit with 0: it is as in shells."""

    reader, writer = os.pipe()
    os.close(reader)

    def write() -> None:
        try:
            os.write(writer, b"x")
        except BrokenPipeError:
            if as_typer_does:
                sys.exit(1)
            raise

    with pytest.raises(SystemExit) as ended:
        app.ending(write)
    os.close(writer)
    assert ended.value.code == app.READER_ENDED == 141


def test_other_errors_are_not_reported_as_a_full_disk() -> None:
    """It keeps its traceback."""

    def fail() -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    with pytest.raises(OSError, match="Bad file"):
        app.ending(fail)
