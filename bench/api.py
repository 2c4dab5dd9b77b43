"""The API of the measurement: nginx that answers at once or after 50 ms, and the clients that show what it can take."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.processes import Cores, on, running
from bench.workload import BODY_BYTES, TOKEN
from tests.broker.handle import Unavailable, free_ports

ECHO_MODULES = (
    Path("/usr/lib/nginx/modules/ngx_http_echo_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_http_echo_module.so"),
)
WRK_SECONDS = 4
CLIENT_SECONDS = 60
CONFIG = """\
load_module {module};
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 8192; multi_accept on; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; default_type application/json;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{port} backlog=8192;
    location /0 {{ return 200 '{{"code":200}}'; }}
    location /50 {{ echo_sleep 0.05; echo_duplicate 1 '{{"code":200}}'; }}
  }}
}}
"""
LUA = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
wrk.headers["Idempotency-Key"] = '"abdf3647-9c11-5cb5-856a-5d43e25176c5"'
wrk.body = string.rep("x", {size})
"""


class Pace(NamedTuple):
    """What a bare client reached on the same API."""

    per_second: float
    cpu_us: float | None
    """CPU microseconds of the client's process for each request."""


@contextlib.contextmanager
def serve(folder: Path, cores: frozenset[int]) -> Iterator[str]:
    """Run nginx; gives the root of its urls: `/0` answers at once, `/50` after 50 ms.

    Raises:
        Unavailable: nginx or its echo module is not installed.
    """
    module = next((path for path in ECHO_MODULES if path.exists()), None)
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None or module is None:
        raise Unavailable("nginx with its echo module is needed: apt install nginx libnginx-mod-http-echo")
    home = folder / "nginx"
    home.mkdir()
    (port,) = free_ports(1)
    (home / "nginx.conf").write_text(CONFIG.format(module=module, port=port))
    with running([nginx, "-p", str(home), "-c", "nginx.conf"], cores, home / "log"):
        root = f"http://127.0.0.1:{port}"
        _wait_for(f"{root}/0")
        yield root


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(url, timeout=1):  # noqa: S310 - loopback
            return
        time.sleep(0.05)
    raise Unavailable("nginx did not come up")


def wrk(url: str, in_flight: int, cores: Cores, folder: Path) -> Pace | None:
    """What a client in C reaches; None where wrk is not installed."""
    program = shutil.which("wrk")
    if program is None:
        return None
    script = folder / "post.lua"
    script.write_text(LUA.format(token=TOKEN, size=BODY_BYTES))
    command = [program, "-t1", f"-c{in_flight}", f"-d{WRK_SECONDS}s", "-s", str(script), url]
    with on(cores.sender):
        done = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=True)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    return Pace(float(found[1]), None) if found else None


def bare_client(url: str, in_flight: int, requests: int, cores: Cores) -> Pace:
    """What the product's HTTP client reaches in a loop that does nothing else."""
    command = [sys.executable, "-m", "bench.bare_client", url, str(in_flight), str(requests)]
    with on(cores.sender):
        done = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=True)
    return Pace(**json.loads(done.stdout))
