"""Read dead letters, and write them back to their source topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.adapters.kafka.range import Progressed, TopicRange, read_record
from pipeline.adapters.operations.rewriting import Rewrite, Rewriter, Target, marked
from pipeline.errors import Unreachable, UserError
from pipeline.model.event import Record
from pipeline.operations.redrive.letter import Letter, read_letter
from pipeline.operations.redrive.record import redriven
from pipeline.operations.redrive.selection import RedriveDecision, Selection


class LetterResult(NamedTuple):
    """The result for one letter."""

    letter: Letter | None
    """None if the record is not a dead letter."""
    position: str
    fate: RedriveDecision
    message: str = ""


class LetterReader:
    """Decides what to do with each letter of a range."""

    def __init__(
        self, properties: Mapping[str, Any], letters: TopicRange, selection: Selection, target: Target
    ) -> None:
        """`properties` are librdkafka's."""
        self._properties = properties
        self._letters = letters
        self._selection = selection
        self._target = target
        self._topics = frozenset(target.topics)

    def fates(self, progressed: Progressed) -> Iterator[LetterResult]:
        """Yield every letter of the range with its decision, in order within each partition.

        Each call reads the marks first. Create the `Sender` before calling this: it fences off other runs, so that
        every mark is read here.

        Raises:
            UserError: letters or marks cannot be read.
        """
        done = marked(self._properties, self._target)
        failures: set[int] = set()
        for record in self._letters.records(progressed):
            letter = read_letter(record)
            fate = RedriveDecision.NOT_OURS if letter is None else self._selection.fate(letter, self._topics, done)
            if letter is not None and fate in {RedriveDecision.SEND, RedriveDecision.DONE}:
                failure = hash((letter.source, letter.outcome_id))
                if fate is RedriveDecision.SEND and failure in failures:
                    fate = RedriveDecision.TWICE
                failures.add(failure)
            yield LetterResult(letter, str(record.position), fate)


class Sender:
    """Writes letters to their topics, one batch in each transaction."""

    def __init__(self, properties: Mapping[str, Any], name: str, target: Target) -> None:
        """Raise as `Rewriter` does."""
        self._properties = properties
        self._rewriter = Rewriter(properties, name, target)

    def send(self, letters: Sequence[Letter]) -> Iterator[LetterResult]:
        """Send these again, in order; yield each letter's result as soon as it is final.

        Raises:
            RightsMissing: this user may not write to a topic. The letters without a result are not sent.
            Unreachable: Kafka does not answer, or another run has begun. Then either none of the letters of the last
                transaction is sent or all are, as the marks record.
        """
        ready: list[tuple[Letter, Rewrite]] = []
        for letter in letters:
            original = self._original(letter)
            if isinstance(original, LetterResult):
                yield original
            else:
                record = redriven(letter, original)
                ready.append((letter, Rewrite(letter.name, letter.source, record, letter.redrives + 1)))
        refusals = self._rewriter.write([rewrite for _, rewrite in ready])
        for (letter, _), refusal in zip(ready, refusals, strict=True):
            fate = RedriveDecision.SEND if refusal is None else RedriveDecision.REFUSED
            yield LetterResult(letter, str(letter.record.position), fate, refusal or "")

    def _original(self, letter: Letter) -> Record | LetterResult:
        """Return the record to send: the letter's own, or the one at its source if the letter was cut."""
        if not letter.is_cut:
            return letter.record
        position = str(letter.record.position)
        try:
            record = read_record(self._properties, letter.source)
        except Unreachable:
            raise
        except UserError as error:
            return LetterResult(letter, position, RedriveDecision.SOURCE_GONE, error.message)
        if (record.key, record.timestamp_ms) != (letter.record.key, letter.source_time_ms):
            return LetterResult(
                letter, position, RedriveDecision.SOURCE_GONE, f"another record is at {letter.source} now"
            )
        return record
