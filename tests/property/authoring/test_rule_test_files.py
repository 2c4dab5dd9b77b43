"""Test files of any shape: what is wrong is reported, never raised; what can be run is run."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters.events.schema_files import read_schemas
from pipeline.authoring.rule_tests.reports import as_text
from pipeline.authoring.rule_tests.running import run
from pipeline.rules.cel.syntax import syntax
from pipeline.rules.lint.check import check
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.finding_codes import CODES
from tests.unit.rules.shop import RULE, TEMPLATES, schemas

ROOT = Path(__file__).parents[3]
SCAFFOLD = ROOT / "pipeline" / "adapters" / "authoring" / "scaffold" / "files"
SCHEMAS = schemas()
TRADE = read_schemas(ROOT / "schemas" / "events" / "trade")
TYPED = ["", " ", "\t", "\n", ":", "：", "“", "'", '"', "{", "}", "$", "-", "#", "，", "且"]
KEYS = st.sampled_from(
    ["name", "event", "expect", "cases", "type", "example", "data", "file", "with", "time", "notices", "none", "rule",
     "reason", "whole", "to", "url", "template", "thing1", "amount", "count", "buyer", "lines", "sub", "x"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["paid", "shop.order.Paid", "no_match", "refused", "field_limit", "${event.x}", "豆", "1,280", ""]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
VALUES = st.recursive(
    LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4), max_leaves=12
)
EVENTS = st.fixed_dictionaries(
    {"type": st.just("shop.order.Paid"), "example": st.just(value=True)},
    optional={"with": st.dictionaries(KEYS, VALUES, max_size=3)},
)
EXPECTED = st.dictionaries(st.sampled_from(["notices", "none", "rule", "reason"]), VALUES, max_size=3)
TESTS = st.lists(
    st.fixed_dictionaries({"name": st.just("it")}, optional={"event": EVENTS | VALUES, "expect": EXPECTED | VALUES}),
    max_size=3,
)


def flow(value: object) -> str:
    """The value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''").replace("\n", " ") + "'"
    return {None: "null", True: "true", False: "false"}.get(value, str(value))  # type: ignore[call-overload, no-any-return]


@given(TESTS | VALUES)
@settings(deadline=None, max_examples=settings().max_examples * 3 // 5)
def test_nothing_in_a_test_file_raises(tests: object) -> None:
    """Each finding has a known code and a place in the file; each case gives a result that can be reported."""
    text = f"tests: {flow(tests)}\n"
    sources = RuleSources({"rules/shop.yaml": RULE}, ("rules/templates.yaml", TEMPLATES), {"rules/tests/a.yaml": text})
    checked = check(sources, SCHEMAS)
    assert all(finding.code in CODES and finding.line >= 1 and finding.column >= 1 for finding in checked.findings)
    if checked.ruleset is not None:
        for case in checked.cases:
            assert all("\n" not in line for line in as_text(run(case, checked.ruleset, SCHEMAS, {})))


@given(st.data())
@settings(deadline=None, max_examples=settings().max_examples * 3 // 5)
def test_a_sound_file_with_a_slip_of_the_finger_never_raises(data: st.DataObject) -> None:
    """A character more, less or another, anywhere in one of the three files that `init` writes."""
    names = ["rules.yaml", "templates.yaml", "tests.yaml"]
    texts = {name: (SCAFFOLD / name).read_text(encoding="utf-8") for name in names}
    name = data.draw(st.sampled_from(names))
    at = data.draw(st.integers(0, len(texts[name])))
    gone = data.draw(st.integers(0, 2))
    typed = data.draw(st.sampled_from(TYPED))
    texts[name] = texts[name][:at] + typed + texts[name][at + gone :]
    sources = RuleSources(
        {"receipts.yaml": texts["rules.yaml"]},
        ("templates.yaml", texts["templates.yaml"]),
        {"tests/receipts.yaml": texts["tests.yaml"]},
    )
    lines = {"receipts.yaml": texts["rules.yaml"], "templates.yaml": texts["templates.yaml"]}
    lines["tests/receipts.yaml"] = texts["tests.yaml"]
    checked = check(sources, TRADE)
    for finding in checked.findings:
        assert 1 <= finding.line <= lines[finding.path].count("\n") + 2
        assert finding.column >= 1
    if checked.ruleset is not None:
        for case in checked.cases:
            assert all("\n" not in line for line in as_text(run(case, checked.ruleset, TRADE, {})))


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 50))
def test_any_finding_has_a_message(message: str, source: str, at: int) -> None:
    """Whatever CEL may say one day."""
    reported, _ = syntax(message, source, at)
    assert reported
