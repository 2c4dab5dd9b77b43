"""Files and their names contain control characters: no command prints them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline.cli.printing import MOST_FINDINGS
from tests.unit.cli.conftest import Run

OBEYED = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
"""Window title, clear screen, a colour by the one-byte introducer, and writing from right to left."""
QUOTED = r'"\e]0;owned\a\e[2J\x9b31m\u202e"'
"""The same, as YAML has it; as such it may not be in a file."""
_FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

RULES_WITH_FAULTS = f"""\
rules:
  - id: {QUOTED}
    on: {QUOTED}
    to: {QUOTED}
    template: {QUOTED}
    {QUOTED}: 1
    when: {QUOTED}
    url: {QUOTED}
    data: {{{QUOTED}: {QUOTED}}}
"""
TESTS = f"""\
tests:
  - name: {QUOTED}
    event: {{type: shop.order.Paid, example: true, with: {{order_no: {QUOTED}}}}}
    expect: {{notices: [{{rule: any, url: {QUOTED}, data: {{thing1: {QUOTED}}}}}]}}
"""


def reported(run: Run, *message: str) -> str:
    """All that the command says; nothing in it is obeyed."""
    done = run(*message)
    whole = done.out + done.err
    assert _FORBIDDEN.search(whole) is None, repr(whole)
    assert "Traceback" not in whole
    return whole


@pytest.mark.parametrize("output", ["text", "json", "github"])
def test_control_characters_in_findings_are_escaped(shop: Path, run: Run, output: str) -> None:
    """In every output format, in texts of the file and in its name."""
    (shop / "rules" / f"a{OBEYED}.yaml").write_text(RULES_WITH_FAULTS, encoding="utf-8")
    whole = reported(run, "check", "rules", "--output", output)
    assert "owned" in whole
    if output == "json":
        assert any(OBEYED in finding["path"] for finding in json.loads(whole))


@pytest.mark.parametrize("command", ["test", "coverage", "preview", "explain", "diff"])
def test_control_characters_in_refused_rules_are_escaped(shop: Path, run: Run, command: str) -> None:
    """By every command that needs valid rules."""
    (shop / "rules" / f"a{OBEYED}.yaml").write_text(RULES_WITH_FAULTS, encoding="utf-8")
    (shop / "rules" / "tests").mkdir()
    (shop / "rules" / "tests" / "t.yaml").write_text(TESTS, encoding="utf-8")
    (shop / "paid.json").write_text('{"type": "shop.order.Paid", "data": {}}', encoding="utf-8")
    message = {
        "preview": ["preview", "paid.json"],
        "explain": ["explain", "paid.json"],
        "diff": ["diff", "rules", "rules", "--events", "paid.json"],
    }
    assert "owned" in reported(run, *message.get(command, [command, "rules"]))


@pytest.mark.parametrize("message", [("test", "rules"), ("test", "rules", "--verbose"), ("coverage", "rules")])
def test_control_characters_in_test_results_are_escaped(shop: Path, run: Run, message: tuple[str, ...]) -> None:
    """Names of tests and files, expected and actual values."""
    (shop / "rules" / "tests").mkdir()
    (shop / "rules" / "tests" / f"{OBEYED}.yaml").write_text(TESTS, encoding="utf-8")
    reported(run, *message)


@pytest.mark.parametrize("command", ["check", "test", "coverage"])
def test_control_characters_in_arguments_are_escaped(shop: Path, run: Run, command: str) -> None:
    """A merge request can contain a folder of any name."""
    (shop / "rules").rename(shop / OBEYED)
    reported(run, command, OBEYED)
    reported(run, command, f"{OBEYED}-nowhere")
    assert "owned" in reported(run, "preview", "--rules", OBEYED, "--rule", OBEYED)


def test_control_characters_in_schemas_are_escaped(shop: Path, run: Run) -> None:
    """Names of fields and files."""
    field = {"name": OBEYED, "type": OBEYED}
    broken = {"type": "record", "name": "A", "fields": [field]}
    (shop / "schemas" / f"{OBEYED}.avsc").write_text(json.dumps(broken), encoding="utf-8")
    for output in ("text", "json"):
        assert "owned" in reported(run, "schemas", "check", "schemas", "--output", output)
    reported(run, "check", "rules")


def test_a_thousand_findings_are_counted_and_some_are_shown(shop: Path, run: Run) -> None:
    """Errors before warnings, wherever they stand; all of them for programs."""
    many = "\n".join(
        f"  - {{id: r{one}, on: shop.order.Paid, to: a, template: paid, data: {{thing1: x}}}}" for one in range(1_000)
    )
    last = "  - {id: last, on: shop.order.Paid, to: a, template: nowhere, data: {thing1: x}}\n"
    (shop / "rules" / "shop.yaml").write_text(f"rules:\n{many}\n{last}", encoding="utf-8")
    done = run("check", "rules")
    lines = done.out.splitlines()
    assert done.code == 1
    assert len(lines) == MOST_FINDINGS + 2
    assert "nowhere" in lines[-3]
    assert re.fullmatch(r"… and [\d,]+ more", lines[-2])
    assert lines[-1].startswith("rules: 1 error, 2003 warnings")
    assert len(run("check", "rules", "--limit", "2").out.splitlines()) == 4
    assert len(json.loads(run("check", "rules", "--output", "json").out)) > 1_000
    refused = run("preview", "--rule", "last").err.splitlines()
    assert len(refused) == 2
