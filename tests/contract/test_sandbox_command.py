"""`notice-pipeline sandbox`, as it is started by people and scripts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.cli.service import sandbox
from pipeline.errors import UserError
from tests.fakes import plain_http

TEMPLATES = """
templates:
  paid:
    title: 付款成功
    style: category
    ids: {production: T1, staging: T2}
    fields:
      thing1: {label: 商品, example: 咖啡}
"""
BODY = {"to": "u1", "template": "T1", "data": {"thing1": {"value": "x"}}}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", "sandbox", *arguments]


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, the line it printed and its base url."""
    with subprocess.Popen(
        command("--port", "0", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield process, line, line.split()[1].rstrip("/")
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_url_and_ends_cleanly(number: signal.Signals) -> None:
    """One line with the url; Ctrl-C ends it with 0 and without a traceback."""
    with started() as (process, line, url):
        assert line.startswith("sandbox: http://127.0.0.1:")
        assert plain_http.get(f"{url}/healthz").text == "ok\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")


def test_templates_tokens_and_faults_are_taken(tmp_path: Path) -> None:
    """Rules' templates, tokens, a plan and a latency from the command line are in force."""
    (tmp_path / "templates.yaml").write_text(TEMPLATES)
    plan = tmp_path / "plan.yaml"
    plan.write_text("faults:\n  - {status: 503, recipients: [u2]}\n")
    options = ("--rules", str(tmp_path), "--token", "good", "--faults", str(plan), "--latency", "1ms")
    with started(*options) as (_, _, url), httpx.Client(base_url=url, trust_env=False) as http:
        http.headers["Authorization"] = "Bearer good"
        path = "/message/v2/notices"
        assert http.post(path, json=BODY).json() == {"code": 200}
        assert http.post(path, json={**BODY, "template": "T2"}).json() == {"code": 200}
        assert http.post(path, json={**BODY, "template": "T3"}).json()["code"] == 40037
        assert http.post(path, json={**BODY, "to": "u2"}).status_code == 503
        assert http.post(path, json=BODY, headers={"Authorization": "Bearer bad"}).status_code == 401


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"faults": "none.yaml"}, "cannot be read"),
        ({"faults": "bad.yaml"}, "not YAML"),
        ({"faults": "deep.yaml"}, "not YAML"),
        ({"faults": "escape.yaml"}, "not YAML"),
        ({"faults": "binary.plan"}, "not UTF-8"),
        ({"faults": "long.yaml"}, "larger than"),
        ({"faults": "wrong.yaml"}, "`faults.0.do` must be 'reply', 'hang'"),
        ({"faults": "unknown.yaml"}, "unknown key `faults.0.stats`\n.*: unknown key `seeed`"),
        ({"faults": "list.yaml"}, "the whole file must be a mapping"),
        ({"rules": "nowhere"}, "no such folder"),
        ({"rules": "."}, "no templates.yaml"),
        ({"latency": "fast"}, "is not a time like"),
        ({"client": ["nosecret"]}, "id:secret"),
        ({"host": "256.0.0.1"}, "cannot listen"),
        ({"host": "192.0.2.1"}, "cannot listen"),
    ],
)
def test_mistakes_are_reported(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """Before anything listens."""
    (tmp_path / "bad.yaml").write_text("faults: [")
    (tmp_path / "deep.yaml").write_text("[" * 2_000)
    (tmp_path / "escape.yaml").write_text(r'faults: "\UFFFFFFFF"')
    (tmp_path / "binary.plan").write_bytes(b"\xff\xfe")
    (tmp_path / "long.yaml").write_text("#" * 2_000_000)
    (tmp_path / "wrong.yaml").write_text(json.dumps({"faults": [{"do": "explode"}]}))
    (tmp_path / "unknown.yaml").write_text("faults: [{stats: 500}]\nseeed: 1")
    (tmp_path / "list.yaml").write_text("- 1")
    given = {name: tmp_path / value if name in {"faults", "rules"} else value for name, value in options.items()}
    with pytest.raises(UserError, match=message):
        sandbox.command(port=0, **given)


def test_a_mistake_is_exit_code_2(tmp_path: Path) -> None:
    """The command ends with 2 and a line on standard error, never with a traceback."""
    called = command("--faults", str(tmp_path / "none.yaml"))
    ended = subprocess.run(called, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert "Traceback" not in ended.stderr
