"""Who calls a command, for what it leaves behind."""

from __future__ import annotations

import getpass
import os
import socket


def caller(name: str | None) -> str:
    """Return the name that was given; otherwise user and host, or the user's number in a container without names."""
    if name:
        return name
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
