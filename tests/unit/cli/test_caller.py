"""Who calls a command."""

from __future__ import annotations

import getpass
import os
import socket

import pytest

from pipeline.cli.operators.caller import caller


def test_the_given_name_counts() -> None:
    """Otherwise user and host."""
    assert caller("ann") == "ann"
    assert caller(None) == f"{getpass.getuser()}@{socket.gethostname()}"


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_name_is_named_by_number(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """As in a container whose orchestrator chooses a user at random. Which error it is depends on Python's release."""

    def unknown() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert caller(None) == f"uid {os.getuid()}@{socket.gethostname()}"
