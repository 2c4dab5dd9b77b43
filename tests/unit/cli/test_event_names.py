"""One way to name an event: for `preview`, `explain`, `diff` and the tests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.unit.cli.conftest import PAID, Run

TEST = """\
tests:
  - name: a large order
    event: {type: shop.order.Paid, example: true, with: {count: 3, amount: "2000.00", gift: false, order_no: T77}}
    cases:
      - name: of one day
        expect: {notices: [{rule: large}, {rule: any, data: {thing1: T77}}]}
  - name: a recorded one
    event: {type: shop.order.Paid, file: "recorded.jsonl:2"}
    expect: {notices: [{rule: any, data: {thing1: T2}}]}
"""


@pytest.fixture
def recorded(shop: Path) -> Path:
    """Three recorded events beside the rules, and tests."""
    (shop / "events").mkdir()
    events = [{"type": "shop.order.Paid", "data": {**PAID, "order_no": f"T{number}"}} for number in (1, 2, 3)]
    file = shop / "events" / "recorded.jsonl"
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events), encoding="utf-8")
    (shop / "events" / "paid.json").write_text(json.dumps(events[2]), encoding="utf-8")
    (shop / "rules" / "tests").mkdir()
    (shop / "rules" / "tests" / "paid.yaml").write_text(TEST, encoding="utf-8")
    return shop


NAMES = [
    ("events/recorded.jsonl:2", "T2", "events/recorded.jsonl:2"),
    ("recorded.jsonl:2", "T2", "events/recorded.jsonl:2"),
    ("recorded:2", "T2", "events/recorded.jsonl:2"),
    ("paid", "T3", "events/paid.json:1"),
    ("events/paid.json", "T3", "events/paid.json:1"),
    ("a large order: of one day", "T77", "rules/tests/paid.yaml:5"),
    ("Large Order", "T77", "rules/tests/paid.yaml:5"),
    ("a recorded one", "T2", "rules/tests/paid.yaml:7"),
]


@pytest.mark.parametrize(("name", "order", "where"), NAMES)
def test_every_command_takes_the_same_names(run: Run, recorded: Path, name: str, order: str, where: str) -> None:
    """And shows the event by a name that it takes again, or by the place of its test."""
    for command in ("explain", "preview"):
        done = run(command, name, "--output", "json")
        assert done.code == 0, done.err
        assert order in done.out
        assert where in done.out
    shutil.copytree(recorded / "rules", recorded / "before")
    rules = (recorded / "rules" / "shop.yaml").read_text(encoding="utf-8")
    (recorded / "rules" / "shop.yaml").write_text(rules.replace('"${event.order_no}"', "新"), encoding="utf-8")
    compared = run("diff", "before", "--events", name)
    assert compared.code == 0, compared.err
    assert f"  changed at {where}\n" in compared.out
    assert f"      - {order}\n" in compared.out


@pytest.mark.usefixtures("recorded")
def test_the_first_event_of_a_file_by_its_number_is_not_remarked_on(run: Run) -> None:
    """Only where the number is left out there are others to mention."""
    assert "holds several events" in run("explain", "recorded").err
    assert run("explain", "recorded:1").err == ""
    assert run("explain", "events/recorded.jsonl:1").err == ""


@pytest.mark.usefixtures("recorded")
def test_a_file_of_tests_is_not_an_event(run: Run) -> None:
    """The message names the way to the event of a test."""
    done = run("explain", "rules/tests/paid.yaml")
    assert done.code == 2
    assert "write its name instead of its file" in done.err


def test_what_diff_names_explain_takes(run: Run, recorded: Path) -> None:
    """In every form of the report."""
    shutil.copytree(recorded / "rules", recorded / "before")
    rules = (recorded / "rules" / "shop.yaml").read_text(encoding="utf-8")
    (recorded / "rules" / "shop.yaml").write_text(rules.replace('"${event.order_no}"', "新"), encoding="utf-8")
    for output in ("text", "markdown", "json"):
        done = run("diff", "before", "--events", "events/recorded.jsonl", "--output", output)
        assert "events/recorded.jsonl:2" in done.out
        assert "events/recorded.jsonl/0/1" not in done.out
    assert run("explain", "events/recorded.jsonl:2").code == 0


def test_tests_name_recorded_events(run: Run, recorded: Path) -> None:
    """One of several by its number; from outside both folders none."""
    assert run("test").code == 0
    for file, message in (
        ("recorded.jsonl", "holds several events; a test has one: name it as `recorded.jsonl:3`"),
        ("recorded.jsonl:9", "holds fewer than 9 events"),
        ("../../schemas/shop.avsc", "is not below the folder of this test"),
        ("../../events/recorded.jsonl:2", "is not below the folder of this test"),
    ):
        text = TEST.replace("recorded.jsonl:2", file)
        (recorded / "rules" / "tests" / "paid.yaml").write_text(text, encoding="utf-8")
        done = run("test")
        assert done.code == 1
        assert message in done.out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a larg ordr", "no event is named `a larg ordr`\nhint: did you mean `a large order: of one day`"),
        ("a ", "`a ` is in the names of several tests\nhint: write the whole name: a large order: of one day"),
        ("nothing.json", "nothing.json: cannot be read: No such file or directory"),
        ("recorded:9", "events/recorded.jsonl: holds fewer than 9 events"),
        ("orders/0/17", "give --config, or write a pipeline.yaml"),
    ],
)
def test_a_name_that_names_nothing_is_misuse(run: Run, recorded: Path, name: str, message: str) -> None:
    """With what it may mean; for `diff` the same words."""
    for arguments in (["explain", name], ["preview", name], ["diff", "rules", "--events", name]):
        done = run(*arguments)
        assert done.code == 2, done.out
        assert message in done.err
        assert "Traceback" not in done.err
    assert (recorded / "events").is_dir()
