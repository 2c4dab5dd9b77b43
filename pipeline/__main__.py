"""`python -m pipeline`, and the command `notice-pipeline`."""

from __future__ import annotations

import sys
from typing import NoReturn

INTERRUPTED = 130
"""128 + SIGINT, as shells count it; `pipeline.cli.app` has it too, and may not be imported yet."""


def main() -> NoReturn:
    """Run the command line; a Ctrl-C while it loads is one as well, and no traceback."""
    try:
        from pipeline.cli.app import main as run  # noqa: PLC0415 - it takes half a second on a busy machine
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
