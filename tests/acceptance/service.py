"""The service as its users run it: a configuration file, the command, and what can be seen of it from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Consumer, TopicPartition

from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.model.outcome import Outcome
from tests.broker import topics
from tests.fakes import plain_http

# Only a failing test ever waits so long; a busy machine must not make one fail.
OUTCOMES_SECONDS = 240.0
END_SECONDS = 120.0
ANSWER_SECONDS = 60.0
TAIL_LINES = 60


class ServiceUnderTest:
    """One configuration in a folder of its own, and the processes that run by it."""

    def __init__(self, folder: Path, configuration: Mapping[str, object], rules: Mapping[str, str]) -> None:
        """`rules` are the files of the rules folder."""
        self.folder = folder
        (folder / "rules").mkdir()
        for name, text in rules.items():
            (folder / "rules" / name).write_text(text, encoding="utf-8")
        self.configure(configuration)

    def configure(self, configuration: Mapping[str, object]) -> None:
        """Write the configuration again; the next process reads it."""
        self.configuration = {"rules": "rules", "log": {"format": "json"}, **configuration}
        (self.folder / "pipeline.yaml").write_text(json.dumps(self.configuration), encoding="utf-8")

    @contextmanager
    def running(
        self,
        log_name: str = "log",
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        program: Sequence[str] = ("-m", "pipeline"),
    ) -> Iterator[subprocess.Popen[str]]:
        """The service with `options`, ended at the end whatever happens; `environment` is laid over ours.

        `program` is what Python runs: a test may shorten a time of the service that is no setting.
        """
        with (self.folder / log_name).open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [sys.executable, *program, "run", "--config", str(self.folder / "pipeline.yaml"), *options],
                stderr=log,
                stdout=log,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(environment or {})},
            )
            try:
                yield process
            except BaseException as error:
                error.add_note(self._last_seen(process, log_name))
                raise
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait(END_SECONDS)

    def _last_seen(self, process: subprocess.Popen[str], log_name: str) -> str:
        """What the service said last, for a test that fails: its exit code or its probe's answer, and its log's end."""
        lines = (self.folder / log_name).read_text(encoding="utf-8").splitlines()
        started = self.reported("starting", log_name, seconds=0)
        if process.poll() is not None:
            state = f"the service has ended with {process.returncode}"
        elif not started:
            state = "the service has not started"
        else:
            try:
                state = f"/readyz: {plain_http.get(started[-1]['endpoint'] + '/readyz', timeout=10).text.strip()}"
            except httpx.HTTPError as error:
                state = f"/readyz: {error!r}"
        return "\n".join([state, f"the last lines of {self.folder / log_name}:", *lines[-TAIL_LINES:]])

    @property
    def log(self) -> str:
        """Everything that was ever written to standard output and standard error."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def reported(self, event: str, log_name: str = "log", seconds: float = 60) -> list[dict[str, Any]]:
        """Every line of the log about such an event, once there is one, or after so many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            text = (self.folder / log_name).read_text(encoding="utf-8")
            whole = [json.loads(line) for line in text.split("\n")[:-1] if line.startswith("{") and event in line]
            found = [line for line in whole if line.get("event") == event]
            if found or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command beside the service, with its configuration; it reports as JSON."""
        options = ["--config", str(self.folder / "pipeline.yaml"), "--output", "json"]
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def report(self, *arguments: str, codes: Collection[int] = (0,)) -> dict[str, Any]:
        """What a command reports; it ends with one of these codes."""
        process = self.command(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode in codes, (out, err)
        report: dict[str, Any] = json.loads(out)
        return report

    def answer(self, path: str, log_name: str = "log") -> str:
        """What the endpoint of the last process answers."""
        return plain_http.get(
            f"{self.reported('starting', log_name)[-1]['endpoint']}{path}", timeout=ANSWER_SECONDS
        ).text


def read_outcomes(bootstrap_servers: str, topic: str, count: int, seconds: float = OUTCOMES_SECONDS) -> list[Outcome]:
    """Every outcome on the ledger once there are at least `count` different ones, or after so many seconds."""
    decode = OutcomeDecoder()
    found: list[Outcome] = []
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"{topic}.reader",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    deadline = time.monotonic() + seconds
    try:
        while not (known := topics.partitions(consumer, topic)) and time.monotonic() < deadline:
            time.sleep(0.1)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in known])
        while time.monotonic() < deadline and len({outcome.id for outcome in found}) < count:
            for message in consumer.consume(500, 0.2):
                outcome = decode(message.value()) if message.error() is None else None
                found += [outcome] if outcome is not None else []
    finally:
        consumer.close()
    return found


def uncommitted(bootstrap_servers: str, group: str, topic: str) -> int:
    """Records at or above the group's committed offsets."""
    known = topics.committed(bootstrap_servers, group, topic)
    return sum(end - max(0, known[number].offset) for number, end in topics.ends(bootstrap_servers, topic).items())
