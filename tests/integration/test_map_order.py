"""Macros visit a map's keys in one order, in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
from pipeline.rules.cel.engine import Environment
environment = Environment()
source, event = json.loads(sys.argv[1])
print(json.dumps(environment.compile(source).evaluate(environment.bind(event)), ensure_ascii=False))
"""
EVENT = {"m": {"重量": "500g", "b": "2", "a": "1", "产地": "云南", "c": "3"}}
SOURCE = 'join(event.m.map(k, k + "=" + event.m[k]), " ")'


@pytest.mark.parametrize("seed", ["0", "1", "2", "random"])
def test_processes_agree(seed: str) -> None:
    """Each process of CEL's library has an order of its own for maps; rules must not see it."""
    for _ in range(2):
        arguments = [sys.executable, "-c", SCRIPT, json.dumps([SOURCE, EVENT])]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment)
        assert json.loads(done.stdout) == "a=1 b=2 c=3 产地=云南 重量=500g"
