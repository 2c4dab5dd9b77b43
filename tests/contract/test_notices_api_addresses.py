"""Where a name leads: dead addresses, names that move, a silent name server; with the system's own resolver.

Each scenario runs in a process with a mount namespace of its own, where /etc/hosts and /etc/resolv.conf are the test's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("addresses.py")
HOSTS = "127.0.0.1 localhost two.test\n127.0.0.2 two.test\n"
MOUNT = 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"'
IS_ROOT = os.geteuid() == 0
NAMESPACE = ["unshare", "--mount", *([] if IS_ROOT else ["--map-root-user"]), "sh", "-c", MOUNT, "sh"]


@cache
def has_namespaces() -> bool:
    """Whether this user may make a mount namespace here."""
    try:
        done = subprocess.run([*NAMESPACE, "/etc/hosts", "/etc/resolv.conf", "true"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    if not has_namespaces():
        pytest.skip("needs mount namespaces (unshare)")


def played(scenario: str, folder: Path) -> dict[str, dict[str, Any]]:
    """What each transport did."""
    hosts, resolver = folder / "hosts", folder / "resolv.conf"
    hosts.write_text(HOSTS)
    resolver.write_text("nameserver 127.0.0.9\n")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "RES_OPTIONS": "timeout:30 attempts:3"}
    command = [*NAMESPACE, str(hosts), str(resolver), sys.executable, str(CHILD), scenario, str(hosts)]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_first_address_that_refuses_is_no_outage(tmp_path: Path) -> None:
    """Every request arrives, once, by the second address."""
    for transport, found in played("refused", tmp_path).items():
        assert found["faults"] == [None] * 6, transport
        assert found["arrived"] == 6, transport


def test_a_first_address_that_is_silent_is_no_outage(tmp_path: Path) -> None:
    """Happy eyeballs (RFC 8305): the second address is tried after 250 ms, and first from then on.

    pyreqwest tries addresses of one family in turn, each for its part of the time to connect, and remembers nothing.
    """
    for transport, found in played("silent", tmp_path).items():
        assert found["faults"] == [None] * 6, transport
        assert found["arrived"] == 6, transport
        if transport != "pyreqwest":
            assert found["seconds"][0] >= 0.2, transport
            assert sorted(found["seconds"])[3] < 0.2, transport


def test_a_name_that_leads_elsewhere_is_followed(tmp_path: Path) -> None:
    """After the maximum age of a connection, though the old address still answers."""
    for transport, found in played("moved", tmp_path).items():
        assert found == {"faults": ["None"], "before": [3, 0], "moved": 1}, transport


@pytest.mark.skipif(not IS_ROOT, reason="binds the port of a name server, which needs root")
def test_a_silent_name_server_is_a_fault_of_the_request_alone(tmp_path: Path) -> None:
    """Nothing has left; closing the client and ending the process do not wait for the lookups, which take 90 s."""
    began = time.monotonic()
    for transport, found in played("hung", tmp_path).items():
        assert found["fault"] == "connect", transport
        assert found["asked"], transport
        assert found["seconds"] < 20, transport
    assert time.monotonic() - began < 80
