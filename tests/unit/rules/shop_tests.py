"""The shop's rules as tests of rules see them."""

from __future__ import annotations

from pipeline.authoring.rule_tests.running import Result, run
from pipeline.model.finding import Finding
from pipeline.rules.lint.check import CheckResult, check
from pipeline.rules.lint.given_events import EventFiles
from pipeline.rules.source.files import RuleSources
from tests.unit.rules.shop import TEMPLATES, schemas

FILE = "rules/tests/shop.yaml"
RULES = """\
rules:
  - id: paid
    on: shop.order.Paid
    when: event.amount > 0.0 && event.channel != "BALANCE"
    to: ${event.sub}
    template: paid
    url: https://m.example.com/${event.order_no}
    data:
      thing1: ${event.order_no}等${event.count}件
      character_string2: ${event.order_no}
  - id: large
    on: shop.order.Paid
    when: event.amount >= 1000.0
    to: ${event.sub}
    template: old
    color: "#000"
    stop: true
    data: {keyword1: '${event.gift ? "礼物" : ""}大额', remark: '${event.note != null ? event.note : ""}'}
  - id: last
    on: shop.order.Paid
    when: event.count > 100
    to: ${event.sub}
    template: old
    data: {keyword1: 很多}
  - id: off
    enabled: false
    on: shop.order.Paid
    to: ${event.sub}
    template: old
    data: {keyword1: 无}
"""
EVENT = (
    "{type: shop.order.Paid, example: true, with: {sub: buyer, order_no: T1, count: 3, amount: 5, channel: WECHAT, "
    "gift: false, note: null}}"
)


def checked(tests: str, rules: str = RULES) -> CheckResult:
    sources = RuleSources({"rules/shop.yaml": rules}, ("rules/templates.yaml", TEMPLATES), {FILE: tests})
    return check(sources, schemas())


def findings(tests: str) -> list[Finding]:
    """What is wrong with the tests, by `check`."""
    return [one for one in checked(tests).findings if one.path == FILE]


def results(tests: str, files: EventFiles | None = None) -> list[Result]:
    found = checked(tests)
    assert found.ruleset is not None, [str(one) for one in found.findings]
    return [run(case, found.ruleset, schemas(), files or {}) for case in found.cases]


def one(expect: str, override: str = "{}") -> Result:
    """The one case: the shop's event with changes, and what must follow."""
    (result,) = results(
        f"tests:\n  - name: it\n    event: {EVENT}\n    cases:\n      - with: {override}\n        expect: {expect}\n"
    )
    return result


def reported(result: Result) -> list[str]:
    """The words, each with expected and got."""
    return [mismatch.summary for mismatch in result.mismatches]
