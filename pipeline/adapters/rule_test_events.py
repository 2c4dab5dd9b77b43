"""The JSON files that tests of rules begin with (`file: events/paid.json`), read from beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pipeline.rules.testing.cases import Case
from pipeline.rules.testing.given import file_key

MAX_BYTES = 4_194_304


def read_test_events(cases: Iterable[Case]) -> dict[str, object]:
    """Every file that the cases name, as `given` wants it; what cannot be read is a text that says why.

    A file must lie below the folder of the test that names it: tests come with merge requests, and must not read what
    else lies on a build server.
    """
    names = {(case.document.path, case.event.file) for case in cases if case.event.file is not None}
    return {file_key(path, name): _read(Path(path).parent, name) for path, name in sorted(names)}


def _read(folder: Path, name: str) -> object:
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return "is not below the folder of this test"
        if not path.is_file():
            return f"is no file in {folder}" + _near(folder, path)
        if path.stat().st_size > MAX_BYTES:
            return f"is larger than {MAX_BYTES} bytes"
        value = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        return f"is not UTF-8 (byte {error.start})"
    except json.JSONDecodeError as error:
        return f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError):
        return "is not JSON that can be read: a name with a NUL, a number too long, or nested too deeply"
    return value if isinstance(value, dict) else "holds no JSON object"


def _near(folder: Path, path: Path) -> str:
    """The files beside the one that is missing, where there are few."""
    beside = sorted(one.relative_to(folder).as_posix() for one in path.parent.glob("*.json"))[:5]
    return f"; there are {', '.join(beside)}" if beside else ""
