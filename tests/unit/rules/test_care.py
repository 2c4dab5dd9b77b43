"""care.yaml, `category` and `once`: what they compile to, and what is found wrong in them."""

from __future__ import annotations

import pytest

from pipeline.care.declaration import DAY, NO_CARE, WEEK, Cap, InQuiet, OverCap, Quiet, QuietHours, Window
from pipeline.model import outcome
from pipeline.model.notice import Notice, Refusal
from pipeline.model.once import once_key
from pipeline.model.outcome import CAP, OPT_OUT, QUIET_HOURS, Reason
from pipeline.rules.care_places import care_words
from pipeline.rules.lint.check import CheckResult, check
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.source.files import RuleSources
from tests.unit.rules.shop import RULE, TEMPLATES, event, schemas

CARE = """\
care:
  timezone: {from: preferences, default: Europe/Berlin}
  quiet_hours: {night: {from: "22:00", to: "08:00"}}
  caps:
    marketing-a-day: {of: {category: marketing}, at_most: 2, per: day}
    a-week: {of: {category: [marketing, newsletter]}, at_most: 5, per: week}
    everything: {of: all, at_most: 10, per: 24h, reserve: {transactional: 4}}
  categories:
    marketing: {caps: [marketing-a-day, everything], quiet: {hours: night}, opt_out: promotions}
    newsletter: {caps: [a-week]}
    transactional: {caps: [everything], over_cap: send, quiet: {hours: night, then: send}}
    security: {urgent: true}
"""
ONCE = f"{RULE}    once: {{by: '${{event.order_no}}', within: 24h}}\n"


def sources(rules: str = RULE, care: str | None = CARE) -> RuleSources:
    given = None if care is None else ("rules/care.yaml", care)
    return RuleSources({"rules/shop.yaml": rules}, ("rules/templates.yaml", TEMPLATES), care=given)


def checked(rules: str = RULE, care: str | None = CARE) -> CheckResult:
    return check(sources(rules, care), schemas(), environment="production")


def ruleset(rules: str = RULE, care: str | None = CARE) -> RuleSet:
    result = checked(rules, care)
    assert result.ruleset is not None, [str(one) for one in result.findings]
    return result.ruleset


def found(rules: str = RULE, care: str | None = CARE) -> list[str]:
    """The findings but those that every file here has."""
    usual = {"missing-test", "unused-template", "unused-category"}
    return [str(one) for one in checked(rules, care).findings if one.code not in usual]


def only(item: object) -> Notice:
    assert isinstance(item, Notice)
    return item


def test_the_file_compiles_to_what_it_says() -> None:
    """Caps of a calendar day, a week and a moving window; quiet hours over midnight; defaults left out."""
    care = ruleset().care
    assert (care.zone, care.zone_of_preferences) == ("Europe/Berlin", True)
    a_day = Cap("marketing-a-day", frozenset({"marketing"}), 2, DAY, {})
    everything = Cap("everything", None, 10, Window(None, 86_400), {"transactional": 4})
    assert care.caps["marketing-a-day"] == a_day
    assert care.caps["a-week"] == Cap("a-week", frozenset({"marketing", "newsletter"}), 5, WEEK, {})
    assert care.caps["everything"] == everything
    marketing = care.categories["marketing"]
    assert marketing.caps == (a_day, everything)
    assert marketing.over_cap is OverCap.DROP
    assert marketing.quiet == Quiet(QuietHours("night", 22 * 60, 8 * 60), InQuiet.DROP)
    assert (marketing.opt_out, marketing.urgent) == ("promotions", False)
    assert care.categories["transactional"].over_cap is OverCap.SEND
    assert care.categories["security"].urgent


def test_without_the_file_nothing_is_declared() -> None:
    """The rule set's version is that of rules and templates alone."""
    rules = ruleset(care=None)
    assert rules.care is NO_CARE
    assert rules.version == RuleSources({"a.yaml": RULE}, ("b.yaml", TEMPLATES)).version()
    assert rules.version != ruleset().version


def test_the_fingerprint_is_of_what_decides() -> None:
    """Comments and the order of keys do not; a number does."""
    fingerprint = ruleset().care.fingerprint
    head, _, tail = CARE.partition("    newsletter: {caps: [a-week]}\n")
    assert ruleset(care=f"# ours\n{head}{tail}    newsletter: {{caps: [a-week]}}\n").care.fingerprint == fingerprint
    assert ruleset(care=CARE.replace("at_most: 2", "at_most: 3")).care.fingerprint != fingerprint
    assert len(fingerprint) == 12


def test_a_notice_has_its_category_and_the_key_of_once() -> None:
    """By which recipient care decides; a rule without `category` is transactional."""
    rules = ruleset(ONCE + "    category: newsletter\n")
    (item,) = rules.evaluate(event(order_no="T7"))
    notice = only(item)
    assert notice.category == "newsletter"
    assert notice.once is not None
    assert (notice.once.key, notice.once.within) == (once_key("paid", "T7"), 86_400)
    (plain,) = ruleset(care=None).evaluate(event())
    assert (only(plain).category, only(plain).once) == ("transactional", None)


def test_an_empty_key_of_once_is_no_key() -> None:
    """Otherwise two messages without an order number would count as one."""
    (item,) = ruleset(ONCE).evaluate(event(order_no=" "))
    assert only(item).once is None


def test_a_key_of_once_that_fails_refuses_the_message() -> None:
    """To send it without its key would be to send it twice."""
    rules = ruleset(RULE + "    once: {by: '${event.tags[5]}', within: 1h}\n")
    (item,) = rules.evaluate(event())
    assert isinstance(item, Refusal)
    assert item.reason is Reason.EXPRESSION_FAILED
    assert item.detail.startswith("once: ")


def test_once_reads_the_item_of_for_each() -> None:
    """Each message has its own key."""
    rules = ruleset(RULE + "    for_each: line in event.lines\n    once: {by: '${line.title}', within: 1h}\n")
    lines = [{"title": "bean"}, {"title": "tea"}]
    notices = [only(item) for item in rules.evaluate(event(lines=lines))]
    assert [one.once.key for one in notices if one.once is not None] == [
        once_key("paid", "bean"),
        once_key("paid", "tea"),
    ]


def test_once_may_stand_in_the_defaults() -> None:
    """A key of each rule of its own: the rule's id is a part of it."""
    other = RULE.partition("\n")[2].replace("id: paid", "id: other")
    rules = ruleset("defaults:\n  once: {by: '${event.order_no}', within: 1h}\n" + RULE + other, None)
    keys = {only(item).once for item in rules.evaluate(event())}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("care", "finding"),
    [
        (
            CARE.replace("over_cap: send", "over_cap: hold"),
            "rules/care.yaml:11:51: error not-in-release `over_cap`: `hold` is not in this release "
            "(leave it out; a later release carries it out)",
        ),
        (
            CARE.replace("quiet: {hours: night}", "quiet: {hours: night, then: hold}"),
            "rules/care.yaml:9:82: error not-in-release `then`: `hold` is not in this release "
            "(leave it out; a later release carries it out)",
        ),
        (
            CARE.replace("quiet: {hours: night}", "quiet: {hours: night, spread: 30m}"),
            "rules/care.yaml:9:76: error not-in-release `spread` is not in this release "
            "(leave it out; a later release carries it out)",
        ),
        (
            CARE.replace("over_cap: send", "over_cap: sent"),
            "rules/care.yaml:11:51: error wrong-value `over_cap`: is one of drop, send (did you mean `send`?)",
        ),
        (
            CARE.replace("urgent", "urgant"),
            "rules/care.yaml:12:16: error unknown-key unknown key `urgant` (did you mean `urgent`?)",
        ),
        (
            CARE.replace("at_most: 2", "at_most: two"),
            "rules/care.yaml:5:59: error wrong-value `at_most`: write a whole number of at most 1000",
        ),
        (
            CARE.replace("at_most: 2", "at_most: 0"),
            "rules/care.yaml:5:59: error never-opens cap `marketing-a-day` lets no message through "
            "(to stop a category, pause its rules or set `enabled: false`)",
        ),
        (
            CARE.replace("per: week", "per: [week]"),
            "rules/care.yaml:6:67: error wrong-value `per`: write day, week, or a duration like 24h",
        ),
        (
            CARE.replace("per: week", "per: month"),
            "rules/care.yaml:6:72: error wrong-value `per`: write day, week, or a duration like 24h",
        ),
        (
            CARE.replace("per: 24h", "per: 40d"),
            "rules/care.yaml:7:45: error window-too-long a cap's window may be 31d long (write at most 31d)",
        ),
        (
            CARE.replace("of: all", "of: al"),
            "rules/care.yaml:7:22: error wrong-value `of`: write all, or {category: marketing}",
        ),
        (
            CARE.replace('"22:00"', "22.00"),
            'rules/care.yaml:3:31: error wrong-value `from`: write a time of day like "22:00"',
        ),
        (
            CARE.replace('"08:00"', "8:00"),
            'rules/care.yaml:3:44: error wrong-value `to`: write it with two digits: "08:00"',
        ),
        (
            CARE.replace('"08:00"', '"24:00"'),
            'rules/care.yaml:3:45: error wrong-value `to`: midnight is "00:00"',
        ),
        (
            CARE.replace("[marketing, newsletter]", "[marketing, newsleter]"),
            "rules/care.yaml:6:41: error unknown-category there is no category `newsleter` (did you mean "
            "`newsletter`?)",
        ),
        (
            CARE.replace("reserve: {transactional: 4}", "reserve: {transaktional: 4}"),
            "rules/care.yaml:7:60: error unknown-category there is no category `transaktional` "
            "(did you mean `transactional`?)",
        ),
        (
            CARE.replace("at_most: 5, per: week", "at_most: 5, per: week, reserve: {security: 1}"),
            "rules/care.yaml:6:88: error unknown-category cap `a-week` does not count `security`, so nothing is to "
            "be left "
            "free for it (it counts `marketing`, `newsletter`)",
        ),
        (
            CARE.replace("Europe/Berlin", "Europe/berlin"),
            "rules/care.yaml:2:42: error unknown-zone there is no such time zone (write it like Europe/Berlin)",
        ),
        (
            CARE.replace("{urgent: true}", "{urgent: true, opt_out: alerts}"),
            "rules/care.yaml:12:30: error urgent-held-back `security` is urgent, and `opt_out` would hold its "
            "messages back "
            "(leave out `opt_out`)",
        ),
        (
            CARE.replace("newsletter: {caps: [a-week]}", "newsletter: {}"),
            "rules/care.yaml:6:5: warning cap-without-effect no category has `a-week` below its `caps:` "
            "(it counts `marketing`, `newsletter`: name it there)",
        ),
        (
            CARE.replace("newsletter: {caps: [a-week]}", "newsletter: {caps: [marketing-a-day, a-week]}").replace(
                "caps: [marketing-a-day, everything]", "caps: [everything]"
            ),
            "rules/care.yaml:5:5: warning cap-without-effect `marketing-a-day` counts `marketing` and holds back "
            "`newsletter` "
            "alone (name it below `caps:` of `marketing`)",
        ),
        (
            CARE.replace("newsletter: {caps: [a-week]}", "newsletter: {caps: [a-week], over_cap: send}"),
            "rules/care.yaml:6:5: warning cap-without-effect every category with `a-week` has `over_cap: send` "
            "(write over_cap: drop where it should hold back)",
        ),
        (
            "rules: []\n",
            "rules/care.yaml:1:1: error wrong-value this is a file of rules (move it out of the folder `tests`, and "
            "give it a name of its own)",
        ),
        ("care:\n", "rules/care.yaml:1:1: error wrong-value `care`: has no value (write one, or leave the line out)"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file(care: str, finding: str) -> None:
    """Each with its place, in words of the trade, and with a hint."""
    assert finding in found(care=care)


@pytest.mark.parametrize(
    ("keys", "finding"),
    [
        (
            "category: markting",
            "rules/shop.yaml:7:15: error unknown-category there is no category `markting` (did you mean `marketing`?)",
        ),
        (
            "once: {by: '${event.note}', within: 24h}",
            "rules/shop.yaml:7:19: error null-not-handled `event.note` may be null (ask first: event.note != null ? "
            "… : …)",
        ),
        (
            "once: {by: event.order_no, within: 24h}",
            "rules/shop.yaml:7:16: error forgotten-braces `event.order_no` is not inside `${…}`, so the customer "
            "would read "
            "it as it is written (write `${event.order_no}`)",
        ),
        (
            "once: 24h",
            "rules/shop.yaml:7:11: error wrong-value `once`: should have keys below it, each with its value "
            '(write {by: "${event.order_no}", within: 24h})',
        ),
        (
            "order: none\n    category: marketing",
            "rules/shop.yaml:7:12: error care-needs-order cap `marketing-a-day` of category `marketing` needs the "
            "order of "
            "messages: two at the same time would both be sent (leave out `order: none`)",
        ),
        (
            "category: security\n    once: {by: '${event.order_no}', within: 24h}",
            "rules/shop.yaml:8:5: error urgent-held-back category `security` is urgent, so that `once` has no effect "
            "(leave out `once`, or use another category)",
        ),
        (
            "unless: [{on: shop.order.Closed}]",
            "rules/shop.yaml:7:5: error not-in-release `unless` is not in this release "
            "(leave it out; a later release carries it out)",
        ),
        (
            "digest: {collect: 30m}",
            "rules/shop.yaml:7:5: error not-in-release `digest` is not in this release "
            "(leave it out; a later release carries it out)",
        ),
    ],
)
def test_what_is_wrong_in_a_rule(keys: str, finding: str) -> None:
    """Unknown categories, keys that may be null, an order that care cannot do without, and what is to come."""
    assert found(f"{RULE}    {keys}\n") == [finding]


def test_an_order_that_only_counts_is_allowed() -> None:
    """`over_cap: send` holds nothing back."""
    assert found(RULE + "    order: none\n    category: transactional\n") == []


def test_another_category_needs_the_file() -> None:
    """The three that are always there do not."""
    hint = "(there are marketing, security, transactional; care.yaml declares others)"
    expected = f"rules/shop.yaml:7:15: error unknown-category there is no category `newsletter` {hint}"
    assert found(RULE + "    category: newsletter\n", None) == [expected]
    assert found(RULE + "    category: marketing\n", None) == []


def test_a_faulty_file_does_not_make_every_category_unknown() -> None:
    """One finding: that of the file."""
    findings = found(RULE + "    category: newsletter\n", CARE.replace("urgent", "urgant"))
    assert [finding.split()[2] for finding in findings] == ["unknown-key"]


def test_categories_that_hold_back_and_have_no_rule_are_found() -> None:
    """Others of the three may be declared for later."""
    codes = [one for one in checked().findings if one.code == "unused-category"]
    assert [one.message for one in codes] == ["no rule has category `marketing`", "no rule has category `newsletter`"]


def test_explanations_name_where_each_condition_is_declared() -> None:
    """In the file as it is today; `once` is in the rule."""
    result = checked(ONCE)
    assert result.ruleset is not None
    words = care_words(result.ruleset.care, result.care, result.locations)
    assert words.places == {
        (CAP, "marketing-a-day"): "rules/care.yaml:5:5",
        (CAP, "a-week"): "rules/care.yaml:6:5",
        (CAP, "everything"): "rules/care.yaml:7:5",
        (OPT_OUT, "promotions"): "rules/care.yaml:9:77",
        (QUIET_HOURS, "night"): "rules/care.yaml:3:17",
        (outcome.ONCE, "paid"): "rules/shop.yaml:7:5",
    }
    assert (words.zone, words.names_zone) == ("Europe/Berlin", True)
