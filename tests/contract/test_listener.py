"""Taking the endpoint's address: what cannot be had is reported with a helpful message."""

from __future__ import annotations

import socket

import pytest

from pipeline.errors import Unreachable
from pipeline.web.listener import listen


@pytest.mark.parametrize("host", ["256.0.0.1", "no host", "192.0.2.1"])
def test_an_unknown_address_does_not_concern_the_port(host: str) -> None:
    """The hint names the setting that is wrong."""
    with pytest.raises(Unreachable, match="cannot listen") as refused:
        listen(host, 0)
    assert "http.host" in (refused.value.hint or "")


def test_a_taken_port_is_a_matter_of_the_port() -> None:
    """Another service may have it."""
    with listen("127.0.0.1", 0) as taken, pytest.raises(Unreachable, match="in use") as refused:
        listen("127.0.0.1", taken.getsockname()[1])
    assert "http.port" in (refused.value.hint or "")


def test_an_early_client_waits() -> None:
    """The address is reported at start; no one who asks there before the pages are loaded is turned away."""
    with listen("127.0.0.1", 0) as early, socket.create_connection(early.getsockname(), timeout=10) as client:
        accepted, _ = early.accept()
        with accepted:
            client.sendall(b"GET")
            assert accepted.recv(3) == b"GET"
