"""The studio as authors start it, on a copy of the example rules."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.adapters.shipped import shipped

EVENTS = '{"type": "com.example.trade.order.paid.v1", "data": %s}\n'


@contextmanager
def studio(folder: Path, *options: str) -> Iterator[str]:
    """Copy the example rules and schemas to `folder`, start the command, and give its address."""
    shutil.copytree(shipped("rules"), folder / "rules")
    shutil.copytree(shipped("schemas"), folder / "schemas")
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "studio", str(folder / "rules"), "--port", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0]
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
