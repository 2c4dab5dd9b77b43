"""A redrive as configured: select letters first, then send them at a limited rate, until it is stopped."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Event
from typing import NamedTuple, TypeVar

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.range import Progressed, Span, TopicRange
from pipeline.adapters.kafka.rights import principal
from pipeline.adapters.kafka.topics import REDRIVEN_CONFIG, TopicCheck, TopicToMake
from pipeline.adapters.operations.redrive import LetterReader, LetterResult, Sender
from pipeline.adapters.operations.rewriting import BATCH, Target
from pipeline.adapters.telemetry.logging import configure_logging
from pipeline.bootstrap.kafka import kafka_properties
from pipeline.bootstrap.kafka_rights import needed
from pipeline.errors import UserError
from pipeline.operations.redrive.letter import Letter
from pipeline.operations.redrive.selection import RedriveDecision, Selection
from pipeline.settings import Settings

Item = TypeVar("Item")
BATCH_BYTES = 8_388_608
"""Values in one transaction: a batch of the largest records must not fill the memory."""
BATCH_SECONDS = 0.5
"""At a limited rate a batch holds the letters of this time."""


class RedriveOptions(NamedTuple):
    """The command's options."""

    selection: Selection
    start: datetime | None = None
    end: datetime | None = None
    into: str | None = None
    """Write to this topic of the service instead of each letter's source."""
    not_compacted: bool = False
    """Write also to topics of which it cannot be known whether they are compacted."""


class Tally:
    """Counts the results of letters."""

    def __init__(self) -> None:
        self.fates: Counter[RedriveDecision] = Counter()
        self.by: Counter[tuple[RedriveDecision, str, str]] = Counter()
        """By fate, reason and rule."""
        self.failures: list[LetterResult] = []
        """The first few that could not be sent."""

    def add(self, result: LetterResult) -> None:
        """Count a result."""
        self.fates[result.fate] += 1
        if result.letter is not None:
            self.by[result.fate, result.letter.reason, result.letter.rule or ""] += 1
        if result.fate in {RedriveDecision.SOURCE_GONE, RedriveDecision.REFUSED} and len(self.failures) < 20:  # noqa: PLR2004 - a screen's worth
            self.failures.append(result)


class Redrive:
    """An open range of dead letters."""

    def __init__(
        self, settings: Settings, options: RedriveOptions, properties: dict[str, object], target: Target
    ) -> None:
        """Use `open_redrive` instead."""
        self._properties = properties
        self._name = f"{settings.kafka.group_id}.redrive"
        self._target = target
        self._letters = TopicRange(properties, settings.dead_letters.topic, Span(options.start, options.end))
        try:
            self._reader = LetterReader(properties, self._letters, options.selection, target)
        except BaseException:
            self._letters.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._letters.close()

    def look(self, progressed: Progressed) -> Tally:
        """Return the decision for every letter; writes nothing.

        Raises:
            Unreachable: the broker no longer answers.
        """
        tally = Tally()
        for result in self._reader.fates(progressed):
            tally.add(result)
        return tally

    def send(self, total: int, rate: float | None, stop: Event, progressed: Progressed) -> Tally:
        """Send `total` letters, at most `rate` a second, and return the results. `stop` ends it between two batches.

        Raises:
            UserError: a right is missing, Kafka does not answer, or another run has begun. What was sent is marked,
                and the message has the numbers.
        """
        tally = Tally()
        sender = Sender(self._properties, self._name, self._target)
        pace = Pace(rate, stop)

        def counts() -> tuple[int, int]:
            return tally.fates[RedriveDecision.SEND], tally.fates[RedriveDecision.REFUSED]

        with counted_before_errors(counts, "dead letters were sent again"):
            for batch in self._batches(pace.batch):
                if not pace.wait(sum(tally.fates.values())):
                    break
                for result in sender.send(batch):
                    tally.add(result)
                progressed(sum(tally.fates.values()), total)
        return tally

    def _batches(self, most: int) -> Iterator[list[Letter]]:
        results = self._reader.fates(lambda _read, _total: None)
        selected = (one.letter for one in results if one.letter is not None and one.fate is RedriveDecision.SEND)
        return batched(selected, most, lambda letter: letter.record.value)


@contextmanager
def counted_before_errors(counts: Callable[[], tuple[int, int]], done: str) -> Iterator[None]:
    """Add what was reached before an error to its message: `counts` are the numbers of what is `done` and refused."""
    try:
        yield
    except UserError as error:
        sent, refused = counts()
        if not sent and not refused:
            raise
        before = f"{sent:,} {done}" + (f", and {refused:,} refused" if refused else "")
        raise type(error)(f"{error.message}; before that, {before}", hint=error.hint) from None


def batched(items: Iterable[Item], most: int, value: Callable[[Item], bytes | None]) -> Iterator[list[Item]]:
    """Yield the items in lists for one transaction each: at most so many, and about `BATCH_BYTES` of values."""
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(value(item) or b"")
        if len(batch) >= most or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class Pace:
    """Limits the rate, counted from the start."""

    def __init__(self, rate: float | None, stop: Event) -> None:
        self._rate = rate
        self._stop = stop
        self._start = time.monotonic()
        self.batch = BATCH if rate is None else max(1, min(BATCH, int(rate * BATCH_SECONDS)))

    def wait(self, sent: int) -> bool:
        """Wait until more than `sent` letters are due; return False after a stop."""
        due = self._start + sent / self._rate if self._rate is not None else 0.0
        return not self._stop.wait(max(0.0, due - time.monotonic()))


@contextmanager
def open_redrive(settings: Settings, options: RedriveOptions, *, writes: bool) -> Iterator[Redrive]:
    """Open the configured dead letters; set `writes` to send them and not only count them.

    Raises:
        UserError: a topic is missing or cannot be used for it, or Kafka does not answer.
    """
    configure_logging(form=settings.log.format, level="error", clock=SystemClock())
    properties = kafka_properties(settings)
    rewriting = RewriteOptions("redrive", options.into, options.not_compacted)
    target = find_target(settings, rewriting, [settings.dead_letters.topic], writes=writes)
    redrive = Redrive(settings, options, properties, target)
    try:
        yield redrive
    finally:
        redrive.close()


class RewriteOptions(NamedTuple):
    """Where a command writes records again."""

    command: str
    into: str | None
    not_compacted: bool


def find_target(settings: Settings, options: RewriteOptions, reads: Sequence[str], *, writes: bool) -> Target:
    """Check the topics that are written to, and those that the command also `reads`; create that of the marks.

    Raises:
        UserError: a topic is missing or cannot be used for it, a right is missing, or Kafka does not answer.
    """
    properties = kafka_properties(settings)
    check = TopicCheck(properties, settings.kafka.start_timeout_seconds)
    command = options.command if writes else f"{options.command} --dry-run"
    check.prove(needed(command, settings, into=options.into))
    check.require([*settings.kafka.topics, *reads])
    available = check.partitions()
    topics = {name: available[name] for name in settings.kafka.topics}
    if options.into is not None and options.into not in topics:
        hint = f"the configuration reads {', '.join(topics)}"
        raise UserError(f"--into {options.into}: the service does not read this topic", hint=hint)
    for name in topics if options.into is None else [options.into]:
        is_compacted = check.is_compacted(name)
        if is_compacted:
            raise UserError(
                f"{name} is compacted: an old event would replace the newest one of its key",
                hint="let the service read another topic as well (kafka.topics), and name it: --into TOPIC",
            )
        if is_compacted is None and writes and not options.not_compacted:
            raise UserError(
                f"{principal(properties)} may not read the configuration of the topic {name}, and in a "
                "compacted topic an old event would replace the newest one of its key",
                hint=f"give it DESCRIBE_CONFIGS on the topic {name}, or confirm that no topic that is written to is "
                "compacted: `{options.command} --not-compacted`",
            )
    letters = settings.dead_letters
    marks = TopicToMake(letters.redriven_topic, 1, letters.replication_factor, letters.create)
    if writes:
        check.ensure(marks, REDRIVEN_CONFIG)
    known = letters.redriven_topic if writes or letters.redriven_topic in available else None
    return Target(topics, options.into, known)
