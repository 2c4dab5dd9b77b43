"""Which requests are from a page of this server."""

from __future__ import annotations

import pytest

from pipeline.origin import is_foreign, is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8091", "127.0.0.1", "127.0.0.1:80", "127.8.0.1", "[::1]", "[::1]:8091"]
)
def test_names_of_this_machine(host: str) -> None:
    """With a port or without."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example.com",
        "localhost.example.com",
        "localhost@evil.example.com",
        "10.0.0.1",
        "192.0.2.1:80",
        "[::1",
        "[::2]",
        ":80",
    ],
)
def test_other_names(host: str) -> None:
    """Also those that no browser sends."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("site", "origin", "foreign"),
    [
        (None, None, False),
        ("same-origin", "null", False),
        ("none", None, False),
        ("same-site", None, True),
        ("cross-site", "http://localhost:1", True),
        (None, "http://localhost:1", False),
        (None, "http://localhost:2", True),
        (None, "null", True),
    ],
)
def test_pages_of_another_origin(site: str | None, origin: str | None, *, foreign: bool) -> None:
    """The browser's label counts, else the origin."""
    assert is_foreign(site, origin, "localhost:1") is foreign
