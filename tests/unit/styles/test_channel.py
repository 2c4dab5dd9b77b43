"""What the channel takes in each kind of field."""

from __future__ import annotations

import sys

import pytest

from pipeline.styles import channel
from pipeline.styles.channel import FieldKind

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"

TAKEN = {
    FieldKind.THING: ["小粒咖啡豆250g等3件", "好" * 20, "a" * 20, f"{FAMILY}全家桶"],
    FieldKind.NUMBER: ["0", "12.50", "9" * 32, "1" * 30 + ".25"],
    FieldKind.LETTER: ["VIP", "z" * 32],
    FieldKind.SYMBOL: ["★★★★★", "!"],
    FieldKind.CHARACTER_STRING: ["T20261123150100001", "SF-1234 (2)", "#" * 32],
    FieldKind.TIME: [
        "15:01",
        "9:05",
        "2019年10月1日 15:01",
        "2019-10-01 15:01:59",
        "15:00~16:30",
        "2019年10月1日 15:01~2019年10月2日 00:00",
    ],
    FieldKind.DATE: [
        "2019年10月1日",
        "2019-10-01",
        "2019/1/1",
        "2019.10.01",
        "2019年10月1日~2019年10月7日",
        "2019-10-01 8:00",
    ],
    FieldKind.AMOUNT: ["¥88.00", "88.00元", "￥1234567890.12", "$5", "￡5", "100"],
    FieldKind.PHONE_NUMBER: ["+86-0766-66888866", "13812345678", "138****5678"],
    FieldKind.CAR_NUMBER: ["粤A8Z888挂", "粤A8Z888", "A12345"],
    FieldKind.NAME: ["张三", "欧阳" * 5, "Alexandra Featherston"[:20]],
    FieldKind.PHRASE: ["已付款", "配送中心点"],
    FieldKind.ENUM: ["进行中"],
    FieldKind.CONST: ["订单详情"],
    FieldKind.PLAIN: ["您的订单已支付\n感谢惠顾", "好" * 2_000],
}
REFUSED = {
    FieldKind.THING: ["好" * 21, "a" * 21, "两行\n字", FAMILY * 5],
    FieldKind.NUMBER: ["-1", "1,234", "１２", "1.", ".5", "9" * 33, "1e5", "٣"],
    FieldKind.LETTER: ["V1", "é", "z" * 33],
    FieldKind.SYMBOL: ["a", "★★★★★★", "_"],
    FieldKind.CHARACTER_STRING: ["订单1", "#" * 33, "é"],
    FieldKind.TIME: ["25:00", "15:60", "3pm", "2019年13月1日 15:01", "2019年10月32日", "15:01-16:00", "２:00"],
    FieldKind.DATE: ["15:01", "2019-13-01", "12月1日", "2019-10/01", "18-10-01"],
    FieldKind.AMOUNT: ["1,234.00", "-5.00", "HK$5", "¥12345678901", "5.", "人民币5", "¥ 5", "5元整"],
    FieldKind.PHONE_NUMBER: ["1" * 18, "电话1", "138x"],
    FieldKind.CAR_NUMBER: ["粤AB12345挂", "粤A粤123", "粤"],
    FieldKind.NAME: ["欧阳" * 5 + "修", "a" * 21, "John张三丰张三丰张"],
    FieldKind.PHRASE: ["配送中心点到", "ok", "已付款！"],
    FieldKind.ENUM: ["好" * 21],
    FieldKind.CONST: ["好" * 21],
    FieldKind.PLAIN: ["好" * 2_001, "\x00a", "\ud800"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in TAKEN.items() for text in texts])
def test_takes_what_the_table_allows(kind: FieldKind, text: str) -> None:
    """A text within the published limits is taken."""
    assert channel.violation(kind, text) is None


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in REFUSED.items() for text in texts])
def test_refuses_what_the_table_forbids(kind: FieldKind, text: str) -> None:
    """A text beyond the limits is refused, in words that do not hold it."""
    message = channel.violation(kind, text)
    assert message is not None
    assert len(text) < 3 or text not in message


def test_both_tables_name_every_kind() -> None:
    """No kind goes without an example of either sort."""
    assert set(TAKEN) == set(REFUSED) == set(FieldKind)


@pytest.mark.parametrize("kind", FieldKind)
@pytest.mark.parametrize("nothing", ["", " ", "\u3000", "\u200b\ufeff", "\u3164", "\n"])
def test_what_nobody_sees_is_empty(kind: FieldKind, nothing: str) -> None:
    """White space and invisible characters count as no value: the channel refuses an empty one."""
    assert channel.violation(kind, nothing) == "is empty"


@pytest.mark.parametrize("hostile", ["a\x00", "a\u202eb", "a\u2028b", "a\x85b", "a\ud800"])
def test_control_characters_and_turned_text_are_refused(hostile: str) -> None:
    """Nothing that breaks the line or turns the reading order gets through."""
    assert channel.violation(FieldKind.THING, hostile) == "holds a line break or control character"


def test_a_limit_is_told_with_its_count() -> None:
    """The words name how many there are and how many there may be."""
    assert channel.violation(FieldKind.THING, "好" * 25) == "has 25 of at most 20 characters"
    assert (
        channel.violation(FieldKind.NAME, "好" * 11)
        == "has 11 of at most 10 characters of a name that is not all Latin"
    )


def test_registered_values_are_the_only_ones() -> None:
    """A field with registered values takes no other."""
    assert channel.violation(FieldKind.ENUM, "进行中", ("进行中", "已完成")) is None
    assert channel.violation(FieldKind.ENUM, "未知", ("进行中",)) == "is none of the registered values (进行中)"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("thing4", FieldKind.THING),
        ("time12", FieldKind.TIME),
        ("character_string2", FieldKind.CHARACTER_STRING),
        ("phone_number01", FieldKind.PHONE_NUMBER),
        ("const", FieldKind.CONST),
        ("first", None),
        ("keyword1", None),
        ("plain1", None),
        ("things4", None),
        ("thing4x", None),
        ("", None),
    ],
)
def test_a_key_tells_its_kind(key: str, kind: FieldKind | None) -> None:
    """The prefix of a typed key names its kind; other keys name none."""
    assert channel.kind_of(key) is kind


@pytest.mark.parametrize("kind", [kind for kind in FieldKind if not channel.may_be_cut(kind)])
def test_a_value_that_a_cut_would_make_wrong_is_never_cut(kind: FieldKind) -> None:
    """Order numbers, amounts, times and names are refused rather than shortened."""
    with pytest.raises(ValueError, match="wrong"):
        channel.cut(kind, "1" * 100)


def test_display_counts_runs_as_one() -> None:
    """Consecutive digits or Latin letters count as one character of display."""
    assert channel.displayed("订单T20261123150100001已付") == 5
    assert channel.shown("订单T20261123已付款", 4) == "订单T20261123已…"
    assert channel.shown("一二三", 3) == "一二三"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (FieldKind.PLAIN, "您的订单已支付成功"),
        (FieldKind.PLAIN, "¥128.00"),
        (FieldKind.PLAIN, "两行\n两行"),
        (FieldKind.THING, "「云南」小粒咖啡豆 250g"),
        (FieldKind.THING, "🎉恭喜"),
        (FieldKind.NUMBER, "12.5"),
        (FieldKind.TIME, "2026年11月23日 15:01"),
        (FieldKind.AMOUNT, "￥128.00元"),
        (FieldKind.PHONE_NUMBER, "+86 13812345678"),
        (FieldKind.NAME, "张三丰"),
        (FieldKind.NAME, "Li Lei"),
        (FieldKind.PHRASE, "已发货"),
    ],
)
def test_a_quick_look_settles_usual_texts(kind: FieldKind, text: str) -> None:
    """What most messages hold needs no second look."""
    assert channel.quick_look(kind)(text)


def test_what_a_text_surely_shows_by_its_first_character_is_visible() -> None:
    """Each of the 44,000 characters that the quick look takes for seen."""
    first = [chr(number) for number in range(sys.maxunicode + 1) if channel.quick_look(FieldKind.PLAIN)(chr(number))]
    assert len(first) > 40_000
    assert all(map(channel.is_visible, first))
