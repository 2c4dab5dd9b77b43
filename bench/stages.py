"""What each stage costs alone: the product's own parts, one after the other over the same events, in one process.

CPU time of the whole process, so a stage that works through other threads (Kafka) is charged for them. The sum is a
mean over all events, as a whole run's figure is: the lowest of many short rounds would be half of it on a busy machine.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

import uvloop
from rich.console import Console
from rich.table import Table

from bench import report, workload
from bench.processes import Cores, on
from bench.testbed import testbed
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.reply import ReplyReader
from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.bootstrap.events import find_schemas
from pipeline.bootstrap.parts import make_parts
from pipeline.bootstrap.service import token_sources
from pipeline.delivery.evaluated_record import EvaluatedRecord, PendingOutcome
from pipeline.delivery.machine import Delivery
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.event import Event, Record, TopicPartition
from pipeline.model.ledger import Assigned, CommitPoint
from pipeline.model.notice import DEFAULT_API, Notice
from pipeline.model.reply import Reply
from pipeline.model.verdict import Verdict
from pipeline.ports import NoticesApi, OutcomeLog
from pipeline.runtime.credentials import Credentials
from pipeline.runtime.service import Parts
from pipeline.settings import load_settings
from tests.broker.handle import Unavailable

Result = TypeVar("Result")
MOST_EVENTS = 30_000
"""More changes no figure: a stage has no start-up of its own."""
IN_FLIGHT = 64
SLICE = 64
ACCEPTED = Reply(200, 200)
GIVE_UP_SECONDS = 60.0


class Stage(NamedTuple):
    """A stage and its cost."""

    name: str
    us: float
    message: str


class Collector:
    """A source's listener that only keeps what comes."""

    def __init__(self, expected: int) -> None:
        self.records: list[Record] = []
        self.full = threading.Event()
        self._expected = expected

    def on_records(self, records: Sequence[Record]) -> None:
        """Keep them."""
        self.records.extend(records)
        if len(self.records) >= self._expected:
            self.full.set()

    def on_assigned(self, partitions: Sequence[Assigned]) -> None:
        """Nothing to prepare."""

    def on_revoked(self, partitions: Sequence[TopicPartition]) -> Sequence[CommitPoint]:
        """Nothing to commit."""
        del partitions
        return ()

    def on_lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Nothing to forget."""

    def on_fatal(self, error: Exception) -> None:
        """Stop waiting; the missing records are reported."""
        del error
        self.full.set()


def timed(work: Callable[[], Result], count: int) -> tuple[Result, float]:
    """What `work` gives, and its CPU microseconds for each of `count`."""
    before = time.process_time()
    result = work()
    return result, (time.process_time() - before) / count * 1e6


def consume(parts: Parts, expected: int) -> list[Record]:
    """Every record, through the product's own source."""
    collector = Collector(expected)
    parts.source.demand(expected)
    parts.source.start(collector)
    complete = collector.full.wait(GIVE_UP_SECONDS)
    parts.source.stop(GIVE_UP_SECONDS)
    if not complete or len(collector.records) < expected:
        raise Unavailable(f"only {len(collector.records)} of {expected} events came")
    return collector.records


def unmatched(event: Event) -> Event:
    """The same event, but so that the second half of the condition refuses it."""
    return replace(event, data={**event.data, "pay_channel": "BALANCE"})


def schedule(delivery: Delivery, arrivals: Sequence[EvaluatedRecord]) -> list[PendingOutcome]:
    """Through lanes, limiter, breaker, verdicts and frontier, with replies that come at once."""
    for partition in {TopicPartition(one.record.topic, one.record.partition) for one in arrivals}:
        delivery.assign(Assigned(partition, 1, 0, {}))
    published: list[PendingOutcome] = []
    offered, offset, now = 0, 0, arrivals[0].received_at
    while len(published) < len(arrivals):
        wanted = min(SLICE, delivery.demand())
        for arrival in arrivals[offered : offered + wanted]:
            delivery.offer(arrival, now)
        offered += wanted
        for attempt in delivery.attempts(now):
            now += 1e-6
            delivery.replied(attempt, ACCEPTED, now)
        for publication in delivery.publications():
            delivery.acknowledged(publication.ticket, 0, offset)
            offset += 1
            published.append(publication)
        delivery.commit_points()
    return published


async def send(api: NoticesApi, notices: Sequence[Notice]) -> None:
    """Every notice, so many at once."""
    waiting = iter(notices)
    done = asyncio.get_running_loop().create_future()
    missing = len(notices)

    def post() -> None:
        notice = next(waiting, None)
        if notice is not None:
            api.post(notice, workload.TOKEN, None, answered)

    def answered(reply: Reply) -> None:
        nonlocal missing
        missing -= 1
        if reply != ACCEPTED:
            done.set_exception(Unavailable(f"the API answered {reply}"))
        elif not missing:
            done.set_result(None)
        else:
            post()

    for _ in range(IN_FLIGHT):
        post()
    await done


def publish(log: OutcomeLog, publications: Sequence[PendingOutcome]) -> None:
    """Encode, write, and wait for every acknowledgement."""
    done = 0

    def acknowledged(partition: int, offset: int) -> None:
        nonlocal done
        del partition, offset
        done += 1

    for number, publication in enumerate(publications):
        log.publish(publication.outcome, publication.record, acknowledged)
        if number % SLICE == 0:
            log.poll()
    log.flush(GIVE_UP_SECONDS)
    if done < len(publications):
        raise Unavailable(f"only {done} of {len(publications)} outcomes were acknowledged")


def count_all(telemetry: PrometheusTelemetry, publications: Sequence[PendingOutcome]) -> None:
    """What the hot path counts for each notice."""
    for publication in publications:
        telemetry.consumed(publication.record.topic, 1)
        telemetry.matched(publication.outcome.rule or "")
        telemetry.attempted(DEFAULT_API, Verdict.ACCEPTED, 0.001)
        telemetry.ended(publication.outcome, publication.outcome.finished_at)


async def stages(parts: Parts, telemetry: PrometheusTelemetry, count: int) -> list[Stage]:
    """Each stage over what the stage before it gave."""
    records, consuming = timed(lambda: consume(parts, count), count)
    events, decoding = timed(lambda: [parts.decoder.decode(record) for record in records], count)
    refused = [unmatched(event) for event in events]
    _, matching = timed(lambda: [parts.rules.evaluate(event) for event in refused], count)
    rendered, evaluating = timed(lambda: [parts.rules.evaluate(event) for event in events], count)
    notices = [one for items in rendered for one in items if isinstance(one, Notice)]
    now = parts.clock.now()
    arrivals = [
        EvaluatedRecord(record, event, 1, (notice,), (), now, parts.rules.version)
        for record, event, notice in zip(records, events, notices, strict=True)
    ]
    publications, scheduling = timed(lambda: schedule(parts.delivery, arrivals), count)
    table = VerdictTable()
    read = ReplyReader(HttpOptions("http://127.0.0.1/")).read
    no_headers: dict[str, str] = {}
    notice = Notice("id", "rule", "template", "recipient", b"{}", None)
    _, judging = timed(
        lambda: [table.judge(read(200, no_headers.get, b'{"code":200}', "token", notice)) for _ in records], count
    )
    before = time.process_time()
    await send(parts.apis[0].client, notices)
    sending = (time.process_time() - before) / count * 1e6
    _, publishing = timed(lambda: publish(parts.outcomes, publications), count)
    _, counting = timed(lambda: count_all(telemetry, publications), count)
    return [
        Stage("consume", consuming, "Kafka to records, librdkafka's threads, joining the group"),
        Stage("decode", decoding, "Avro to an event"),
        Stage("match", matching, "binding and the condition, refused at its second half"),
        Stage("render", evaluating - matching, "five fields, url, recipient, limits, JSON, id"),
        Stage("schedule", scheduling, "lanes, limiter, breaker, verdict, frontier"),
        Stage("HTTP", sending, f"{IN_FLIGHT} in flight, on the loop's own thread, reading the reply"),
        Stage("verdict", judging, "alone; contained in HTTP (reading) and schedule (judging)"),
        Stage("outcome", publishing, "Avro, producing, acknowledgement, librdkafka's threads"),
        Stage("metrics", counting, "four calls"),
    ]


def profile_stages(events: int, results: Path | None) -> None:
    """Measure on one core, print, and append to `results`."""
    count = min(events, MOST_EVENTS)
    cores = Cores.pinned()
    with testbed(count, cores) as bed, TemporaryDirectory(prefix="notice-pipeline-stages-") as folder, on(cores.sender):
        target = bed.target(0, IN_FLIGHT)
        settings = load_settings(workload.write_files(Path(folder), target), {})
        schemas = find_schemas(settings)
        telemetry = PrometheusTelemetry("bench", settings.kafka.topics)

        async def measure() -> list[Stage]:
            clock = SystemClock()
            credentials = Credentials(clock)
            tokens = token_sources(settings, {}, credentials)
            parts = make_parts(settings, schemas, tokens, telemetry, clock, credentials)
            telemetry.rules_loaded(parts.rules, parts.clock.now())
            found = await stages(parts, telemetry, count)
            await parts.apis[0].client.close()
            return found

        _tell(uvloop.run(measure()), count, results)


def _tell(found: Sequence[Stage], count: int, results: Path | None) -> None:
    total = sum(stage.us for stage in found if stage.name != "verdict")
    table = Table("stage", "µs CPU a notice", "what")
    for stage in found:
        table.add_row(stage.name, f"{stage.us:.1f}", stage.message)
    table.add_row("sum", f"{total:.1f}", "without loop and hand-overs; verdict counted once")
    Console(width=120).print(table)
    if results is not None:
        about = report.machine(report.commit(), report.now())
        lines = [f"## Stages, {about[0]}", "", *(f"{line}  " for line in about[1:]), f"{count:,} events, one core", ""]
        lines += ["| stage | µs CPU a notice | what |", "|---|---|---|"]
        lines += [f"| {stage.name} | {stage.us:.1f} | {stage.message} |" for stage in found]
        lines += [f"| sum | {total:.1f} | without loop and hand-overs; verdict counted once |", ""]
        with results.open("a", encoding="utf-8") as file:
            file.write("\n" + "\n".join(lines))
