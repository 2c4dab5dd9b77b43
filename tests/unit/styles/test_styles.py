"""What the channel takes in each kind of field."""

from __future__ import annotations

import sys

import pytest

from pipeline.styles.category import CATEGORY
from pipeline.styles.field_kind import FieldKind
from pipeline.styles.history import displayed, shown
from pipeline.styles.registry import kinds
from pipeline.styles.text import is_visible

ALL = kinds()

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"

TAKEN = {
    ALL["thing"]: ["小粒咖啡豆250g等3件", "好" * 20, "a" * 20, f"{FAMILY}全家桶"],
    ALL["number"]: ["0", "12.50", "9" * 32, "1" * 30 + ".25"],
    ALL["letter"]: ["VIP", "z" * 32],
    ALL["symbol"]: ["★★★★★", "!"],
    ALL["character_string"]: ["T20261123150100001", "SF-1234 (2)", "#" * 32],
    ALL["time"]: [
        "15:01",
        "9:05",
        "2019年10月1日 15:01",
        "2019-10-01 15:01:59",
        "15:00~16:30",
        "2019年10月1日 15:01~2019年10月2日 00:00",
    ],
    ALL["date"]: [
        "2019年10月1日",
        "2019-10-01",
        "2019/1/1",
        "2019.10.01",
        "2019年10月1日~2019年10月7日",
        "2019-10-01 8:00",
    ],
    ALL["amount"]: ["¥88.00", "88.00元", "￥1234567890.12", "$5", "￡5", "100"],
    ALL["phone_number"]: ["+86-0766-66888866", "13812345678", "138****5678"],
    ALL["car_number"]: ["粤A8Z888挂", "粤A8Z888", "A12345"],
    ALL["name"]: ["张三", "欧阳" * 5, "Alexandra Featherston"[:20]],
    ALL["phrase"]: ["已付款", "配送中心点"],
    ALL["enum"]: ["进行中"],
    ALL["const"]: ["订单详情"],
    ALL["plain"]: ["您的订单已支付\n感谢惠顾", "好" * 2_000],
}
REFUSED = {
    ALL["thing"]: ["好" * 21, "a" * 21, "两行\n字", FAMILY * 5],
    ALL["number"]: ["-1", "1,234", "１２", "1.", ".5", "9" * 33, "1e5", "٣"],
    ALL["letter"]: ["V1", "é", "z" * 33],
    ALL["symbol"]: ["a", "★★★★★★", "_"],
    ALL["character_string"]: ["订单1", "#" * 33, "é"],
    ALL["time"]: ["25:00", "15:60", "3pm", "2019年13月1日 15:01", "2019年10月32日", "15:01-16:00", "２:00"],
    ALL["date"]: ["15:01", "2019-13-01", "12月1日", "2019-10/01", "18-10-01"],
    ALL["amount"]: ["1,234.00", "-5.00", "HK$5", "¥12345678901", "5.", "人民币5", "¥ 5", "5元整"],
    ALL["phone_number"]: ["1" * 18, "电话1", "138x"],
    ALL["car_number"]: ["粤AB12345挂", "粤A粤123", "粤"],
    ALL["name"]: ["欧阳" * 5 + "修", "a" * 21, "John张三丰张三丰张"],
    ALL["phrase"]: ["配送中心点到", "ok", "已付款！"],
    ALL["enum"]: ["好" * 21],
    ALL["const"]: ["好" * 21],
    ALL["plain"]: ["好" * 2_001, "\x00a", "\ud800"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in TAKEN.items() for text in texts])
def test_takes_what_the_table_allows(kind: FieldKind, text: str) -> None:
    """A text within the published limits is taken."""
    assert kind.violation(text) is None


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in REFUSED.items() for text in texts])
def test_refuses_what_the_table_forbids(kind: FieldKind, text: str) -> None:
    """A text beyond the limits is refused, clearly that do not hold it."""
    message = kind.violation(text)
    assert message is not None
    assert len(text) < 3 or text not in message


def test_both_tables_name_every_kind() -> None:
    """No kind goes without an example of either sort."""
    assert set(TAKEN) == set(REFUSED) == set(ALL.values())


@pytest.mark.parametrize("kind", ALL.values(), ids=str)
@pytest.mark.parametrize("nothing", ["", " ", "\u3000", "\u200b\ufeff", "\u3164", "\n"])
def test_an_invisible_text_is_empty(kind: FieldKind, nothing: str) -> None:
    """White space and invisible characters count as no value: the channel refuses an empty one."""
    assert kind.violation(nothing) == "is empty"


@pytest.mark.parametrize("hostile", ["a\x00", "a\u202eb", "a\u2028b", "a\x85b", "a\ud800"])
def test_control_characters_and_turned_text_are_refused(hostile: str) -> None:
    """Nothing that breaks the line or turns the reading order gets through."""
    assert ALL["thing"].violation(hostile) == "holds a line break or control character"


def test_a_limit_is_reported_with_its_count() -> None:
    """The words name how many there are and how many there may be."""
    assert ALL["thing"].violation("好" * 25) == "has 25 of at most 20 characters"
    assert ALL["name"].violation("好" * 11) == "has 11 of at most 10 characters of a name that is not all Latin"


def test_registered_values_are_the_only_ones() -> None:
    """A field with registered values takes no other."""
    assert ALL["enum"].violation("进行中", ("进行中", "已完成")) is None
    assert ALL["enum"].violation("未知", ("进行中",)) == "is none of the registered values (进行中)"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("thing4", ALL["thing"]),
        ("time12", ALL["time"]),
        ("character_string2", ALL["character_string"]),
        ("phone_number01", ALL["phone_number"]),
        ("const", ALL["const"]),
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
    assert CATEGORY.kind_of(key) is kind


@pytest.mark.parametrize("kind", [kind for kind in ALL.values() if not kind.may_be_cut])
def test_a_value_that_a_cut_would_make_wrong_is_never_cut(kind: FieldKind) -> None:
    """Order numbers, amounts, times and names are refused rather than shortened."""
    with pytest.raises(ValueError, match="wrong"):
        kind.cut("1" * 100)


def test_display_counts_runs_as_one() -> None:
    """Consecutive digits or Latin letters count as one character of display."""
    assert displayed("订单T20261123150100001已付") == 5
    assert shown("订单T20261123已付款", 4) == "订单T20261123已…"
    assert shown("一二三", 3) == "一二三"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ALL["plain"], "您的订单已支付成功"),
        (ALL["plain"], "¥128.00"),
        (ALL["plain"], "两行\n两行"),
        (ALL["thing"], "「云南」小粒咖啡豆 250g"),
        (ALL["thing"], "🎉恭喜"),
        (ALL["number"], "12.5"),
        (ALL["time"], "2026年11月23日 15:01"),
        (ALL["amount"], "￥128.00元"),
        (ALL["phone_number"], "+86 13812345678"),
        (ALL["name"], "张三丰"),
        (ALL["name"], "Li Lei"),
        (ALL["phrase"], "已发货"),
    ],
)
def test_a_quick_look_settles_usual_texts(kind: FieldKind, text: str) -> None:
    """What most messages hold needs no second look."""
    assert kind.quick_look()(text)


def test_what_a_text_surely_shows_by_its_first_character_is_visible() -> None:
    """Each of the 44,000 characters that the quick look takes for seen."""
    first = [chr(number) for number in range(sys.maxunicode + 1) if ALL["plain"].quick_look()(chr(number))]
    assert len(first) > 40_000
    assert all(map(is_visible, first))
