"""A rule set in use: what follows from an event."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pipeline.model.event import Redrive
from pipeline.model.notice import Notice, OnAmbiguous, Refusal, notice_id
from pipeline.model.outcome import Reason
from pipeline.rules.cel.engine import Environment
from tests.unit.rules.shop import DATA, PAID, PAID_AT, RULE, TEMPLATES, body, event, findings, one_rule, ruleset


def test_a_matching_rule_makes_one_notice() -> None:
    """The notice has the contract's body, the recipient, and an id that the event and the rule determine."""
    (notice,) = one_rule(url='"https://m.example.com/${event.order_no}"').evaluate(event())
    assert isinstance(notice, Notice)
    assert notice.id == notice_id("orders/0/17", "paid")
    assert (notice.rule, notice.template, notice.recipient) == ("paid", "paid", DATA["sub"])
    assert body(notice) == {
        "to": DATA["sub"],
        "template": "template-1",
        "url": "https://m.example.com/T2026",
        "data": {"thing1": {"value": "豆"}},
    }


@pytest.mark.parametrize("padded", [" u1 ", "u1\u3000", "\tu1\r\n", "\u00a0u1"])
@pytest.mark.parametrize("to", ['"${event.sub}"', '"${[event.sub][0]}"'])
def test_blanks_around_a_recipient_are_not_part_of_it(to: str, padded: str) -> None:
    """Databases pad texts; with a lane of its own for each form, one person's messages would lose their order."""
    (notice,) = one_rule(to=to).evaluate(event(sub=padded))
    assert isinstance(notice, Notice)
    assert (notice.recipient, body(notice)["to"]) == ("u1", "u1")


def test_other_types_make_nothing() -> None:
    """An event of a type that no rule names is passed over."""
    assert one_rule().evaluate(replace(event(), type="shop.order.Shipped")) == []


def test_a_condition_decides() -> None:
    """Only events for which `when` is true make a notice."""
    rules = one_rule(when='event.count > 2 && event.channel != "BALANCE"')
    assert len(rules.evaluate(event())) == 1
    assert rules.evaluate(event(count=2)) == []
    assert rules.evaluate(event(channel="BALANCE")) == []


def test_rules_make_notices_in_file_order_until_one_stops() -> None:
    """Every matching rule makes its own notice; `stop: true` ends matching, but only where that rule matches."""
    text = RULE
    for name, keys in (("second", "\n    stop: true\n    when: event.gift"), ("third", "")):
        text += RULE.removeprefix("rules:\n").replace("id: paid", f"id: {name}{keys}")
    rules = ruleset(text)
    assert [item.rule for item in rules.evaluate(event())] == ["paid", "third"]
    assert [item.rule for item in rules.evaluate(event(gift=True))] == ["paid", "second"]


def test_a_limit_is_the_rules_own_or_that_of_all_rules() -> None:
    """`max_per_minute` of the rule, of the file's defaults, of the configuration; without any there is none."""
    assert one_rule(max_per_minute="600").limits(None) == {"paid": 600}
    assert one_rule(max_per_minute="600").limits(10) == {"paid": 600}
    assert one_rule().limits(10) == {"paid": 10}
    assert one_rule().limits(None) == {}
    assert ruleset("defaults: {max_per_minute: 5}\n" + RULE).limits(None) == {"paid": 5}


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "true", "many", "1000001"])
def test_a_limit_is_a_whole_number(value: str) -> None:
    """Whatever else is written is a finding at its location."""
    (finding,) = findings(RULE + f"    max_per_minute: {value}\n")
    assert (finding.code, finding.line) == ("wrong-value", 7)
    assert "write a whole number from 1 to 1000000, like 600" in finding.message


def test_a_redriven_event_runs_only_the_rule_that_failed() -> None:
    """Others had their outcome already; neither another's `stop` nor the order of the file matters then."""
    text = RULE.replace("id: paid", "id: paid\n    stop: true")
    text += RULE.removeprefix("rules:\n").replace("id: paid", "id: second\n    when: event.gift")
    rules = ruleset(text)
    redriven = replace(event(gift=True), redrive=Redrive("second", 0))
    assert [item.rule for item in rules.evaluate(redriven)] == ["second"]
    assert rules.evaluate(replace(event(gift=False), redrive=Redrive("second", 0))) == []
    assert rules.evaluate(replace(event(), redrive=Redrive("no-more", 0))) == []
    assert [item.rule for item in rules.evaluate(replace(event(), redrive=Redrive(None, 0)))] == ["paid"]
    assert rules.evaluate(replace(redriven, type="shop.order.Shipped")) == []


def test_a_refused_notice_is_sent_again_under_another_key_but_with_its_own_id() -> None:
    """Another one for each round, the same within it; without a refusal the key is the id."""
    rules = one_rule()

    def keys(key_round: int) -> tuple[str, str]:
        (notice,) = rules.evaluate(replace(event(), redrive=Redrive("paid", key_round)))
        assert isinstance(notice, Notice)
        return notice.id, notice.idempotency_key

    own = notice_id("orders/0/17", "paid")
    assert keys(0) == (own, own)
    assert keys(1) == keys(1) == (own, notice_id("orders/0/17", "paid", 1))
    assert len({keys(number) for number in range(4)}) == 4


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("event.order_no", "T2026"),
        ("event.count", "3"),
        ("event.amount", "128"),
        ("event.amount + 0.5", "128.5"),
        ("0.1 + 0.2", "0.3"),
        ("event.gift", "false"),
        ("event.order_no + string(event.count)", "T20263"),
        ("money(event.amount, 'CNY')", "¥128.00"),
        ("event.tags[1]", "vip"),
        ("event.buyer.name", "Li"),
        ("event.extra['shop']", "west"),
        ("event.tags.filter(tag, tag != 'new')[0]", "vip"),
    ],
)
def test_values_stand_in_texts_as_people_write_them(expression: str, text: str) -> None:
    """Numbers and truth values become text without a decimal point that says nothing."""
    (notice,) = one_rule(data=f'{{thing1: "${{{expression}}}"}}').evaluate(event())
    assert body(notice)["data"] == {"thing1": {"value": text}}


def test_text_and_expressions_mix() -> None:
    """Literal text stays, `$${` is a literal `${`, and several expressions may be in one text."""
    (notice,) = one_rule(data='{thing1: "$${a}${event.count}件${event.order_no}。"}').evaluate(event())
    assert body(notice)["data"] == {"thing1": {"value": "${a}3件T2026。"}}


@pytest.mark.parametrize("value", ["${event.sub}", "$${x}", "{{7*7}}", '"},"to":"other', "</script>", "' || true || '"])
def test_an_events_values_are_never_syntax(value: str) -> None:
    """What an event holds is text and nothing else: no template, no expression, no JSON."""
    (notice,) = one_rule(data="{thing1: '${event.order_no}'}").evaluate(event(order_no=value))
    assert body(notice) == {
        "to": DATA["sub"],
        "template": "template-1",
        "data": {"thing1": {"value": value}},
    }


def test_optional_fields_left_empty_are_left_out() -> None:
    """An optional field whose text is empty does not are in the request."""
    data = '{thing1: 豆, character_string2: "${event.gift ? event.order_no : \\"\\"}"}'
    (notice,) = one_rule(data=data).evaluate(event())
    assert body(notice)["data"] == {"thing1": {"value": "豆"}}


def test_a_field_may_have_a_colour() -> None:
    """A field's own colour comes before the rule's."""
    (notice,) = one_rule(
        template="old", color='"#000"', data='{keyword1: {value: a, color: "#173177"}, remark: b}'
    ).evaluate(event())
    assert body(notice)["data"] == {
        "keyword1": {"value": "a", "color": "#173177"},
        "remark": {"value": "b", "color": "#000"},
    }


def test_overflow_truncates_only_where_the_rule_says_so() -> None:
    """A text over the limit is refused; with `overflow: truncate` it ends in an ellipsis at the limit."""
    long = event(order_no="豆" * 21)
    (refused,) = one_rule(data="{thing1: '${event.order_no}'}").evaluate(long)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.detail) == (Reason.FIELD_LIMIT, "thing1: has 21 of at most 20 characters")
    (notice,) = one_rule(data="{thing1: '${event.order_no}'}", overflow="{thing1: truncate}").evaluate(long)
    assert body(notice)["data"] == {"thing1": {"value": "豆" * 19 + "…"}}


def test_the_earlier_of_two_expiries_holds() -> None:
    """`expires_after` counts from the event's time; CloudEvents' own expiry may come before it, never later."""
    rules = one_rule(expires_after="1h")
    for given, expected in ((None, PAID_AT + 3600), (PAID_AT + 60, PAID_AT + 60), (PAID_AT + 7200, PAID_AT + 3600)):
        (notice,) = rules.evaluate(replace(event(), expires_at_ms=given and given * 1000))
        assert isinstance(notice, Notice)
        assert notice.expires_at == expected
    (notice,) = one_rule().evaluate(event())
    assert isinstance(notice, Notice)
    assert notice.expires_at is None


def test_a_rule_may_give_up_order_and_repeats() -> None:
    """`order: none` and `on_ambiguous: give_up` reach the notice."""
    (notice,) = one_rule(order="none", on_ambiguous="give_up").evaluate(event())
    assert isinstance(notice, Notice)
    assert (notice.ordered, notice.on_ambiguous) == (False, OnAmbiguous.GIVE_UP)


@pytest.mark.parametrize(
    ("changes", "event_changes", "reason", "detail"),
    [
        ({"when": "event.tags[5] == 'x'"}, {}, Reason.EXPRESSION_FAILED, "when: `event.tags[5] == 'x'`"),
        ({"when": "event.count > 2"}, {"count": "many"}, Reason.EXPRESSION_FAILED, "when: `event.count > 2`"),
        (
            {"data": '{thing1: "${3 / event.count}"}'},
            {"count": 0},
            Reason.EXPRESSION_FAILED,
            "thing1: `3 / event.count`",
        ),
        (
            {"data": '{thing1: "${event.order_no}"}'},
            {"order_no": ["a"]},
            Reason.WRONG_TYPE,
            "thing1: neither text nor number",
        ),
        ({"data": '{thing1: "${event.order_no}"}'}, {"order_no": ""}, Reason.FIELD_EMPTY, "thing1: is empty"),
        (
            {"data": '{thing1: "${event.order_no}"}'},
            {"order_no": "a\nb"},
            Reason.FIELD_LIMIT,
            "thing1: holds a line break",
        ),
        (
            {"data": '{thing1: "${event.order_no}"}'},
            {"order_no": "\ud800"},
            Reason.FIELD_EMPTY,
            "thing1: is empty",
        ),
        ({}, {"sub": ""}, Reason.RECIPIENT_EMPTY, "to: is empty"),
        ({}, {"sub": "\u3000\u200b"}, Reason.RECIPIENT_EMPTY, "to: is empty"),
        ({}, {"sub": "u1\u200b"}, Reason.FIELD_LIMIT, "to: holds a line break, control character or invisible"),
        ({}, {"sub": "u1\ufe0f"}, Reason.FIELD_LIMIT, "to: holds a line break, control character or invisible"),
        ({}, {"sub": "u1\u3164"}, Reason.FIELD_LIMIT, "to: holds a line break, control character or invisible"),
        ({}, {"sub": "a\u0000b"}, Reason.FIELD_LIMIT, "to: holds a line break"),
        ({}, {"sub": "a" * 257}, Reason.FIELD_LIMIT, "to: longer than 256"),
        ({"url": '"https://m.example.com/${event.order_no}"'}, {"order_no": "a b"}, Reason.URL_REFUSED, "url: "),
        (
            {"url": '"https://m.example.com/${event.order_no}"'},
            {"order_no": "a\r\nHost: x"},
            Reason.URL_REFUSED,
            "url: ",
        ),
        ({"url": '"https://m.example.com/${event.order_no}"'}, {"order_no": "a" * 1024}, Reason.URL_REFUSED, "url: "),
        ({"url": '"https://m.example.com/${event.order_no}"'}, {"order_no": "茶" * 200}, Reason.URL_REFUSED, "url: "),
        (
            {"url": '"https://m.example.com/${event.order_no}"'},
            {"order_no": "a\ufe0fb"},
            Reason.URL_REFUSED,
            "url: holds white space or an invisible character; write the part that the event gives as url_encode(…)",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_with_reason_and_place(
    changes: dict[str, str], event_changes: dict[str, object], reason: Reason, detail: str
) -> None:
    """A rule that cannot make a message says why: the field and the expression, never the text itself."""
    (refusal,) = one_rule(**changes).evaluate(event(**event_changes))
    assert isinstance(refusal, Refusal)
    assert (refusal.id, refusal.rule, refusal.reason) == (notice_id("orders/0/17", "paid"), "paid", reason)
    assert refusal.detail.startswith(detail)


INVISIBLE = (
    "\u200b\u200b",
    "\ufeff",
    "\u200c\u200d",
    "\u2060\u2063",
    "\u00ad",
    "\ufe0f",
    "\U000e0100",
    "\U000e0041",
    "\u2800\u2800",
    "\u3164",
    "\u115f\u1160",
    "\uffa0",
    "\u034f",
    "\u180b\u180e",
    "\u17b4",
    "\U0001d173",
    "\u2065",
    "\ufff0",
    " \u3000\u00a0\u200b",
)


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_a_text_that_shows_nothing_is_empty(text: str) -> None:
    """It is refused in a required field, cut or not, left out of an optional one, and not accepted as a recipient."""
    given = event(order_no=text, sub=text)
    for overflow in ("{}", "{thing1: truncate}"):
        (refusal,) = one_rule(to="u1", data="{thing1: '${event.order_no}'}", overflow=overflow).evaluate(given)
        assert isinstance(refusal, Refusal)
        assert (refusal.reason, refusal.detail) == (Reason.FIELD_EMPTY, "thing1: is empty")
    (notice,) = one_rule(to="u1", data="{thing1: 豆, character_string2: '${event.order_no}'}").evaluate(given)
    assert body(notice)["data"] == {"thing1": {"value": "豆"}}
    (refusal,) = one_rule().evaluate(given)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.RECIPIENT_EMPTY
    (notice,) = one_rule(to="u1", data="{thing1: '${default(event.order_no, \"顾客\")}'}").evaluate(given)
    assert body(notice)["data"] == {"thing1": {"value": "顾客"}}


def test_an_emoji_keeps_its_joiners_and_selectors() -> None:
    """A character that shows something may have invisible ones beside it."""
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    for text in (family, "❤\ufe0f", "茶\u200b"):
        (notice,) = one_rule(data="{thing1: '${trim(event.order_no)}'}").evaluate(event(order_no=text))
        assert body(notice)["data"] == {"thing1": {"value": text.rstrip("\u200b")}}


@pytest.mark.parametrize(
    ("url", "order_no", "expected"),
    [
        ("https://m.example.com/${event.order_no}", "茶/1", "https://m.example.com/%E8%8C%B6/1"),
        ("https://m.example.com/?q=${url_encode(event.order_no)}", "茶 & 咖啡", "%E8%8C%B6%20%26%20%E5%92%96%E5%95%A1"),
        ("https://m.example.com/?q=${url_encode(event.order_no)}", "a\nb#c", "a%0Ab%23c"),
        ("https://m.example.com/${event.order_no}", "50%25", "https://m.example.com/50%25"),
    ],
)
def test_a_url_is_sent_in_ascii(url: str, order_no: str, expected: str) -> None:
    """Characters outside ASCII are percent-encoded; `url_encode()` encodes all that would end a part of the url."""
    (notice,) = one_rule(url=f"'{url}'").evaluate(event(order_no=order_no))
    assert str(body(notice)["url"]).endswith(expected)
    assert str(body(notice)["url"]).isascii()


def test_refusals_never_tell_an_events_values() -> None:
    """Error messages, CEL's and ours, contain no value of the event."""
    secret = "13800138000-secret"
    hostile = [
        event(sub=secret * 99),
        event(order_no=secret),
        event(order_no=f"{secret}号"),
        event(count=secret),
        event(tags=[secret]),
        event(note={secret}),
    ]
    rules = [
        one_rule(data='{thing1: "${event.order_no}", character_string2: "${event.order_no}"}'),
        one_rule(when="event.count > 1"),
        one_rule(data='{thing1: "${event.tags[3]}"}'),
        one_rule(data='{thing1: "${event.extra[event.order_no]}"}'),
        one_rule(data='{thing1: "${string(int(event.order_no))}"}'),
        one_rule(data='{thing1: "${string(timestamp(event.order_no))}"}'),
        one_rule(data='{thing1: "${money(event.amount, event.order_no)}"}'),
        one_rule(data='{thing1: "${local_date(event.order_no, \\"YYYY-MM-DD\\")}"}'),
        one_rule(when="event.order_no.matches(event.order_no + '[')"),
    ]
    refusals = [
        item for rule in rules for given in hostile for item in rule.evaluate(given) if isinstance(item, Refusal)
    ]
    assert len(refusals) > len(rules)
    assert not [refusal.detail for refusal in refusals if "secret" in refusal.detail or "138001" in refusal.detail]


@pytest.mark.parametrize(
    "value",
    [None, 0, -1, 2**70, math.nan, math.inf, b"x", [], {}, "\ud800", "\x00", object(), {1: 2}, {1.5: 2}, (1,), {"a"}],
)
@pytest.mark.parametrize("field", ["sub", "order_no", "count", "amount", "paid_at", "tags", "buyer", "channel"])
def test_no_event_makes_it_raise(field: str, value: object) -> None:
    """Whatever a decoder lets through, the result is a notice, a refusal or nothing."""
    rules = one_rule(
        when='event.count > 1 || event.channel == "ALIPAY" || event.tags.exists(tag, tag == "vip")',
        url='"https://m.example.com/${event.order_no}"',
        data='{thing1: "${money(event.amount, \\"CNY\\")}${local_time(event.paid_at, \\"YYYY\\")}${event.buyer.name}"}',
    )
    results = rules.evaluate(event(**{field: value}))
    assert all(isinstance(item, Notice | Refusal) for item in results)


def test_a_nul_in_a_value_never_shortens_it() -> None:
    """CEL's binding ends texts at a NUL: it must not make another recipient, or another value for a condition."""
    (refusal,) = one_rule().evaluate(event(sub="victim\x00.attacker"))
    assert isinstance(refusal, Refusal)
    assert one_rule(when='event.extra["a"] == "b"').evaluate(event(extra={"a": "b\x00c"})) == []
    assert one_rule(when='event.tags[0] == "b"').evaluate(event(tags=["b\x00c"])) == []


def test_values_nested_beyond_reach_are_null() -> None:
    """Deep nesting neither overflows the evaluator's stack nor keeps other fields from being read."""
    deep: object = 1
    for _ in range(100_000):
        deep = {"a": deep}
    (notice,) = one_rule(when="event.count == 3").evaluate(event(extra=deep))
    assert isinstance(notice, Notice)


def test_an_event_without_its_fields_makes_refusals() -> None:
    """An empty event is refused, not a crash."""
    (refusal,) = one_rule(when="event.count > 1").evaluate(replace(event(), data={}))
    assert isinstance(refusal, Refusal)


def test_a_failing_rule_does_not_keep_others_from_their_turn() -> None:
    """The refusal of one rule is beside the notice of the next."""
    broken = RULE.replace("id: paid", "id: broken\n    when: event.tags[9] == 'x'")
    results = ruleset(broken + RULE.removeprefix("rules:\n")).evaluate(event())
    assert [type(item) for item in results] == [Refusal, Notice]


def test_long_lists_are_not_copied_item_by_item() -> None:
    """CEL's map and filter take quadratic time: beyond 1,000 items they are refused, exists() is not."""
    rules = one_rule(data='{thing1: "${event.tags.map(tag, tag + event.sub)[0].size()}"}')
    assert isinstance(rules.evaluate(event(tags=["a"] * 1_000))[0], Notice)
    (refusal,) = rules.evaluate(event(tags=["a"] * 1_001))
    assert isinstance(refusal, Refusal)
    assert refusal.detail.endswith("a list of more than 1000 items")
    (notice,) = one_rule(when="event.tags.exists(tag, tag == 'b') || true").evaluate(event(tags=["a"] * 5_000))
    assert isinstance(notice, Notice)


def test_the_version_tells_contents_not_places() -> None:
    """The version changes with rules and templates, not with file names or tests."""
    first = ruleset(RULE)
    assert first.version == ruleset(RULE).version
    assert first.version != ruleset(RULE + "# a comment\n").version
    assert first.version != ruleset(RULE, TEMPLATES + "# a comment\n").version
    assert first.event_types == {PAID}


def test_cel_gets_only_the_fields_that_an_expression_reads() -> None:
    """Converting an event is most of what CEL costs: of one with a list of thousands, one small field is enough."""
    environment = Environment()
    activation = environment.bind({"a": 1, "list": [0] * 5_000})
    assert environment.compile("event.a % 2").evaluate(activation) == 1
    assert set(activation._bound) == {frozenset({"a"})}
