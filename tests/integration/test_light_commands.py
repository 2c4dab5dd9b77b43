"""A command that authors run many times an hour imports no client that it does not use. One process each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import PAID
from tests.unit.cli.conftest import shop as shop  # noqa: PLC0414 - a fixture

ROOT = Path(__file__).parents[2]
CLIENTS = frozenset(
    {
        "confluent_kafka",
        "fastavro",
        "httpx",
        "prometheus_client",
        "pyreqwest",
        "rich",
        "ruamel",
        "starlette",
        "uvicorn",
        "uvloop",
    }
)
RULES = frozenset({"babel", "cel_expr_python", "google", "orjson", "pydantic", "yaml"})
"""What checking rules takes, and a list of commands does not."""
FILES_ALONE = ("init", "check", "test", "coverage", "preview", "explain", "diff")
NEEDED: dict[tuple[str, ...], set[str]] = {
    ("schemas", "check", "schemas"): {"fastavro"},
    ("config", "schema"): {"ruamel"},
    ("config", "check"): {"confluent_kafka", "ruamel"},
    ("config", "show"): {"ruamel"},
}
"""The library that reads events checks schemas, and Kafka's own client checks its properties."""
COMMAND_LINES = [
    ("check", "rules"),
    ("check", "rules", "--output", "json"),
    ("test", "rules"),
    ("coverage", "rules"),
    ("preview", "paid.json"),
    ("preview", "paid.json", "--format", "html"),
    ("preview", "--rule", "any"),
    ("explain", "paid.json"),
    ("explain", "paid.json", "--output", "json"),
    ("diff", "rules", "rules", "--events", "paid.json"),
    ("init", "fresh"),
    ("schemas", "check", "schemas"),
    ("config", "schema"),
    ("config", "check"),
    ("config", "show"),
    ("--version",),
    ("--help",),
    *((name, "--help") for name in FILES_ALONE),
]
"""One line for each thing that an author does with files alone."""
_PRINT_MODULES = """
import json, sys
sys.argv = ["notice-pipeline", *sys.argv[1:]]
from pipeline.cli.app import main
try:
    main()
except SystemExit as end:
    code = end.code or 0
names = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps([code, names]), file=sys.stderr)
"""


@pytest.mark.parametrize("line", COMMAND_LINES, ids=" ".join)
def test_no_client_is_loaded(shop: Path, line: tuple[str, ...]) -> None:
    """Neither Kafka's nor HTTP's, neither Avro nor a web server: each alone would cost more than the command."""
    write_event_and_test(shop)
    environment = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", _PRINT_MODULES, *line]
    done = subprocess.run(command, cwd=shop, env=environment, capture_output=True, text=True, check=False)
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    assert "typer" in loaded
    unwanted = CLIENTS if line != ("--help",) else CLIENTS | RULES
    needed = {"rich"} if "--help" in line else NEEDED.get(line, set())
    assert unwanted.intersection(loaded) <= needed


def write_event_and_test(shop: Path) -> None:
    """An event, a test that passes, and a configuration."""
    (shop / "pipeline.yaml").write_text(CONFIGURATION, encoding="utf-8")
    (shop / "paid.json").write_text(json.dumps({"type": "shop.order.Paid", "data": PAID}), encoding="utf-8")
    (shop / "rules" / "tests").mkdir()
    (shop / "rules" / "tests" / "paid.yaml").write_text(TEST, encoding="utf-8")


CONFIGURATION = """\
environment: production
kafka: {bootstrap_servers: "localhost:9092", group_id: shop, topics: [orders]}
schemas: {directory: schemas}
notices: {url: "https://api.example.com/message/v2/notices", token: t}
"""
TEST = """\
tests:
  - name: a message for every order
    event: {type: shop.order.Paid, example: true, with: {gift: false, count: 1}}
    expect: {notices: [{rule: any}]}
"""
