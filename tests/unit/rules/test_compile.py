"""`compile` alone refuses a rule set: every error is its own, and tests do not count."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.bootstrap.events import find_rules
from pipeline.errors import RulesRefused
from pipeline.model.finding import Level
from pipeline.rules.compile import compile_rules, load
from pipeline.rules.lint.check import check
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.document import MAX_CHARACTERS
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.finding_codes import CODES
from pipeline.settings import load_settings
from tests.faults.test_faults import APIS, FOLDER, TEST_FAULTS, schemas_of, sources_of
from tests.unit.rules.shop import RULE, SCHEMA, TEMPLATES, findings

SHOP = SchemaCatalogue([EventSchema(SCHEMA)])
ERRORS = sorted(name for name, code in CODES.items() if code.level is Level.ERROR and name not in TEST_FAULTS)
SETTINGS = """
environment: production
kafka: {bootstrap_servers: localhost:9092, group_id: shop, topics: [shop.orders]}
notices: {url: http://localhost:8090/message/v2/notices, token: secret}
"""
BROKEN_TESTS = {
    "not YAML": "tests: [",
    "not the format": "tests: {name: 3}",
    "an unknown rule": "tests: [{name: a, event: {type: shop.order.Paid}, expect: {notices: [{rule: gone}]}}]",
    "an unfit event": "tests: [{name: a, event: {type: shop.order.Paid, data: {}}, expect: {none: no_match}}]",
}


def sources(code: str) -> RuleSources:
    if code == "file-too-large":
        return RuleSources({"shop.yaml": "#" * (MAX_CHARACTERS + 1)}, ("templates.yaml", TEMPLATES))
    return sources_of(code)


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_of_a_rule_or_template_is_the_compilers(code: str) -> None:
    """The service refuses exactly what `check` calls an error: nothing is left to lint."""
    compilation = compile_rules(sources(code), schemas_of(code), environment="production", apis=APIS)
    assert compilation.ruleset is None
    assert code in {finding.code for finding in compilation.errors}
    assert all(finding.is_error for finding in compilation.errors)
    checked = check(sources(code), schemas_of(code), environment="production", apis=APIS)
    assert tuple(finding for finding in checked.findings if finding.is_error) == compilation.errors


@pytest.mark.parametrize("code", sorted(set(CODES) - set(ERRORS) - {"file-not-read"}))
def test_warnings_and_faults_of_tests_refuse_nothing(code: str) -> None:
    """They come from lint alone."""
    compilation = compile_rules(sources(code), schemas_of(code), environment="production", apis=APIS)
    assert compilation.errors == ()
    assert compilation.ruleset is not None


@pytest.mark.parametrize("text", BROKEN_TESTS.values(), ids=BROKEN_TESTS)
def test_a_broken_test_file_does_not_refuse_the_rules(text: str) -> None:
    """The same files fail `check`."""
    files = RuleSources({"shop.yaml": RULE}, ("templates.yaml", TEMPLATES), {"tests/a.yaml": text})
    assert [rule.id for rule in load(files, SHOP, environment="production").rules] == ["paid"]
    assert check(files, SHOP, environment="production").ruleset is None


def test_the_service_starts_and_reloads_beside_a_broken_test_file(tmp_path: Path) -> None:
    """Start and reload read rules by the same function; the test file here is not even text."""
    rules = tmp_path / "rules"
    (rules / "tests").mkdir(parents=True)
    (rules / "shop.yaml").write_text(RULE, encoding="utf-8")
    (rules / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    (rules / "tests" / "a.yaml").write_bytes(b"tests: [\xff")
    file = tmp_path / "pipeline.yaml"
    file.write_text(f"{SETTINGS}rules: {rules}\n", encoding="utf-8")
    settings = load_settings(file, {})
    assert [rule.id for rule in find_rules(settings, SHOP).rules] == ["paid"]


def test_a_refusal_names_every_error_and_nothing_else() -> None:
    """The warning on the missing schema stays out."""
    with pytest.raises(RulesRefused) as caught:
        load(RuleSources({"shop.yaml": RULE + "\n    wen: 1\n"}, None), SchemaCatalogue(), environment="production")
    assert [finding.code for finding in caught.value.findings] == [
        "no-templates",
        "unknown-key",
    ]


def test_what_is_wrong_with_an_expression_is_said_wherever_it_is_used() -> None:
    """Also where several rules have it, and where only the condition of one of them makes it sound."""
    asked = RULE + "    when: event.note != null\n"
    fields = '    data: {thing1: "${event.note}"}\n'
    rules = "".join(
        text.replace("rules:\n", "" if number else "rules:\n")
        .replace("id: paid", f"id: paid-{number}")
        .replace("    data: {thing1: 豆}\n", fields)
        for number, text in enumerate((asked, RULE, asked, RULE))
    )
    found = [(one.line, one.code) for one in findings(rules) if one.code == "null-not-handled"]
    assert [code for _, code in found] == ["null-not-handled"] * 2
    assert found[0][0] < found[1][0]


def test_every_fault_file_is_used() -> None:
    """The table above is the whole list of codes."""
    assert {path.stem for path in FOLDER.glob("*.yaml")} >= set(ERRORS) - {"file-too-large"}
