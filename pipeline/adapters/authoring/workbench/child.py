"""The child process that evaluates drafts: one line of JSON in, one line of JSON out, until the input ends.

`process.py` starts it with the folder of rules, the folder of schemas (or an empty text), the environment (or an empty
text) and the seconds that a job may take. A timer ends a job that takes longer, and the process with it.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

import orjson

from pipeline.adapters.authoring.workbench.draft import Draft
from pipeline.adapters.authoring.workbench.draft_runner import DraftRunner
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.errors import UserError
from pipeline.languages import speaking
from pipeline.phrases import Say, phrase
from pipeline.rules.schema.event_schema import SchemaCatalogue

MEMORY_BYTES = 512 * 1024**2
"""Limit of address space. The example rules take 63 MB."""


def main() -> None:
    """Serve jobs."""
    os.nice(10)  # sending has priority
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))
    folder, schemas, environment, given = sys.argv[1:]
    seconds = float(given)
    _bound(seconds)
    catalogue = read_schemas(Path(schemas)) if schemas else SchemaCatalogue()
    runner = DraftRunner(Path(folder), catalogue, environment or None)
    for line in sys.stdin.buffer:
        _bound(seconds)
        sys.stdout.buffer.write(orjson.dumps(_answer(runner, line), option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
        _bound(0)


def _bound(seconds: float) -> None:
    """End the process after `seconds` more of processor time: the default action of the signal."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _answer(runner: DraftRunner, line: bytes) -> dict[str, object]:
    job = orjson.loads(line)
    runner.say = speaking(job.pop("language"))
    try:
        return _said(_JOBS[job.pop("do")](runner, **job), runner.say)
    except UserError as error:
        return {"problem": runner.say(error.message)}
    except RecursionError:
        return {"problem": runner.say(phrase("nested too deeply"))}


_Value = TypeVar("_Value")


def _said(value: _Value, say: Say) -> _Value:
    """The value with its phrases in one language."""
    said: object = value
    match value:
        case str():
            said = say(value)
        case dict():
            said = {name: _said(one, say) for name, one in value.items()}
        case list() | tuple():
            said = [_said(one, say) for one in value]
    return cast("_Value", said)


_JOBS: Mapping[str, Callable[..., dict[str, object]]] = {
    "open": lambda runner, file, rule, type: runner.open(file, rule, type),  # noqa: A006 - the job's own word
    "example": lambda runner, type, number: {"event": runner.example(type, number)},  # noqa: A006 - the same
    "choose": lambda runner, key: {"event": runner.event(key)},
    "choices": lambda runner, type: runner.choices(type),  # noqa: A006 - the same
    "complete": lambda runner, file, rules, at: {"items": runner.complete(file, rules, at)},
    "hover": lambda runner, file, rules, at: {"hover": runner.hover(file, rules, at)},
    "palette": lambda runner, type: runner.palette(type),  # noqa: A006 - the same
    "test": lambda runner, draft, name: runner.as_test(Draft(**draft), name),
    "try": lambda runner, **draft: runner.try_out(Draft(**draft)),
}
"""By name, each with its own arguments."""

if __name__ == "__main__":
    main()
