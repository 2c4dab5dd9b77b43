"""Compares two rule sets over a file of events; a long file is compared in shares by several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import ClassVar, NamedTuple

from pipeline.adapters.authoring.event_files import EventFault, EventTyper, file_pieces, given_event
from pipeline.adapters.authoring.json_stream import Broken, Piece
from pipeline.authoring.diff.care_simulation import CareSimulation
from pipeline.authoring.diff.changes import Diff
from pipeline.authoring.diff.rule_set_pair import Comparison
from pipeline.errors import UserError
from pipeline.phrases import phrase
from pipeline.rules.cel.engine import Environment
from pipeline.rules.compile import load
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources

UNREADABLE = "unreadable"
"""Reason of an event of a file that cannot be read."""
MOST_FAULTS = 3
"""Unreadable events that are reported one by one; all are counted."""
SHARE = 500
"""Events in a share: some tenths of a second of work."""
ALONE = 12
"""Shares that are compared in this process first: starting others takes as long as some thousand events."""
AHEAD = 3
"""Shares read ahead for each process: a bound on memory that keeps every process busy."""


_Schemas = tuple[tuple[Mapping[str, object], str], ...]


class RuleSetPair(NamedTuple):
    """The input of a comparison as plain values, which can be sent to another process."""

    old: RuleSources
    new: RuleSources
    schemas: tuple[_Schemas, ...]
    """Schemas of old and new, each with its path."""
    environment: str | None
    examples: int

    @classmethod
    def of(
        cls,
        old: tuple[RuleSources, SchemaCatalogue],
        new: tuple[RuleSources, SchemaCatalogue],
        environment: str | None,
        examples: int,
    ) -> RuleSetPair:
        """From the rules of each side and the schemas that they are checked against."""
        schemas = tuple(
            tuple((schema.avro, schema.path) for name in catalogue for schema in catalogue.versions(name))
            for _, catalogue in (old, new)
        )
        return cls(old[0], new[0], schemas, environment, examples)

    def comparison(self) -> Comparison:
        """Load both rule sets as the service does, in one environment, so that equal expressions are compiled once.

        Raises:
            RulesRefused: one of them has errors.
        """
        cel = Environment()
        old, new = (
            load(sources, schemas, environment=self.environment, cel=cel)
            for sources, schemas in zip((self.old, self.new), map(_catalogue, self.schemas), strict=True)
        )
        return Comparison(old, new, examples=self.examples)

    @property
    def read_by(self) -> SchemaCatalogue:
        """The schemas that type the events: those of the new rules."""
        return _catalogue(self.schemas[-1])


def _catalogue(side: _Schemas) -> SchemaCatalogue:
    return SchemaCatalogue(EventSchema(avro, path) for avro, path in side)


class Recording(NamedTuple):
    """A file of events."""

    file: Path
    """`-`: standard input."""
    default_type: str | None
    """Type of events that do not name their own."""


class Found(NamedTuple):
    """The result for a recording or a share of it."""

    diff: Diff
    faults: tuple[str, ...]
    """Messages about the first events that cannot be read."""
    care: CareSimulation | None = None
    """What recipient care would have done; None where neither version has it, and for a share."""


class _Share(NamedTuple):
    """Consecutive events as text."""

    first: int
    """Number of the first event in the file, from 0."""
    pieces: tuple[Piece | Broken, ...]


class _Comparer:
    """Compares shares one after the other."""

    def __init__(self, sides: RuleSetPair, recording: Recording) -> None:
        self._comparison = sides.comparison()
        self.simulation = self._comparison.simulation()
        self._typer = EventTyper(sides.read_by)
        self._recording = recording

    def found(self, share: _Share) -> Found:
        """The result for these events only."""
        faults: list[str] = []
        file, default_type = self._recording
        for number, piece in enumerate(share.pieces, share.first):
            try:
                self._comparison.add(self._typer.event(given_event(file, number, piece), default_type))
            except EventFault as fault:
                self._comparison.add_undecodable(UNREADABLE)
                faults.append(
                    fault.message
                    if fault.hint is None
                    else phrase("{message} ({hint})", message=fault.message, hint=fault.hint)
                )
        return Found(self._comparison.take(), tuple(faults[:MOST_FAULTS]))


def compare_file(
    sides: RuleSetPair,
    recording: Recording,
    *,
    jobs: int,
    counted: Callable[[int], None],
    share: int = SHARE,
    alone: int = ALONE,
) -> Found:
    """Compare every event of a file; of a truncated file, the part that can be read.

    `jobs` processes compare while this one reads; with 1, this process does everything. `counted` is called with the
    number of events so far. The result does not depend on `jobs`, `share` and `alone`.

    Raises:
        RulesRefused: one of the rule sets has errors.
        UserError: nothing of the file can be read, or a process was killed.
    """
    comparer = _Comparer(sides, recording)
    whole = comparer.found(_Share(0, ())).diff
    faults: list[str] = []
    broken: list[UserError] = []
    shares = _shares(recording.file, share, broken)
    here = map(comparer.found, shares if jobs == 1 else islice(shares, alone))
    for found in chain(here, _elsewhere(shares, sides, recording, jobs)):
        whole.add(found.diff)
        if comparer.simulation is not None:
            comparer.simulation.play(found.diff.moments)
        faults += found.faults
        counted(whole.events)
    for error in broken:
        whole.undecodable[UNREADABLE] += 1
        faults.append(phrase("{message}; the rest was not read", message=error.message))
    if comparer.simulation is not None:
        comparer.simulation.end()
    return Found(whole, tuple(faults[:MOST_FAULTS]), comparer.simulation)


def _shares(file: Path, size: int, broken: list[UserError]) -> Iterator[_Share]:
    """The pieces of the file in shares of `size`. An error after the first piece is added to `broken`."""
    pieces, read = file_pieces(file), 0
    while not broken:
        taken: list[Piece | Broken] = []
        try:
            taken.extend(islice(pieces, size))  # pieces before an error are kept
        except UserError as error:
            if not read and not taken:
                raise
            broken.append(error)
        if not taken:
            return
        yield _Share(read, tuple(taken))
        read += len(taken)


def _elsewhere(shares: Iterator[_Share], sides: RuleSetPair, recording: Recording, jobs: int) -> Iterator[Found]:
    """The results of the remaining shares, compared by other processes, in order."""
    first = next(shares, None)
    if first is None:
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin, (sides, recording))
    waiting: deque[Future[Found]] = deque()
    try:
        for share in chain((first,), shares):
            if len(waiting) == jobs * AHEAD:
                yield waiting.popleft().result()
            with _interrupt_ignored():
                waiting.append(pool.submit(_found, share))
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise UserError(
            phrase("a comparing process was killed; perhaps the machine is out of memory"), hint="try --jobs 1"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupt_ignored() -> Iterator[None]:
    """Processes started in the block ignore Ctrl-C, which a terminal sends to all: this process ends them."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


class _Process:
    """The state of a comparing process between shares."""

    comparer: ClassVar[_Comparer]


def _begin(sides: RuleSetPair, recording: Recording) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _Process.comparer = _Comparer(sides, recording)


def _end_with(parent: int) -> None:
    """End this process when its parent ends, even if the parent is killed."""
    wait([parent])
    os._exit(1)


def _found(share: _Share) -> Found:
    return _Process.comparer.found(share)
