"""How little a new thing touches: the promises of docs/architecture.md, section "Where do I begin to …"."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import fastavro
import pytest
from pydantic import Field

from docs.generate import metrics_page
from pipeline import metrics
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka import outcome_writer
from pipeline.adapters.kafka.outcome_record import outcome_schema
from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.bootstrap.notices import make_apis
from pipeline.bootstrap.parts import make_delivery
from pipeline.bootstrap.service import token_sources
from pipeline.cli import app
from pipeline.delivery.condition import NEVER, Condition
from pipeline.delivery.gate import Gate
from pipeline.delivery.policy import DeliverySettings
from pipeline.errors import ConfigurationError
from pipeline.metrics import Kind, Metric
from pipeline.model.halt import Halt
from pipeline.rules.source.format import RuleFields
from pipeline.runtime.credentials import Credentials
from pipeline.settings import Settings, load, load_settings, show
from tests.fakes.outcomes import an_outcome

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "pipeline"
TOOLS = {"authoring", "cli", "sandbox", "web"}
ALSO_OF_OTHER_THINGS = {"color", "data", "on", "template", "to", "url"}
"""Attributes of a rule whose names a search cannot tell from others."""


class Frozen(Condition):
    """A reason not to send that only this test knows."""

    def in_force(self, now: float) -> bool:
        return now >= 0

    def halt(self, now: float) -> Halt | None:
        return Halt.QUOTA if now >= 0 else None

    def blocked_until(self, now: float) -> float | None:
        return NEVER if now >= 0 else None


def test_a_reason_not_to_send_is_one_entry_of_one_tuple() -> None:
    """A condition that the gate does not know by name blocks, is reported, and counts as halted time."""
    gate = Gate(DeliverySettings(), 0.0)
    assert gate.clear(1.0)
    gate.conditions = (*gate.conditions, Frozen())
    assert not gate.clear(1.0)
    assert gate.blocked_until(1.0) == NEVER
    assert gate.halted(1.0) is Halt.QUOTA
    assert gate.halted_seconds(11.0) == 10.0


def test_a_second_api_is_a_setting(tmp_path: Path) -> None:
    """Configuration alone gives delivery a route, and the engine a client and a token source, for each API."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        "kafka: {bootstrap_servers: localhost:9092, group_id: shop, topics: [orders]}\n"
        "notices: {url: http://localhost:1/, token: a, max_in_flight: 7}\n"
        "apis: {sms: {url: http://localhost:2/, token: b, max_in_flight: 5}}\n",
        encoding="utf-8",
    )
    settings = load_settings(path, {})
    delivery = make_delivery(settings, 0.0)
    assert list(delivery.apis) == ["notices", "sms"]
    assert [api.limit for api in delivery.snapshot(0.0).apis.values()] == [7, 5]
    clock = SystemClock()
    apis = make_apis(settings, token_sources(settings, {}, Credentials(clock)), Credentials(clock), clock)
    assert [(api.name, type(api.client)) for api in apis] == [
        ("notices", LoopNoticesApi),
        ("sms", LoopNoticesApi),
    ]


def test_an_outcome_field_is_an_entry_of_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that is appended to the schema is written without any other change, as its default."""
    schema = outcome_schema()
    fields = schema["fields"]
    assert isinstance(fields, list)
    extended = {**schema, "fields": [*fields, {"name": "ours", "type": "string", "default": "new", "doc": "x"}]}
    monkeypatch.setattr(outcome_writer, "outcome_schema", lambda: extended)
    value = outcome_writer.OutcomeEncoder(7, lambda recipient: recipient)(an_outcome())
    read = fastavro.schemaless_reader(io.BytesIO(value[5:]), fastavro.parse_schema(extended), None)
    assert isinstance(read, dict)
    assert read["ours"] == "new"


def test_a_metric_is_a_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter of the catalogue is exposed from the start and is in the reference, without any other change."""
    things = Metric("things_total", Kind.COUNTER, "Things that this test counts.")
    monkeypatch.setattr(metrics, "CATALOGUE", (*metrics.CATALOGUE, things))
    page = b"".join(PrometheusTelemetry("1", ["orders"]).exposition()[0])
    assert "\nnotice_pipeline_things_total 0.0\n" in page.decode()
    assert "| `notice_pipeline_things_total` | counter | — | Things that this test counts. |" in metrics_page()


A_NEW_FUNCTION = """
from pipeline.rules import functions
from pipeline.rules.functions.declaration import Example, Function, Overload

shout = Function("shout", (Overload(("string",), "string"),), str.upper, "Capitals.", (Example('shout("a")', "A"),))
functions.FUNCTIONS = (*functions.FUNCTIONS, shout)

from pipeline.rules.cel.engine import Environment

environment = Environment()
expression = environment.compile("shout(event.name)")
activation = environment.bind({"name": "ann"})
print(expression.evaluate(activation), expression.by_cel(activation), "## shout" in functions.as_markdown())
"""


def test_a_function_for_rules_is_a_declaration() -> None:
    """Both ways to evaluate an expression know it, and the reference has it."""
    ran = subprocess.run([sys.executable, "-c", A_NEW_FUNCTION], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("ANN ANN True\n", "")


class WithOneMore(Settings):
    """The settings, and one that only this test knows."""

    novelty: int = Field(3, ge=1, description="How new it is.")


def test_a_setting_is_a_declaration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, environment, errors with their location, JSON Schema and reference follow from it."""
    for module in (load, show):
        monkeypatch.setattr(module, "Settings", WithOneMore)
    path = tmp_path / "pipeline.yaml"
    text = (
        "kafka: {bootstrap_servers: localhost:9092, group_id: shop, topics: [orders]}\n"
        "notices: {url: http://localhost:1/, token: a}\n"
    )

    def novelty(added: str, environ: Mapping[str, str]) -> object:
        path.write_text(text + added, encoding="utf-8")
        return load_settings(path, environ).model_dump()["novelty"]

    assert novelty("", {}) == 3
    assert novelty("novelty: 4\n", {}) == 4
    assert novelty("novelty: 4\n", {"NOTICE_PIPELINE_NOVELTY": "5"}) == 5
    with pytest.raises(ConfigurationError, match=r"pipeline\.yaml:3:1: `novelty`"):
        novelty("novelty: 0\n", {})
    assert '"novelty"' in show.json_schema()
    assert "| `novelty` | `3` | How new it is. |" in show.as_markdown()


@pytest.mark.parametrize("name", sorted({*RuleFields.model_fields, "description"} - ALSO_OF_OTHER_THINGS))
def test_a_rule_attribute_touches_at_most_five_files_of_what_the_service_runs(name: str) -> None:
    """Modules of the service that declare the attribute, set it or read it from a rule."""
    files = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in TOOLS and name in _of_rules(path)
    }
    assert len(files) <= 5, sorted(files)


@cache
def _of_rules(path: Path) -> frozenset[str]:
    """Attributes that a module reads of a rule, keywords it makes one with, and fields it declares."""
    return frozenset(name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for name in _names(node))


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(value=ast.Name(id="rule" | "merged" | "model")):
            yield node.attr
        case ast.Call(func=ast.Name(id="Rule" | "Notice")):
            yield from (keyword.arg for keyword in node.keywords if keyword.arg)
        case ast.ClassDef(name="Rule" | "RuleFields" | "RuleModel" | "Notice"):
            yield from (ast.unparse(item.target) for item in node.body if isinstance(item, ast.AnnAssign))


def test_a_command_is_one_module_and_its_name() -> None:
    """Every command of the table has the module that the table says."""
    for name, folder in app.FOLDERS.items():
        text = (PACKAGE / "cli" / folder / f"{name}.py").read_text(encoding="utf-8")
        assert re.search(r"^(def command\(|group = )", text, flags=re.MULTILINE), name
    assert app.FOLDERS.keys() == app.COMMANDS.keys()
