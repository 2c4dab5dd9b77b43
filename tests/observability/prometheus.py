"""A real Prometheus and a real Alertmanager (Debian's packages), each a process of its own."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.broker.handle import Unavailable, free_ports
from tests.fakes import plain_http

READY_SECONDS = 90.0


class Scraping(NamedTuple):
    """What a Prometheus watches, and by which rules."""

    targets: Sequence[str]
    """`host:port` of each member."""
    rule_files: Sequence[Path]
    interval: str = "500ms"
    alertmanager: str | None = None
    """`host:port` to send alerts to."""
    honor_labels: bool = False
    """Whether a target's own `job` and `instance` count."""
    releases: Sequence[str] | None = None
    """The label `release` of each target, if they have any."""

    @property
    def static_configs(self) -> list[dict[str, Any]]:
        """The targets as Prometheus wants them."""
        if self.releases is None:
            return [{"targets": list(self.targets)}]
        pairs = zip(self.targets, self.releases, strict=True)
        return [{"targets": [target], "labels": {"release": release}} for target, release in pairs]


class Prometheus:
    """Asks a running one."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The samples of an instant query whose values are numbers."""
        answer = self._get("query", {"query": query})
        samples: list[dict[str, Any]] = answer["result"]
        return [sample for sample in samples if not math.isnan(float(sample["value"][1]))]

    def rules(self, kind: str) -> list[dict[str, Any]]:
        """Every rule of this kind (`alerting`, `recording`) with its state."""
        return [rule for group in self._get("rules", {})["groups"] for rule in group["rules"] if rule["type"] == kind]

    def _get(self, path: str, params: Mapping[str, str]) -> Any:  # noqa: ANN401 - as its API gives it
        answer = plain_http.get(f"{self.address}/api/v1/{path}", params=params, timeout=30).json()
        assert answer["status"] == "success", f"{params}: {answer}"
        return answer["data"]


@contextmanager
def prometheus(folder: Path, scraping: Scraping) -> Iterator[Prometheus]:
    """Up while the context lasts; its files go into `folder`.

    Raises:
        Unavailable: it is not installed, or does not come up.
    """
    configuration: dict[str, Any] = {
        "global": {
            "scrape_interval": scraping.interval,
            "scrape_timeout": scraping.interval,
            "evaluation_interval": scraping.interval,
        },
        "rule_files": [str(file) for file in scraping.rule_files],
        "scrape_configs": [
            {
                "job_name": "notice-pipeline",
                "honor_labels": scraping.honor_labels,
                "static_configs": scraping.static_configs,
            }
        ],
    }
    if scraping.alertmanager is not None:
        configuration["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [scraping.alertmanager]}]}]}
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(configuration), encoding="utf-8")
    (port,) = free_ports(1)
    arguments = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"]
    with _running("prometheus", [*arguments, f"--web.listen-address=127.0.0.1:{port}"], folder, port):
        yield Prometheus(f"http://127.0.0.1:{port}")


def backfilled(folder: Path, samples: Mapping[str, Sequence[tuple[float, float]]], rules: Path, span: range) -> None:
    """Write samples (time, value) of the past, and what recording rules make of them, to where `prometheus` keeps data.

    `span` is the seconds since the epoch of which the rules make something. Rules may use what others record.

    Raises:
        Unavailable: Prometheus is not installed.
    """
    data, text = folder / "data", folder / "samples.txt"
    with text.open("w") as lines:
        for name, values in samples.items():
            lines.writelines(f"{name} {value} {at}\n" for at, value in values)
        lines.write("# EOF\n")
    _promtool("openmetrics", "--max-block-duration=96h", str(text), str(data))
    for number in range(2):  # the second time for rules that use the first ones
        with prometheus(folder, Scraping([], [])) as server:
            times = [f"--start={span.start}", f"--end={span.stop}", "--eval-interval=1m"]
            output = [f"--url={server.address}", f"--output-dir={folder / f'made{number}'}"]
            _promtool("rules", *times, *output, str(rules))
        for block in (folder / f"made{number}").iterdir():
            block.rename(data / block.name)


def _promtool(kind: str, *arguments: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        raise Unavailable("promtool is not installed (make tools gets it on Debian)")
    command = [program, "tsdb", "create-blocks-from", kind, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def alertmanager(folder: Path, configuration: Path) -> Iterator[str]:
    """Up while the context lasts, by this configuration; gives its `host:port`.

    Raises:
        Unavailable: it is not installed, or does not come up.
    """
    (port,) = free_ports(1)
    arguments = [f"--config.file={configuration}", f"--storage.path={folder / 'alertmanager'}"]
    arguments += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with _running("prometheus-alertmanager", arguments, folder, port):
        yield f"127.0.0.1:{port}"


@contextmanager
def _running(name: str, arguments: Sequence[str], folder: Path, port: int) -> Iterator[None]:
    program = shutil.which(name)
    if program is None:
        raise Unavailable(f"{name} is not installed (make tools gets it on Debian)")
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
        try:
            _until_ready(name, f"http://127.0.0.1:{port}/-/ready", process)
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def _until_ready(name: str, url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable(f"{name} ended at its start")
        try:
            if plain_http.get(url).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise Unavailable(f"{name} was not ready within {READY_SECONDS:.0f} s")
