"""What the customer sees of a message, and what is not shown."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from pipeline.authoring.cards.card import Value, card, values_of
from pipeline.authoring.cards.html import page, to_html
from pipeline.authoring.cards.terminal import to_terminal
from pipeline.rules.source.templates import Template, TemplateField
from pipeline.styles.category import CATEGORY as CATEGORY_STYLE
from pipeline.styles.category import KINDS
from pipeline.styles.field_kind import PLAIN
from pipeline.styles.history import HISTORY as HISTORY_STYLE
from pipeline.styles.style import Mode

HISTORY = Template(
    "statement",
    "账户变动提醒",
    HISTORY_STYLE,
    {},
    (
        TemplateField("first", PLAIN, optional=True),
        TemplateField("keyword1", PLAIN, "交易单号", "W1"),
        TemplateField("remark", PLAIN, optional=True),
    ),
)
CATEGORY = Template(
    "paid",
    "订单支付成功通知",
    CATEGORY_STYLE,
    {},
    (
        TemplateField("thing3", KINDS["thing"], "商品名称", "小粒咖啡豆250g"),
        TemplateField("amount5", KINDS["amount"], "支付金额", "¥128.00"),
    ),
)
FULL = {
    "first": Value("您好", "#173177"),
    "keyword1": Value("尊敬的会员👑\n您的流水号W20261123已记入您的旗舰店账户请妥善保管", "#173177"),
    "remark": Value("谢谢"),
}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[2J\u202e"


def test_wechat_since_2023_drops_parts_of_a_message() -> None:
    """`first`, `remark`, colours, emoji, line breaks and text after 20 characters are dropped without an error."""
    now = card(HISTORY, FULL, Mode.WECHAT)
    assert (now.heading, now.footing) == (None, None)
    (row,) = now.rows
    assert row.shown == "尊敬的会员 您的流水号W20261123已记入您的旗舰店…"
    assert row.color is None
    assert row.count == 27
    assert row.losses == (
        "line breaks are not shown",
        "emoji are not shown",
        "cut: 27 of at most 20 characters",
        "colour is not shown",
    )
    assert [line.losses for line in now.lines if line.key != "keyword1"] == [
        ("`first` is not shown",),
        ("`remark` is not shown",),
    ]
    assert all(line.fault is None for line in now.lines)


def test_the_older_way_shows_everything() -> None:
    """Alipay, and WeChat before, show every field as it was sent."""
    before = card(HISTORY, FULL, Mode.LEGACY)
    assert before.heading is not None
    assert before.footing is not None
    assert (before.heading.shown, before.heading.color) == ("您好", "#173177")
    assert [row.shown for row in before.rows] == [FULL["keyword1"].text]
    assert all(not line.losses for line in before.lines)


def test_black_is_not_reported_as_lost() -> None:
    """A black field looks the same without its colour."""
    assert card(HISTORY, {"keyword1": Value("W1", "#000")}, Mode.WECHAT).rows[0].losses == ()


@pytest.mark.parametrize("mode", Mode)
def test_values_that_the_channel_would_refuse_are_reported(mode: Mode) -> None:
    """A value over its limit, a field without a value, and an unknown field."""
    shown = card(CATEGORY, {"thing3": Value("好" * 21), "thing9": Value("x")}, mode)
    assert {line.key: line.fault for line in shown.lines} == {
        "thing3": "has 21 of at most 20 characters",
        "amount5": "has no value",
        "thing9": "the template has no such field",
    }


def test_an_optional_field_left_out_is_not_on_the_card() -> None:
    """It is not reported."""
    assert [line.key for line in card(HISTORY, {"keyword1": Value("W1")}, Mode.LEGACY).lines] == ["keyword1"]


def test_values_are_read_from_a_request_body() -> None:
    """Values without the contract's form are left out."""
    body = {
        "data": {"a": {"value": "甲", "color": "#000"}, "b": {"value": 3}, "c": "x", "d": {"value": "丁", "color": 1}}
    }
    assert values_of(body) == {"a": Value("甲", "#000"), "d": Value("丁")}
    assert values_of({}) == values_of({"data": ["x"]}) == {}


def test_a_card_is_plain_json_too() -> None:
    """The same facts for programs."""
    reported = json.loads(json.dumps(card(HISTORY, FULL, Mode.WECHAT, "https://m.example.com/").as_json()))
    assert reported["mode"] == "wechat"
    assert reported["url"] == "https://m.example.com/"
    assert [line["key"] for line in reported["lines"]] == ["first", "keyword1", "remark"]


def test_the_terminal_card_reads_as_this() -> None:
    """Chinese characters take two columns, and the borders stand straight."""
    shown = card(
        CATEGORY, {"thing3": Value("拿铁"), "amount5": Value("¥1,234.00")}, Mode.WECHAT, "https://m.example.com/"
    )
    assert "\n".join(to_terminal(shown)) == (
        "┌────────────────────────────────────────────────┐\n"
        "│ 订单支付成功通知                               │\n"
        "│                                                │\n"
        "│ 商品名称  拿铁                                 │\n"
        "│ 支付金额  ¥1,234.00                            │\n"
        "├────────────────────────────────────────────────┤\n"
        "│ 查看详情                                     > │\n"
        "└────────────────────────────────────────────────┘\n"
        "  thing3      2/20\n"
        "✗ amount5     9/32  is not what `amount` takes: one currency symbol, up to 10 digits, decimals, 元; "
        "no thousands separators"
    )


def test_an_event_commands_no_terminal() -> None:
    """Escape sequences and turned text in a value are shown as dots."""
    shown = "\n".join(to_terminal(card(HISTORY, {"keyword1": Value(HOSTILE)}, Mode.LEGACY)))
    assert "\x1b" not in shown
    assert "\u202e" not in shown


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_a_page_runs_and_loads_nothing() -> None:
    """No text of an event, template or url becomes markup, and a colour that is none is dropped."""
    values = {key: Value(HOSTILE, "red;background:url(//evil)") for key in ("first", "keyword1", "remark", HOSTILE)}
    hostile = HISTORY.__class__("x", HOSTILE, HISTORY_STYLE, {}, HISTORY.fields)
    cards = [card(hostile, values, mode, HOSTILE) for mode in Mode]
    text = page(HOSTILE, cards)
    tags = _Tags()
    tags.feed(text)
    assert not {"script", "img", "link", "iframe", "a", "font"} & tags.seen
    assert not {"onerror", "src", "href", "style"} & tags.attributes
    assert "evil" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_colours_are_shown_where_the_channel_shows_them() -> None:
    """The older way has the rule's colours, the present way none."""
    assert '<font color="#173177">您好</font>' in to_html(card(HISTORY, FULL, Mode.LEGACY))
    assert "<font" not in to_html(card(HISTORY, FULL, Mode.WECHAT))
