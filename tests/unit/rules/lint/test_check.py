"""The whole check: what is found where, beyond the one fault per code that `tests/faults` shows."""

from __future__ import annotations

import pytest

from pipeline.errors import RulesRefused
from pipeline.rules.compile import load
from pipeline.rules.lint.check import check
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from tests.unit.rules.shop import RULE, SCHEMA, TEMPLATES, checked, findings, schemas, with_fields


def rule(*lines: str, data: str = "thing1: 豆", template: str = "paid") -> str:
    """The shop's rule with keys added."""
    keys = ["on: shop.order.Paid", "to: ${event.sub}", f"template: {template}", *lines, "data:"]
    return (
        "\n".join(
            ["rules:", "  - id: paid", *(f"    {key}" for key in keys), *(f"      {one}" for one in data.splitlines())]
        )
        + "\n"
    )


def codes(text: str, *versions: object) -> list[tuple[str, int, int]]:
    """Code, line and column of each finding."""
    return [(one.code, one.line, one.column) for one in findings(text, TEMPLATES, *versions)]  # type: ignore[arg-type]  # schemas, as given


def test_sound_rules_have_no_findings() -> None:
    """Nothing is said of what is fine."""
    assert (
        findings(rule("when: event.note != null && event.amount > 0.0", "url: https://m.example.com/${event.order_no}"))
        == []
    )


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        ("thing1: 单${event.order_no}号${event.ordr_no}", 7, 42),
        ("thing1: '单''${event.ordr_no}'", 7, 27),
        ('thing1: "\\u5355\\"${event.ordr_no}"', 7, 32),
        ("thing1: |-\n  单号\n  ${event.ordr_no}", 9, 17),
        ("thing1: >-\n  ${event.count > 1 &&\n  event.gift ? event.ordr_no : '-'}", 9, 28),
        ("thing1: {value: '${event.ordr_no}', color: '#000'}", 7, 32),
        ("thing1: ${event.gift\n  && event.ordr_no}", 8, 18),
    ],
)
def test_columns_are_exact_in_every_kind_of_text(data: str, line: int, column: int) -> None:
    """A misspelt field is pointed at where it is in the file: quoted, escaped, folded, over several lines."""
    text = rule(data=data)
    assert codes(text) == [("unknown-field", line, column)]
    assert text.splitlines()[line - 1][column - 1 :].startswith("ordr_no")


def test_a_misspelt_key_of_a_template_is_one_finding() -> None:
    """The field that it means is not reported as missing as well; one that nothing resembles is."""
    assert [code for code, *_ in codes(rule(data="thnig1: 豆"))] == ["unknown-template-field"]
    assert [code for code, *_ in codes(rule(data="amount7: 豆"))] == ["field-not-filled", "unknown-template-field"]


@pytest.mark.parametrize(
    ("host", "is_reachable"),
    [
        ("localhost:3000", False),
        ("127.0.0.1", False),
        ("10.1.2.3:8443", False),
        ("172.16.0.1", False),
        ("shop.local", False),
        ("crm.internal", False),
        ("LOCALHOST", False),
        ("172.32.0.1", True),
        ("8.8.8.8", True),
        ("localhost.example.com", True),
        ("local.example.com", True),
        ("m.example.com", True),
    ],
)
def test_a_url_that_only_the_author_reaches_is_found(host: str, *, is_reachable: bool) -> None:
    """One machine's, a private network's (RFC 1918) and reserved names."""
    found = codes(rule(f"url: https://{host}/orders/${{event.order_no}}"))
    assert found == ([] if is_reachable else [("unreachable-url", 6, 18)])


@pytest.mark.parametrize(("when", "at"), [("event != null", 11), ("event.gift && null != event", 25)])
def test_the_event_is_never_null(when: str, at: int) -> None:
    """A comparison of the event itself says nothing."""
    assert codes(rule(f"when: {when}")) == [("always-there", 6, at)]


def test_a_field_of_that_name_may_be_null() -> None:
    """It is another thing than the event."""
    schema = with_fields({"name": "event", "type": ["null", "string"], "default": None})
    assert codes(rule("when: event.event != null"), schema) == []


def test_one_mistake_in_defaults_is_reported_once_at_its_location() -> None:
    """Three rules inherit a misspelt recipient: one finding, in `defaults`."""
    text = "defaults:\n  on: shop.order.Paid\n  to: ${event.sbu}\n  template: paid\nrules:\n"
    text += "".join(f"  - id: rule-{index}\n    data: {{thing1: 豆}}\n" for index in range(3))
    assert codes(text) == [("unknown-field", 3, 15)]


def test_several_faults_are_reported_together_in_the_order_of_the_file() -> None:
    """Structure, expressions and templates are checked in one go: one round of fixing for all."""
    text = rule("whn: true", "url: http://m.example.com") + rule(
        "when: event.nothing", data="amount9: 豆"
    ).removeprefix("rules:\n").replace("id: paid", "id: other")
    assert [code for code, _, _ in codes(text)] == [
        "unknown-key",
        "unknown-field",
        "field-not-filled",
        "unknown-template-field",
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "wrong-value"),
        ("[]", "wrong-value"),
        ("rules", "wrong-value"),
        ("5", "wrong-value"),
        ("rules: 5", "wrong-value"),
        ("rules: {}", "wrong-value"),
        ("rules: [5]", "wrong-value"),
        ("rules: [null]", "wrong-value"),
        ("rules: [{}]", "missing-key"),
        ("rules: [{id: }]", "wrong-value"),
        ("rules: [{id: A B}]", "wrong-value"),
        ("rules: [{id: a, data: [1]}]", "wrong-value"),
        ("rules: [{id: a, on: {b: c}}]", "wrong-value"),
        ("rules: [{id: a, data: {b: {c: d}}}]", "unknown-key"),
        ("rules: [{id: a, data: {b: {value: c, color: red}}}]", "wrong-value"),
        ("rules: [{id: a, expires_after: -5h}]", "wrong-value"),
        ("rules: [{id: a, expires_after: 0s}]", "wrong-value"),
        ("rules: [{id: a, category: Spam and more}]", "wrong-value"),
        ("rules: [{id: a, overflow: {b: cut}}]", "wrong-value"),
        ("rules: []\ndefaults: []", "wrong-value"),
        ("rules: []\ndefaults: {id: a}", "unknown-key"),
        ("rule: []", "unknown-key"),
    ],
)
def test_a_file_of_the_wrong_shape_is_a_finding(text: str, code: str) -> None:
    """Whatever is there, it is reported clearly and nothing is raised."""
    found = findings(text)
    assert code in {one.code for one in found}
    assert all(one.line >= 1 and one.column >= 1 for one in found)
    assert checked(text).ruleset is None


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://m.example.com",
        "//m.example.com",
        "${event.order_no}",
        "https://${event.order_no}/",
        "https://m.example.com.${event.order_no}",
        "https://m.example.com@evil.example/",
        "https://m.example.com\\\\@evil.example",
        "https:///x",
        "data:text/html,x",
        "https://-/",
        "'https://m.example.com/a b'",
        "'https://m.example.com:${event.count}/'",
    ],
)
def test_a_url_that_an_event_or_a_trick_could_turn_is_refused(url: str) -> None:
    """Scheme and host stand written out, and nothing else could take their place."""
    assert [code for code, _, _ in codes(rule(f"url: {url}"))] == ["bad-url"]


@pytest.mark.parametrize(
    "url",
    [
        "https://m.example.com",
        "https://m.example.com:8443/x?y=${event.order_no}#z",
        "https://m.example.com?o=${event.order_no}",
    ],
)
def test_a_url_with_its_host_written_out_is_fine(url: str) -> None:
    """What follows the host may come from the event."""
    assert findings(rule(f'url: "{url}"')) == []


def test_every_version_that_may_come_is_checked() -> None:
    """A rule that breaks on an old version is reported, with the version; one that asks first is fine."""
    old, new = (
        SCHEMA,
        with_fields({"name": "card", "type": "string"}, {"name": "total", "type": "long"}, without="amount"),
    )
    (finding,) = findings(rule("when: event.card == 'A'"), TEMPLATES, old, new)
    assert (finding.code, finding.message) == (
        "field-not-in-version",
        "`event.card` is not there in version 1 of 2 of `shop.order.Paid`",
    )
    (finding,) = findings(rule("when: event.amount > 1.0"), TEMPLATES, old, new)
    assert (finding.code, finding.message) == (
        "field-not-in-version",
        "`event.amount` is not there in version 2 of 2 of `shop.order.Paid`",
    )
    assert findings(rule("when: has(event.card) && event.card == 'A'"), TEMPLATES, old, new) == []
    (finding,) = findings(rule("when: event.crad == 'A'"), TEMPLATES, old, new)[:1]
    assert finding.code == "unknown-field"


def test_a_field_with_a_default_is_there_in_every_version() -> None:
    """The decoder fills it in for events of older writers."""
    new = with_fields({"name": "card", "type": "string", "default": "none"})
    assert findings(rule("when: event.card == 'A'"), TEMPLATES, SCHEMA, new) == []


def test_a_type_that_changed_between_versions_is_reported() -> None:
    """Events of the older version are read as the newest, which decides."""
    new = with_fields({"name": "count", "type": "double"}, without="count")
    (finding,) = findings(rule("when: event.count > 1"), TEMPLATES, SCHEMA, new)
    assert (finding.code, finding.message) == (
        "type-mismatch",
        "`>` does not go between a number with decimals and a whole number",
    )


def test_fixed_outcomes_of_expressions_meet_the_channels_limits() -> None:
    """Branches, labels and fallbacks are seen beforehand, with the text around them."""
    long = "这是一段超过二十个字的固定文字所以渠道会拒"
    for data in (
        f"thing1: '${{event.gift ? \"{long}\" : event.order_no}}'",
        f'thing1: \'${{label(event.channel, {{"WECHAT": "{long}", "*": "微信"}})}}\'',
        f"thing1: '${{default(event.note, \"{long}\")}}'",
        f'thing1: \'{long[:15]}${{event.gift ? "一二三四五六" : "一"}}\'',
    ):
        assert [code for code, _, _ in codes(rule(data=data))] == ["over-limit"], data
        assert findings(rule("overflow: {thing1: truncate}", data=data)) == []


def test_an_optional_field_may_be_null_or_empty() -> None:
    """It is left out of the message then."""
    data = "thing1: 豆\ncharacter_string2: '${event.note}'"
    assert findings(rule(data=data)) == []
    assert [code for code, _, _ in codes(rule(data="thing1: '${event.note}'"))] == ["null-not-handled"]


def test_a_recipient_is_a_text() -> None:
    """A number there is more likely a count than a person; anyone who means it says string()."""
    wrong, right = (RULE.replace("${event.sub}", to) for to in ("${event.count}", "${string(event.count)}"))
    assert codes(wrong) == [("not-a-text", 4, 11)]
    assert findings(right) == []


def test_unknown_types_are_checked_as_far_as_can_be() -> None:
    """Without a schema expressions are still parsed and their functions known."""
    sources = RuleSources(
        {"a.yaml": rule("when: event.anything > 1 && nothing(event.x)")}, ("templates.yaml", TEMPLATES)
    )
    found = {
        one.code
        for one in check(sources, SchemaCatalogue()).findings
        if one.is_error or one.code == "unknown-event-type"
    }
    assert found == {"unknown-event-type", "unknown-name"}


def test_load_raises_with_the_findings() -> None:
    """The service gets a rule set or the reasons why not."""
    sources = RuleSources({"a.yaml": rule("when: event.nothing")}, ("templates.yaml", TEMPLATES))
    with pytest.raises(RulesRefused) as refused:
        load(sources, schemas(), environment="production")
    assert [one.code for one in refused.value.findings if one.is_error] == ["unknown-field"]
    assert (
        load(RuleSources({"a.yaml": RULE}, ("templates.yaml", TEMPLATES)), schemas(), environment="staging")
        .rules[0]
        .template_id
        == "template-2"
    )


def test_disabled_rules_are_not_in_the_rule_set() -> None:
    """They are noted, and do nothing."""
    result = checked(rule("enabled: false"))
    assert result.ruleset is not None
    assert result.ruleset.rules == ()


def test_tests_of_a_rule_that_is_off_are_skipped() -> None:
    """Switching a rule off needs no change of its tests; other cases of the same test run."""
    text = """tests:
  - name: paid
    event: {type: shop.order.Paid, example: true}
    cases:
      - expect: {notices: [{rule: paid}]}
      - expect: {none: refused, rule: paid, reason: field_limit}
      - expect: {none: no_match}
"""
    sources = RuleSources({"a.yaml": rule("enabled: false")}, ("templates.yaml", TEMPLATES), {"t.yaml": text})
    result = check(sources, schemas())
    assert [finding.code for finding in result.findings] == ["disabled", "unused-template"]
    assert result.off == ("paid",)
    assert [one.case.name for one in result.skipped] == ["paid: case 1", "paid: case 2"]
    assert [case.name for case in result.cases] == ["paid: case 3"]


def test_a_fault_in_the_templates_makes_no_finding_elsewhere() -> None:
    """Whether a field may be left out is not known then: a field that may be null is not reported."""
    sources = RuleSources(
        {"a.yaml": rule("", data="{thing1: a, character_string2: '${event.note}'}")},
        ("templates.yaml", TEMPLATES.replace("title: 订单支付成功通知", "titel: 订单支付成功通知")),
    )
    assert {finding.path for finding in check(sources, schemas()).findings if finding.is_error} == {"templates.yaml"}


def test_a_fault_in_a_test_leaves_the_rules_compiled() -> None:
    """So that an editor can go on to show the card."""
    sources = RuleSources({"a.yaml": RULE}, ("templates.yaml", TEMPLATES), {"t.yaml": "tests: [{name: a}]"})
    result = check(sources, schemas())
    assert result.ruleset is None
    assert result.compiled is not None


HURTFUL = {
    "brackets": "(" * 200 + "1" + ")" * 200,
    "sum": "1" + "+1" * 1_900,
    "path": "event" + ".a" * 1_000,
    "loops": "event.tags.exists(a, " * 40 + "true" + ")" * 40,
    "unclosed": "'" + "a" * 4_090,
    "product": "event.tags.map(a, event.tags.map(b, event.tags.map(c, a + b + c))).size() > 1",
    "growth": "event.order_no" + " + event.order_no" * 60 + " == 'a'",
    "lists": "[" * 300 + "]" * 300,
    "pattern": "event.order_no.matches('(')",
    "backslash": "\\\\",
    "long": "event.gift" + " || event.gift" * 400,
}


@pytest.mark.parametrize("name", HURTFUL)
def test_expressions_made_to_hurt_are_findings(name: str) -> None:
    """Depth, length, growth and broken patterns are reported before an event meets them."""
    found = findings(rule(f'when: "{HURTFUL[name]}"'))
    assert any(one.is_error for one in found)


@pytest.mark.parametrize("key", ["when", "url", "expires_after", "category", "owner", "color", "overflow", "enabled"])
@pytest.mark.parametrize("value", ["", " ''", " ~"], ids=["nothing", "an empty text", "null"])
def test_a_key_without_a_value_is_an_error(key: str, value: str) -> None:
    """An empty `when:` would match every event, an empty `expires_after:` would send yesterday's message."""
    (found,) = findings(f"{RULE}    {key}:{value}\n")
    assert (found.code, found.line) == ("wrong-value", 7)
    if key in {"when", "url", "owner"}:
        assert "has no value" in found.message
