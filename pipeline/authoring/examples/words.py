"""Words for example texts, in Chinese and English: a few of each kind, so that no package is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from pipeline.authoring.examples.meanings import Meaning

Chance = Callable[[], float]
"""Numbers in [0, 1)."""
Language = Literal["zh", "en"]


class Words(Protocol):
    """Where example texts are from."""

    def word(self, meaning: Meaning, chance: Chance) -> str | None:
        """A text of at most 20 characters (a person of at most 10); None where there is none of this meaning."""
        ...


_BOTH: Mapping[Meaning, Sequence[str]] = {
    Meaning.CURRENCY: ("CNY",),
    Meaning.ZONE: ("Asia/Shanghai",),
    Meaning.FLIGHT: ("CA1831", "MU5101", "CZ3108", "HU7603"),
    Meaning.SEAT: ("12A", "31C", "7F", "24K"),
    Meaning.GATE: ("A12", "B07", "C33", "D04"),
    Meaning.EMAIL: ("lin@example.com", "chen@example.com", "wang@example.com"),
    Meaning.URL: ("https://m.example.com/",),
}
_ZH: Mapping[Meaning, Sequence[str]] = {
    Meaning.LOCALE: ("zh-CN",),
    Meaning.AIRPORT: ("北京首都", "上海虹桥", "广州白云", "成都双流"),
    Meaning.DEPARTMENT: ("口腔科", "内科", "眼科", "皮肤科"),
    Meaning.CLINIC: ("市第一医院", "仁和诊所", "同济门诊部"),
    Meaning.COUPON: ("满100减20券", "新人专享券", "咖啡买一赠一券"),
    Meaning.PRODUCT: ("小粒咖啡豆250g", "拿铁随行杯", "手冲壶套装", "桂花乌龙茶礼盒"),
    Meaning.BOOK: ("围城", "活着", "城南旧事", "平凡的世界"),
    Meaning.PLAN: ("年度会员", "家庭套餐", "标准版月卡"),
    Meaning.REASON: ("天气原因", "库存不足", "超过退货期限"),
    Meaning.ADDRESS: ("人民路18号", "中山东路256号", "建设大街7号"),
    Meaning.TOWN: ("杭州", "成都", "苏州", "青岛"),
    Meaning.PROVINCE: ("浙江省", "四川省", "江苏省"),
    Meaning.COMPANY: ("顺达物流", "蓝天航空", "晨光燃气"),
    Meaning.SHOP: ("西湖店", "春熙路店", "观前街店"),
    Meaning.NOTE: ("请提前15分钟到达", "请携带有效证件"),
    Meaning.OTHER: ("标准", "普通", "常规"),
    Meaning.PERSON: ("林晓", "陈思远", "王芳", "李建国", "赵敏"),
}
_EN: Mapping[Meaning, Sequence[str]] = {
    Meaning.LOCALE: ("en",),
    Meaning.AIRPORT: ("London Heathrow", "New York JFK", "Singapore Changi"),
    Meaning.DEPARTMENT: ("Dentistry", "Cardiology", "Dermatology"),
    Meaning.CLINIC: ("City Clinic", "Riverside Hospital"),
    Meaning.COUPON: ("20 off 100", "Welcome coupon"),
    Meaning.PRODUCT: ("Coffee beans 250g", "Travel mug", "Pour-over kettle"),
    Meaning.BOOK: ("Emma", "Dracula", "Walden"),
    Meaning.PLAN: ("Annual plan", "Family plan"),
    Meaning.REASON: ("Bad weather", "Out of stock"),
    Meaning.ADDRESS: ("18 Market Street", "7 Station Road"),
    Meaning.TOWN: ("Bristol", "Portland", "Dublin"),
    Meaning.PROVINCE: ("Oregon", "Ohio"),
    Meaning.COMPANY: ("Blue Sky Airlines", "Morning Gas Ltd"),
    Meaning.SHOP: ("Harbour store", "Station shop"),
    Meaning.NOTE: ("Arrive 15 min early", "Bring your ID"),
    Meaning.OTHER: ("Standard", "Basic", "Regular"),
    Meaning.PERSON: ("Amy Lin", "Tom Reed", "Ann Lee", "Max Chen"),
}


class PlainWords:
    """Words that are part of this package."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._tables = {**_BOTH, **(_ZH if language == "zh" else _EN)}

    def word(self, meaning: Meaning, chance: Chance) -> str | None:
        """One of the table's, or a number of the usual form."""
        match meaning:
            case Meaning.RECIPIENT:
                return "".join(f"{int(chance() * 2**32):08x}" for _ in range(4))
            case Meaning.PHONE:
                return f"13{digits(9, chance)}" if self._language == "zh" else f"+1 202 555 01{digits(2, chance)}"
            case Meaning.PLATE:
                return f"浙A{digits(5, chance)}" if self._language == "zh" else f"KD{digits(5, chance)}"
            case Meaning.PICKUP_CODE:
                return digits(6, chance)
            case Meaning.CARD:
                return f"622202{digits(10, chance)}"
            case _:
                table = self._tables.get(meaning)
                return table[int(chance() * len(table))] if table is not None else None


def digits(count: int, chance: Chance) -> str:
    """`count` digits, the first of them not 0."""
    return f"{int(chance() * 9) + 1}{''.join(str(int(chance() * 10)) for _ in range(count - 1))}"
