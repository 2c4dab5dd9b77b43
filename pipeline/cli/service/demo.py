"""`demo`: run the whole pipeline on one machine without other software, with a live summary."""

from __future__ import annotations

import asyncio
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.adapters.kafka.embedded import EmbeddedBroker
from pipeline.adapters.shipped import shipped
from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.bootstrap.service import run_service
from pipeline.cli.app import FINDINGS
from pipeline.cli.language import in_language
from pipeline.cli.service import care_demo
from pipeline.cli.service.sandbox import templates_by_id
from pipeline.model.outcome import OutcomeKind
from pipeline.phrases import phrase
from pipeline.rules.schema.examples import example
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import SandboxServer, running_sandbox
from pipeline.sandbox.state import SandboxOptions
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from pipeline.runtime.service import Service

TOPICS = {
    "com.example.trade.order": "trade.order.events",
    "com.example.trade.refund": "trade.refund.events",
    "com.example.coupon": "coupon.events",
    "com.example.user": "user.account.events",
}
RECIPIENTS = 100
POISON = 3
"""Number of undecodable records: each becomes an outcome and a dead letter and delays no recipient."""
TOKEN = "demo-token"  # noqa: S105 - valid only for the demo's own sandbox
FAULTS = {
    "seed": 7,
    "latency": "5ms-30ms",
    "faults": [
        {"probability": 0.04, "status": 503, "code": 503},
        {"probability": 0.002, "status": 429, "code": 429, "retry_after": 1},
        {"probability": 0.01, "do": "reset", "accepted": True},
        {"probability": 0.01, "code": 43101},
    ],
}
LONGEST_SECONDS = 120.0
TICK_SECONDS = 0.1


def command(
    events: Annotated[int, typer.Option("--events", "-n", min=8, max=20_000, help="Number of events.")] = 2_000,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep running at the end, with the pages, until Ctrl-C.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed makes the same events.")] = 1,
    care: Annotated[
        bool,
        typer.Option("--care", help="Play a day with caps, opt-outs, quiet hours and parcels that are announced once."),
    ] = False,
    seconds: Annotated[float, typer.Option(min=5, max=3_600, help="How long the day of --care takes.")] = 60,
) -> None:
    """Run the whole pipeline: an embedded broker, a sandbox API that injects faults, example events and rules.

    It shows live progress and ends with the totals. With `--care` the rules are those of `examples/recipient-care`, the
    events are spread over a day, and the report says what recipient care suppressed, and why.

    Exit 0: every event has its outcome; 1: some have not.

    Examples: `notice-pipeline demo --events 5000` · `notice-pipeline demo --care --seconds 20`
    """
    console = Console()
    rules = care_demo.RULES if care else "rules"
    options = SandboxOptions(
        port=0,
        tokens=frozenset({TOKEN}),
        templates=templates_by_id(shipped(rules)),
        plan=FaultPlan.model_validate(FAULTS),
    )
    with EmbeddedBroker() as broker, running_sandbox(options) as sandbox, tempfile.TemporaryDirectory() as folder:
        servers = broker.bootstrap_servers
        day = care_demo.CareDemo(servers, events=events, seed=seed, seconds=seconds) if care else None
        emitted = _emit(servers, events, seed) if day is None else len(day.plan)
        topics = care_demo.TOPICS if care else TOPICS.values()
        configuration = {**_configuration(servers, sandbox.url, rules, topics), **(care_demo.SETTINGS if care else {})}
        config = Path(folder) / "pipeline.yaml"
        config.write_text(json.dumps(configuration), encoding="utf-8")
        settings = load_settings(config, {"PATH": os.environ.get("PATH", "")})
        demo = _Demo(console, sandbox, emitted, keep=keep, day=day)
        code = asyncio.run(run_service(settings, on_started=demo.started, clock=None if day is None else day.clock))
        complete = demo.tell()
    if code or not complete:
        raise typer.Exit(FINDINGS)


def _configuration(bootstrap_servers: str, url: str, rules: str, topics: Iterable[str]) -> dict[str, object]:
    return {
        "kafka": {
            "bootstrap_servers": bootstrap_servers,
            "group_id": "demo",
            "group_protocol": "classic",
            "topics": sorted(topics),
            "properties": {"log_level": 0},
        },
        "schemas": {"directory": str(shipped("schemas/events"))},
        "rules": str(shipped(rules)),
        "rule_options": {"watch": False},
        "notices": {"url": url, "token": TOKEN},
        "delivery": {"retry": {"base_seconds": 0.2, "cap_seconds": 2}},
        "outcomes": {"create": False, "partitions": 4},
        "dead_letters": {"create": False},
        "http": {"host": "127.0.0.1", "port": 0, "studio": True},
        "log": {"level": "error"},
    }


def _emit(bootstrap_servers: str, count: int, seed: int) -> int:
    """Write example events of every type for a hundred recipients, and a few undecodable records."""
    rng = random.Random(seed).random  # noqa: S311 - examples, not secrets
    catalogue = read_schemas(shipped("schemas/events"))
    encoders = []
    for name in sorted(catalogue):
        schema = catalogue.newest(name)
        if schema is not None:
            topic = next(topic for prefix, topic in TOPICS.items() if name.startswith(prefix))
            encoders.append((schema, EventEncoder(schema, folder_id(schema.fingerprint), Encoding.AVRO), topic))
    recipients = [f"{int(rng() * 2**128):032x}" for _ in range(RECIPIENTS)]
    producer = EventProducer({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    for topic in ("notice.outcomes", "notice.dead-letters"):
        producer.make(topic)
    for number in range(count):
        schema, encoder, topic = encoders[number % len(encoders)]
        event = {**example(schema, rng, number), "sub": recipients[int(rng() * RECIPIENTS)]}
        value, headers = encoder.encode(event, number)
        producer.send(topic, str(event["sub"]), value, headers)
    for number in range(POISON):
        producer.send("trade.order.events", None, b"\x00\x00\x00\x00\x07no event" * (number + 1), [])
    producer.flush()
    return count + POISON


class _Demo:
    """Watches the service, and ends it when every event has its outcome."""

    def __init__(
        self, console: Console, sandbox: SandboxServer, emitted: int, *, keep: bool, day: care_demo.CareDemo | None
    ) -> None:
        """`day` writes the events while the service runs; None: they are written."""
        self._console = console
        self._day = day
        self._sandbox = sandbox
        self._emitted = emitted
        self._keep = keep
        self._begun = time.monotonic()
        self._seconds = 0.0
        self._service: Service | None = None
        self._watching: asyncio.Task[None] | None = None
        self._complete = False

    def started(self, service: Service, port: int) -> None:
        """Begin to watch the started service."""
        self._service = service
        self._print(
            phrase("{count} events on an embedded broker → rules → sandbox API (with faults)", count=self._emitted)
        )
        pages = f"http://127.0.0.1:{port}/", f"{self._sandbox.base_url}/"
        self._print(phrase("status: {status}   messages: {messages}", status=pages[0], messages=pages[1]))
        self._watching = asyncio.get_running_loop().create_task(self._watch(service))

    async def _watch(self, service: Service) -> None:
        self._begun = time.monotonic()
        longest = LONGEST_SECONDS if self._day is None else LONGEST_SECONDS + self._day.seconds
        with Live(console=self._console, refresh_per_second=8, transient=True) as live:
            while (now := time.monotonic()) - self._begun < longest:
                if self._day is not None and service.parts.delivery.snapshot(service.parts.clock.now()).frontiers:
                    service.engine.correct_clock(self._day.play(now))  # it begins once partitions are assigned
                await asyncio.sleep(TICK_SECONDS)
                live.update(self._table())
                if self._is_complete(service):
                    self._complete = True
                    break
        self._seconds = time.monotonic() - self._begun
        if not self._keep:
            service.stop()
            return
        self._console.print(self._table())
        if self._complete:
            self._print(phrase("every event has its outcome; Ctrl-C ends it"))
        else:
            self._print(phrase("some events have no outcome in time; Ctrl-C ends it"), style="red")

    def _is_complete(self, service: Service) -> bool:
        if self._day is not None:
            return self._sum("notice_pipeline_notices_total") >= self._day.expected
        state = service.parts.delivery.snapshot(service.parts.clock.now())
        consumed = self._sum("notice_pipeline_events_consumed_total")
        return consumed >= self._emitted and not state.buffered and not service.intake.waiting

    def _samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        telemetry = self._service.parts.telemetry if self._service is not None else None
        if not isinstance(telemetry, PrometheusTelemetry):
            return []
        return [
            (sample.labels, sample.value)
            for family in telemetry.registry.collect()
            for sample in family.samples
            if sample.name == name
        ]

    def _sum(self, name: str) -> float:
        return sum(value for _, value in self._samples(name))

    def _table(self) -> Table:
        """A table of rules and outcomes, with only the outcomes that occurred."""
        counts: Counter[tuple[str, str]] = Counter()
        for labels, value in self._samples("notice_pipeline_notices_total"):
            counts[labels["rule"] or in_language(phrase("(no event)")), labels["outcome"]] += int(value)
        kinds = [kind for kind in OutcomeKind if any(counts[rule, kind] for rule, _ in tuple(counts))]
        table = Table(box=None, pad_edge=False)
        table.add_column(in_language(phrase("rule")) if self._day is None else f"{self._day.now:%H:%M}", no_wrap=True)
        for kind in kinds:
            table.add_column(kind, justify="right", no_wrap=True)
        for rule in sorted({rule for rule, _ in counts}):
            table.add_row(rule, *(str(counts[rule, kind] or "·") for kind in kinds))
        return table

    def tell(self) -> bool:
        """Print the totals; return whether every event has its outcome."""
        if self._day is not None:
            self._console.print()
            self._print(
                phrase(
                    "a day of {recipients} recipients, {date}",
                    recipients=care_demo.RECIPIENTS,
                    date=f"{self._day.now:%Y-%m-%d}",
                )
            )
        self._console.print(self._table())
        ended = int(self._sum("notice_pipeline_notices_total"))
        attempts = int(self._sum("notice_pipeline_attempts_total"))
        unmatched = int(self._sum("notice_pipeline_events_unmatched_total"))
        counts = self._sandbox.state.memory.counts
        self._console.print()
        self._print(
            phrase(
                "{events} events: {outcomes} outcomes acknowledged, {unmatched} events matched no rule; "
                "{requests} requests; {seconds:.1f} s",
                events=self._emitted,
                outcomes=ended,
                unmatched=unmatched,
                requests=attempts,
                seconds=self._seconds,
            )
        )
        self._print(
            phrase(
                "the sandbox accepted {accepted} messages; concurrent requests for one recipient: {overlapping}; "
                "repeated requests answered from its memory: {repeats}",
                accepted=counts.accepted,
                overlapping=counts.overlapping,
                repeats=counts.repeats,
            )
        )
        if self._day is not None:
            self._console.print()
            self._console.print(self._day.report())
        if not self._complete:
            self._print(phrase("some events have no outcome in time"), style="red")
        return self._complete

    def _print(self, text: str, style: str | None = None) -> None:
        self._console.print(in_language(text), style=style)
