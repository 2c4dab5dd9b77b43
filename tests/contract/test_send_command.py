"""`send --to ME`: messages of an event through the real client, to the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.fakes import plain_http
from tests.unit.cli.conftest import PAID
from tests.unit.cli.conftest import shop as shop  # noqa: PLC0414 - a fixture

ME = "7f3c0000000000000000000000000001"


class Work(NamedTuple):
    """A folder of rules with a configuration, and the sandbox that it names."""

    folder: Path
    url: str

    def received(self) -> list[dict[str, Any]]:
        """Every message that the sandbox has accepted."""
        answer = plain_http.get(f"{self.url}/sandbox/messages")
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    def send(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command as a shell calls it."""
        return subprocess.run(
            [sys.executable, "-m", "pipeline", "send", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUTF8": "1"},
        )


@pytest.fixture
def work(shop: Path) -> Iterator[Work]:
    command = [sys.executable, "-m", "pipeline", "sandbox", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[1].rstrip("/")
            (shop / "pipeline.yaml").write_text(configuration(f"{url}/message/v2/notices"), encoding="utf-8")
            (shop / "paid.json").write_text(json.dumps({"type": "shop.order.Paid", "data": PAID}), encoding="utf-8")
            yield Work(shop, url)
        finally:
            process.kill()


def configuration(url: str) -> str:
    return f"""\
environment: production
schemas: {{directory: schemas}}
notices: {{url: "{url}", token: t}}
test_recipients: {{me: "{ME}"}}
"""


def test_a_message_arrives_at_the_test_recipient_alone(work: Work) -> None:
    """As the event makes it, with the id of the environment's template; it is printed and logged as a test."""
    done = work.send("paid.json", "--to", "me", "--rule", "any")
    assert done.returncode == 0, done.stderr
    assert "✓ any  to me, production: accepted (status 200, code 200)" in done.stdout
    assert done.stdout.rstrip().endswith("test: 1 accepted, 0 refused")
    (message,) = work.received()
    assert message["to"] == ME
    assert str(PAID["sub"]) not in json.dumps(message)
    assert "T2026" in json.dumps(message)
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if "test_notice_sent" in line]
    logged = json.loads(line)
    assert (logged["outcome"], logged["rule"], logged["verdict"]) == ("test", "any", "accepted")
    assert ME not in line


def test_sending_again_is_another_message(work: Work) -> None:
    """The API must not take it for a repeated one; an example will do."""
    for _ in range(2):
        assert work.send("--rule", "any", "--to", ME).returncode == 0
    assert len(work.received()) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["paid.json", "--to", "you"], "`you` is not a test recipient of this configuration\nhint: there are me"),
        (["paid.json", "--to", str(PAID["sub"])], "is not a test recipient"),
        (["paid.json", "--rule", "old"], "the condition of `old` is false for this event"),
        (["paid.json", "--rule", "odl"], "there is no enabled rule `odl`"),
        ([], "no event is named"),
    ],
)
def test_what_is_not_meant_for_a_test_is_refused(work: Work, arguments: list[str], message: str) -> None:
    """Before anything is sent."""
    done = work.send(*arguments)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert work.received() == []


def test_a_configuration_without_test_recipients_sends_to_no_one(work: Work) -> None:
    """And says what to add; a shadow sends nothing at all."""
    path = work.folder / "pipeline.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("test_recipients", "# test_recipients"), encoding="utf-8")
    assert "test_recipients: {me: YOUR_ID_ON_THE_PLATFORM}" in work.send("paid.json").stderr
    path.write_text(f"{text}shadow: true\n", encoding="utf-8")
    assert "is a shadow's: it sends nothing" in work.send("paid.json").stderr
    path.unlink()
    assert "sending needs the API of a configuration" in work.send("paid.json").stderr
    assert work.received() == []


def test_a_dry_run_prints_the_requests(work: Work) -> None:
    """And sends nothing."""
    done = work.send("paid.json", "--dry-run", "--output", "json")
    assert done.returncode == 0, done.stderr
    (request,) = json.loads(done.stdout)["requests"]
    assert request["body"]["to"] == ME
    assert work.received() == []
    assert "nothing is sent" in work.send("paid.json", "--dry-run").stdout


def test_a_refusal_of_the_api_is_shown_with_its_meaning(work: Work) -> None:
    """The verdict, the status and the code; the command exits with 1."""
    text = (work.folder / "pipeline.yaml").read_text(encoding="utf-8")
    shutil.copy(work.folder / "pipeline.yaml", work.folder / "before.yaml")
    (work.folder / "pipeline.yaml").write_text(text.replace("/message/v2/notices", "/nowhere"), encoding="utf-8")
    done = work.send("paid.json", "--rule", "any", "--output", "json")
    assert done.returncode == 1
    answer = json.loads(done.stdout[: done.stdout.rindex("}") + 1])
    assert answer["test"] == {"accepted": 0, "refused": 1}
    assert answer["sent"][0]["verdict"] == "retry"
    assert answer["sent"][0]["status"] == 404
