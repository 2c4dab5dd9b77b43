"""The way in: what happens before the command line has loaded."""

from __future__ import annotations

import builtins
import errno
import sys
from types import ModuleType
from typing import Any

import pytest

from pipeline.__main__ import INTERRUPTED, main
from pipeline.cli import app


def test_ctrl_c_while_it_loads_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its code is the one that every other moment has."""
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


def test_a_full_disk_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A report of a large comparison is redirected to a file; there may be no room for it."""

    def write() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(SystemExit) as ended:
        app.ending(write)
    assert ended.value.code == app.MISUSE
    assert capsys.readouterr().err == "error: the output cannot be written: No space left on device\n"


def test_a_fault_of_ours_is_not_told_as_the_disk_s() -> None:
    """It keeps its traceback."""

    def fail() -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    with pytest.raises(OSError, match="Bad file"):
        app.ending(fail)
