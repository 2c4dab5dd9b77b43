"""Compares two rule sets over a file of events; a long file in several processes, whose shares make up the whole."""

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
from pipeline.authoring.diff.changes import Diff
from pipeline.authoring.diff.rule_set_pair import Comparison
from pipeline.errors import UserError
from pipeline.rules.cel.engine import Environment
from pipeline.rules.compile import load
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources

UNREADABLE = "unreadable"
"""Why an event of a file is none."""
MOST_FAULTS = 3
"""Records that are no event are counted; this many are reported one by one."""
SHARE = 500
"""Events that a process is given at once: some tenths of a second."""
ALONE = 12
"""Shares that are compared here before other processes are begun, which takes as long as some thousand events."""
AHEAD = 3
"""Shares read ahead for each process: they bound the memory, and no process waits for the next one."""


_Schemas = tuple[tuple[Mapping[str, object], str], ...]


class RuleSetPair(NamedTuple):
    """What a comparison is made of, as texts and plain values: another process can be given it."""

    old: RuleSources
    new: RuleSources
    schemas: tuple[_Schemas, ...]
    """Of old and new: each schema with its path."""
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
        """Each side's rules and the schemas that they are checked against; as `Comparison` has it otherwise."""
        schemas = tuple(
            tuple((schema.avro, schema.path) for name in catalogue for schema in catalogue.versions(name))
            for _, catalogue in (old, new)
        )
        return cls(old[0], new[0], schemas, environment, examples)

    def comparison(self) -> Comparison:
        """Both rule sets, checked as the service checks them, in one environment: what they share is compiled once.

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
        """The schemas that events are read by: those of the new rules."""
        return _catalogue(self.schemas[-1])


def _catalogue(side: _Schemas) -> SchemaCatalogue:
    return SchemaCatalogue(EventSchema(avro, path) for avro, path in side)


class Recording(NamedTuple):
    """A file of events."""

    file: Path
    """`-` is the standard input."""
    default_type: str | None
    """For events that do not name theirs."""


class Found(NamedTuple):
    """What is known of a recording, or of a share of it."""

    diff: Diff
    faults: tuple[str, ...]
    """What is wrong with the first records that are no event."""


class _Share(NamedTuple):
    """Some events on end, as text."""

    first: int
    """Number of the first one in the file, from 0."""
    pieces: tuple[Piece | Broken, ...]


class _Comparer:
    """Compares one share after the other."""

    def __init__(self, sides: RuleSetPair, recording: Recording) -> None:
        self._comparison = sides.comparison()
        self._typer = EventTyper(sides.read_by)
        self._recording = recording

    def found(self, share: _Share) -> Found:
        """What is found in these events alone."""
        faults: list[str] = []
        file, default_type = self._recording
        for number, piece in enumerate(share.pieces, share.first):
            try:
                self._comparison.add(self._typer.event(given_event(file, number, piece), default_type))
            except EventFault as fault:
                self._comparison.add_undecodable(UNREADABLE)
                faults.append(fault.message if fault.hint is None else f"{fault.message} ({fault.hint})")
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
    """Compare every event of a file; where the file breaks off, what stands before that counts.

    `jobs` is how many processes compare while this one reads; with 1 all is done here. `counted` is called now and then
    how many events were compared. What is found is the same whatever `jobs`, `share` and `alone` are.

    Raises:
        RulesRefused: one of the rule sets has errors.
        UserError: none of the file can be read, or a process was ended from outside.
    """
    comparer = _Comparer(sides, recording)
    whole, _ = comparer.found(_Share(0, ()))
    faults: list[str] = []
    broken: list[UserError] = []
    shares = _shares(recording.file, share, broken)
    here = map(comparer.found, shares if jobs == 1 else islice(shares, alone))
    for found in chain(here, _elsewhere(shares, sides, recording, jobs)):
        whole.add(found.diff)
        faults += found.faults
        counted(whole.events)
    for error in broken:
        whole.undecodable[UNREADABLE] += 1
        faults.append(f"{error.message}; the rest is not looked at")
    return Found(whole, tuple(faults[:MOST_FAULTS]))


def _shares(file: Path, size: int, broken: list[UserError]) -> Iterator[_Share]:
    """The file's pieces, so many at once; what ends it too early goes to `broken`, unless nothing was read before."""
    pieces, read = file_pieces(file), 0
    while not broken:
        taken: list[Piece | Broken] = []
        try:
            taken.extend(islice(pieces, size))  # what came before an error is kept
        except UserError as error:
            if not read and not taken:
                raise
            broken.append(error)
        if not taken:
            return
        yield _Share(read, tuple(taken))
        read += len(taken)


def _elsewhere(shares: Iterator[_Share], sides: RuleSetPair, recording: Recording, jobs: int) -> Iterator[Found]:
    """What other processes find in the shares that are left, in the order of the shares."""
    first = next(shares, None)
    if first is None:
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin, (sides, recording))
    waiting: deque[Future[Found]] = deque()
    try:
        for share in chain((first,), shares):
            if len(waiting) == jobs * AHEAD:
                yield waiting.popleft().result()
            with _deaf():
                waiting.append(pool.submit(_found, share))
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise UserError("a process that compares was ended: out of memory?", hint="try --jobs 1") from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes begun in here do not hear Ctrl-C, which a terminal sends to all: this one alone decides what ends."""
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)


class _Process:
    """What a process beside the first one keeps from one share to the next."""

    comparer: ClassVar[_Comparer]


def _begin(sides: RuleSetPair, recording: Recording) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _Process.comparer = _Comparer(sides, recording)


def _end_with(parent: int) -> None:
    """A process whose first one was killed would wait for shares for ever."""
    wait([parent])
    os._exit(1)


def _found(share: _Share) -> Found:
    return _Process.comparer.found(share)
