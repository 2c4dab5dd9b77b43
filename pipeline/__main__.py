"""`python -m pipeline`, and the command `notice-pipeline`."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from pipeline.cli.collector import collect_rarely

INTERRUPTED = 130
"""128 + SIGINT, as shells count it; `pipeline.cli.app` has it too, and may not be imported yet."""


def main() -> NoReturn:
    """Run the command line; a Ctrl-C while it loads is one as well, and no traceback."""
    _occupy_standard_descriptors()
    collect_rarely()  # before the imports, which make many objects and no garbage
    try:
        from pipeline.cli.app import main as run  # noqa: PLC0415 - it takes half a second on a busy machine
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
    run()


def _occupy_standard_descriptors() -> None:
    """Open the null device in place of a closed standard descriptor.

    A socket or file that is opened later would get its number, and would then receive log lines.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    main()
