"""One worker of `run --workers N`. It is started by the supervisor and is not a command."""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import sys
from collections.abc import Callable

from pipeline.bootstrap.service import Member, run_service
from pipeline.cli.app import ending, rules_needed, show_error
from pipeline.cli.service.run import on_best_loop
from pipeline.errors import RightsMissing
from pipeline.model.worker import RIGHTS_MISSING

if __name__ == "__main__":
    number, listener = int(sys.argv[1]), int(sys.argv[2])

    def work() -> None:
        """Run one member with the settings that the supervisor sends."""
        settings = pickle.load(sys.stdin.buffer)  # noqa: S301 - a pipe from the parent process, which nothing else can write to
        shared = (text.rpartition("=") for text in sys.argv[3:])
        tokens = {api: socket.socket(fileno=int(descriptor)) for api, _, descriptor in shared}
        member = Member(number, socket.socket(fileno=listener), _when_alone, tokens)
        try:
            with rules_needed():
                sys.exit(on_best_loop(run_service(settings, member=member, owns_process=True)))
        except RightsMissing as error:
            sys.exit(show_error(error, RIGHTS_MISSING))

    def _when_alone(stop: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()

        def read() -> None:
            if not os.read(sys.stdin.fileno(), 1):
                loop.remove_reader(sys.stdin.fileno())
                stop()

        loop.add_reader(sys.stdin.fileno(), read)

    ending(work)
