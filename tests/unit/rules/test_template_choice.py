"""`template: {by: …, of: {…}}`: one of several templates, by a value of the event."""

from __future__ import annotations

import pytest

from pipeline.authoring.cards.preview import previews
from pipeline.authoring.diff.rule_set_pair import compare
from pipeline.authoring.explain import explain
from pipeline.authoring.rule_tests.coverage import Coverage
from pipeline.authoring.rule_tests.running import run
from pipeline.model.notice import Notice, Refusal
from pipeline.model.outcome import Reason
from pipeline.rules.lint.check import check
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.source.files import RuleSources
from tests.unit.rules.shop import PAID, RULE, TEMPLATES, body, checked, event, findings, ruleset, schemas

LANGUAGES = (
    TEMPLATES.partition("  old:")[0]
    + """\
  paid_en:
    title: Paid
    ids: {production: template-en, staging: template-en-2}
    fields:
      thing1: {label: Item}
      character_string2: {label: Order, optional: true}
  paid_ja:
    title: Paid
    ids: {production: template-ja, staging: template-ja-2}
    fields: {thing1: {}, thing3: {}}
"""
)
BY_NOTE = "{by: event.note, of: {zh: paid, en: paid_en, '*': paid_en}}"
BY_CHANNEL = "{by: event.channel, of: {WECHAT: paid, ALIPAY: paid_en, BALANCE: paid_en}}"


def rule(choice: str, more: str = "") -> str:
    return RULE.replace("template: paid", f"template: {choice}") + more


def codes(choice: str) -> list[str]:
    return [one.code for one in findings(rule(choice), LANGUAGES)]


def only(rules: RuleSet, **data: object) -> Notice | Refusal:
    (made,) = rules.evaluate(event(**data))
    return made


@pytest.mark.parametrize(
    ("note", "template"),
    [
        ("zh", "paid"),
        ("zh-TW", "paid"),
        ("zh_Hant_TW", "paid"),
        ("en-US", "paid_en"),
        ("fr", "paid_en"),
        ("", "paid_en"),
        ("*", "paid_en"),
        (None, "paid_en"),
    ],
)
def test_the_value_chooses(note: str | None, template: str) -> None:
    """Itself, else its language, else the one for others, as for null."""
    made = only(ruleset(rule(BY_NOTE), LANGUAGES), note=note)
    assert made.template == template
    assert body(made)["template"] == {"paid": "template-1", "paid_en": "template-en"}[template]


def test_the_file_may_have_the_choice_for_all_rules() -> None:
    """In its defaults, for rules that name no template."""
    shared = f"defaults:\n  template: {BY_NOTE}\n" + RULE.replace("    template: paid\n", "")
    assert only(ruleset(shared, LANGUAGES), note="zh").template == "paid"


def test_an_event_without_a_template_makes_no_message() -> None:
    """A later version of the schema may have a value that the rule does not know; a choice may fail."""
    rules = ruleset(rule(BY_CHANNEL), LANGUAGES)
    unknown = only(rules, channel="CASH")
    assert isinstance(unknown, Refusal)
    assert (unknown.reason, unknown.detail) == (
        Reason.EXPRESSION_FAILED,
        'template: there is none for the value of the event, and none for "*"',
    )
    failing = only(ruleset(rule("{by: 'event.tags[1]', of: {vip: paid, '*': paid_en}}"), LANGUAGES), tags=[])
    assert isinstance(failing, Refusal)
    assert failing.reason is Reason.EXPRESSION_FAILED
    assert failing.detail.startswith("template: `event.tags[1]`")


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ("{by: event.order_no, of: {zh: paid, en: paid_en}}", "template-missing"),
        ("{by: event.channel, of: {WECHAT: paid, ALIPAY: paid_en}}", "template-missing"),
        ("{by: event.channel, of: {WECHAT: paid, wechat: paid, '*': paid}}", "unknown-enum-value"),
        ("{by: event.note, of: {zh: paid}}", "null-not-handled"),
        ("{by: event.nothing, of: {'*': paid}}", "unknown-field"),
        ("{by: event.count, of: {'*': paid}}", "not-a-text"),
        ("{by: event.tags, of: {'*': paid}}", "not-a-text"),
        ("{by: event.order_no, of: {zh: payed, '*': paid}}", "unknown-template"),
        ("{by: event.order_no, of: {ja: paid_ja, '*': paid}}", "templates-differ"),
        ("{by: '${event.order_no}', of: {'*': paid}}", "expression-syntax"),
        ("{by: event.order_no}", "missing-key"),
        ("{of: {'*': paid}}", "missing-key"),
        ("{by: event.order_no, of: {}}", "wrong-value"),
        ("{by: event.order_no, or: {'*': paid}}", "unknown-key"),
        ("[paid, paid_en]", "wrong-value"),
    ],
)
def test_mistakes_are_found(choice: str, code: str) -> None:
    """Before they are live."""
    assert code in codes(choice)


def test_right_ones_are_not() -> None:
    """All values of an enum need no template for others; one of a text does."""
    assert codes(BY_CHANNEL) == codes(BY_NOTE) == []


def test_an_id_is_needed_of_each() -> None:
    """In the environment that is checked."""
    sources = RuleSources(
        {"a.yaml": rule("{by: event.order_no, of: {en: paid_en, '*': paid_ja}}")}, ("t.yaml", LANGUAGES)
    )
    found = check(sources, schemas(), environment="testing").findings
    assert "no-template-id" in {one.code for one in found}


def test_the_tools_name_the_template() -> None:
    """Explanation, preview and comparison."""
    result = checked(rule(BY_NOTE), LANGUAGES)
    assert result.ruleset is not None
    english = event(note="en-GB")
    (explained,) = explain(result.ruleset, result.locations, english).rules
    assert explained.choice is not None
    assert (explained.choice.text, explained.choice.value) == ("event.note", "en-GB")
    assert (explained.choice.location.line, explained.choice.location.column) == (5, 20)
    (shown,) = previews(result.ruleset, english)
    assert shown.template.alias == "paid_en"
    other = ruleset(rule(BY_NOTE.replace("en: paid_en", "en: paid")), LANGUAGES)
    diff = compare(result.ruleset, other, [english, event(note="zh"), event(note="fr")])
    assert dict(diff.rules["paid"].fields) == {"template": 1, "template id": 1}


def test_a_refused_choice_is_explained_at_its_place() -> None:
    """With the part that fails."""
    result = checked(rule("{by: 'event.tags[1]', of: {vip: paid, '*': paid_en}}"), LANGUAGES)
    assert result.ruleset is not None
    (explained,) = explain(result.ruleset, result.locations, event(tags=[])).rules
    assert explained.fault is not None
    assert (explained.fault.name, explained.fault.location.line) == ("template", 5)
    assert [one.part.text for one in explained.fault.decisions] == ["event.tags[1]"]


TESTS = f"""\
tests:
  - name: one message
    event: {{type: {PAID}, example: true}}
    cases:
      - with: {{note: zh}}
        expect: {{notices: [{{rule: paid, template: paid}}]}}
      - with: {{note: en}}
        expect: {{notices: [{{rule: paid, template: paid_en}}]}}
      - with: {{note: null}}
        expect: {{notices: [{{rule: paid, template: paid}}]}}
"""


def test_tests_expect_a_template_and_coverage_wants_each() -> None:
    """Each key of the choice is a branch; `*` is none where an enum has no other value."""
    sources = RuleSources(
        {"rules/shop.yaml": rule(BY_NOTE)}, ("rules/templates.yaml", LANGUAGES), {"rules/tests/shop.yaml": TESTS}
    )
    result = check(sources, schemas())
    assert result.ruleset is not None
    results = [run(case, result.ruleset, schemas(), {}) for case in result.cases]
    assert [one.passed for one in results] == [True, True, False]
    coverage = Coverage(result.ruleset, result.locations, schemas())
    for one in results[:2]:
        assert one.event is not None
        coverage.note(one.event)
    (covered,) = coverage.rules()
    assert [branch.message for branch in covered.missing] == ['never "*": the template']
    closed = checked(rule(BY_CHANNEL), LANGUAGES)
    assert closed.ruleset is not None
    (uncovered,) = Coverage(closed.ruleset, closed.locations, schemas()).rules()
    assert uncovered.branches == 1 + 3
