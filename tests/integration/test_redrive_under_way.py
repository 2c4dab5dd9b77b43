"""`redrive` while someone is asked, and while its broker goes away: on a real Kafka, from a process of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

import pytest

from tests.broker.handle import Broker
from tests.integration.test_redrive_command import END_SECONDS, MakeOffice, Office, Redrive
from tests.integration.test_redrive_command import make_office as make_office  # noqa: PLC0414 - a fixture
from tests.integration.test_redrive_command import office as office  # noqa: PLC0414 - a fixture
from tests.integration.test_redrive_command import redrive as redrive  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.kafka
LETTERS = 60


def typed(office: Office, answer: bytes) -> tuple[int, str, str]:
    """The command on a terminal on which someone types; exit code, standard output, standard error."""
    terminal, keyboard = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "redrive", "-c", str(office.config)],
            stdin=keyboard,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        os.write(terminal, answer)
        out, err = process.communicate(timeout=END_SECONDS)
    finally:
        os.close(keyboard)
        os.close(terminal)
    return process.returncode, out, err


def test_on_a_terminal_it_asks_for_confirmation(office: Office) -> None:
    """The question is on standard error, so that standard output can be kept; it tells how many."""
    office.fail(3)
    code, out, err = typed(office, b"y\n")
    assert "Send 3 dead letters again? [y/N]" in err
    assert "3 sent again" in out
    assert (code, len(office.redriven())) == (0, 3)


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"], ids=["no", "return", "end of input"])
def test_anything_but_yes_sends_nothing(office: Office, answer: bytes) -> None:
    """What would have been sent is shown all the same; the exit code says that it was not."""
    office.fail(3)
    code, out, err = typed(office, answer)
    assert "3 of 3 dead letters to be sent again" in out
    assert "sent again\n" not in out.replace("to be sent again\n", "")
    assert (code, office.redriven()) == (1, [])
    assert "Aborted" in err
    assert "Traceback" not in err


def test_without_a_terminal_there_is_no_question(office: Office) -> None:
    """From a script or a job it continues: anyone who wrote that has decided."""
    office.fail(3)
    process = office.start()
    out, err = process.communicate(timeout=END_SECONDS)
    assert (process.returncode, len(office.redriven())) == (0, 3)
    assert "3 sent again" in out
    assert "?" not in err


def test_a_broker_that_stays_away_ends_it_with_a_message_and_it_can_be_continued(
    office: Office, redrive: Redrive, stoppable_kafka: Broker
) -> None:
    """Killed in the midst of it: both runs together send each letter once, in order, none left out."""
    office.fail(LETTERS)
    process = office.start("--rate", "5")
    office.wait_for_marks(5)
    stoppable_kafka.kill()
    _, err = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 2, err
    assert "run it again: nothing is sent twice" in err
    assert "Traceback" not in err
    stoppable_kafka.start()
    sent = len(office.numbers())
    assert 0 < sent < LETTERS
    ran = redrive(office, "--output", "json")
    assert (ran.code, ran.reported["others"].get("done"), ran.reported["sent"]) == (0, sent, LETTERS - sent), ran
    assert office.numbers() == list(range(LETTERS))


def test_a_broker_that_comes_back_soon_loses_and_doubles_nothing(
    make_office: MakeOffice, redrive: Redrive, stoppable_kafka: Broker
) -> None:
    """Whether the run continues by itself or must be called again: each letter once, in order, in its own partition."""
    office = make_office(partitions=2)
    office.fail(LETTERS, partition=1)
    process = office.start("--rate", "20")
    office.wait_for_marks(10)
    stoppable_kafka.kill()
    time.sleep(1)
    stoppable_kafka.start()
    _, err = process.communicate(timeout=END_SECONDS)
    assert process.returncode in {0, 2}, err
    assert "Traceback" not in err
    assert redrive(office).code == 0
    by_key: dict[bytes, list[int]] = {}
    for one in office.redriven():
        assert one.partition() == 1
        by_key.setdefault(one.key() or b"", []).append(int(dict(one.headers() or ())["n"] or b""))
    assert sorted(number for numbers in by_key.values() for number in numbers) == list(range(LETTERS))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
