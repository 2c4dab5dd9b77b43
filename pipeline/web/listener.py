"""The endpoint's address, taken before anything else is loaded."""

from __future__ import annotations

import errno
import socket

from pipeline.errors import Unreachable

BACKLOG = 128
_FREE = "choose a free port, or 0 for any: http.port, or --port where there is one"
_HERE = "choose an address of this machine: http.host, or --host where there is one; 0.0.0.0 is all of them"


def listen(host: str, port: int) -> socket.socket:
    """Bind before anything else starts, so that a port in use is reported at once.

    Raises:
        Unreachable: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # A client that connects before the pages are loaded waits, and is not refused.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Unreachable(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint=_FREE if error.errno in {errno.EADDRINUSE, errno.EACCES} else _HERE,
        ) from None
    return listener
