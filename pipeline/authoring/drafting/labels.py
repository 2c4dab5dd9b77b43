"""Words for fields and values of enums, in Chinese and English: a beginning that its author edits."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.authoring.examples.meanings import Meaning, meaning_of, snake
from pipeline.authoring.examples.words import Language

MOST_LABEL = 10
"""Characters of documentation that may be a label."""
MOST_VALUE = 20
"""Characters of a value's label: what `thing` takes."""
_CHINESE = re.compile(r"[\u4e00-\u9fff]")

_FIELDS: Mapping[str, str] = {
    "amount": "金额",
    "amount_paid": "支付金额",
    "total": "合计",
    "price": "价格",
    "fee": "费用",
    "balance": "余额",
    "deposit": "押金",
    "refund_amount": "退款金额",
    "paid_at": "支付时间",
    "created_at": "创建时间",
    "occurred_at": "发生时间",
    "shipped_at": "发货时间",
    "expires_at": "截止时间",
    "expires_on": "有效期至",
    "starts_at": "开始时间",
    "ends_at": "结束时间",
    "stored_at": "存放时间",
    "due_on": "截止日期",
    "due_date": "截止日期",
    "grade": "年级",
    "branch": "分店",
    "renews_on": "续费日期",
    "period": "账期",
    "order_no": "订单编号",
    "bill_no": "账单编号",
    "tracking_no": "运单号",
    "item_count": "件数",
    "quantity": "数量",
    "count": "数量",
    "days_left": "剩余天数",
    "status": "状态",
    "type": "类型",
    "size": "规格",
    "channel": "渠道",
    "pay_channel": "支付方式",
    "carrier": "承运商",
    "volume": "用量",
    "points": "积分",
    "locker_name": "取件柜",
    "box_no": "格口",
    "features": "功能",
    "tiers": "阶梯",
    "passengers": "乘客",
}
_MEANINGS: Mapping[Meaning, str] = {
    Meaning.PHONE: "电话",
    Meaning.PLATE: "车牌号",
    Meaning.FLIGHT: "航班号",
    Meaning.AIRPORT: "机场",
    Meaning.SEAT: "座位",
    Meaning.GATE: "位置",
    Meaning.PICKUP_CODE: "取件码",
    Meaning.CARD: "卡号",
    Meaning.NUMBER: "编号",
    Meaning.DEPARTMENT: "科室",
    Meaning.CLINIC: "医院",
    Meaning.COUPON: "优惠券",
    Meaning.PRODUCT: "商品名称",
    Meaning.BOOK: "书名",
    Meaning.PLAN: "套餐",
    Meaning.REASON: "原因",
    Meaning.ADDRESS: "地址",
    Meaning.TOWN: "城市",
    Meaning.PROVINCE: "省份",
    Meaning.COMPANY: "公司",
    Meaning.SHOP: "门店",
    Meaning.NOTE: "备注",
    Meaning.PERSON: "姓名",
}
_HOLDERS: Mapping[str, str] = {
    "doctor": "医生",
    "patient": "患者",
    "passenger": "乘客",
    "driver": "司机",
    "buyer": "买家",
    "courier": "快递员",
    "guest": "客人",
    "student": "学员",
    "teacher": "老师",
}
"""Whose name it is."""
_VALUES: Mapping[str, str] = {
    "PAID": "已支付",
    "UNPAID": "未支付",
    "PENDING": "处理中",
    "DONE": "已完成",
    "COMPLETED": "已完成",
    "FAILED": "失败",
    "CANCELLED": "已取消",
    "CANCELED": "已取消",
    "REJECTED": "已拒绝",
    "APPROVED": "已通过",
    "SHIPPED": "已发货",
    "DELIVERED": "已送达",
    "EXPIRED": "已过期",
    "OTHER": "其他",
    "UNKNOWN": "其他",
    "NONE": "无",
    "WECHAT": "微信支付",
    "ALIPAY": "支付宝",
    "BALANCE": "余额支付",
    "CARD": "银行卡",
    "WALLET": "钱包",
    "CASH": "现金",
    "TIMEOUT": "超时",
    "WEATHER": "天气原因",
    "TRAFFIC_CONTROL": "航空管制",
    "TECHNICAL": "技术原因",
    "SF": "顺丰速运",
    "JD": "京东物流",
    "EMS": "邮政EMS",
    "ZTO": "中通快递",
    "YTO": "圆通速递",
    "STO": "申通快递",
    "S": "小号",
    "M": "中号",
    "L": "大号",
    "SMALL": "小号",
    "MEDIUM": "中号",
    "LARGE": "大号",
    "LOW": "低",
    "HIGH": "高",
    "MALE": "男",
    "FEMALE": "女",
    "ZH_CN": "简体中文",
    "ZH_TW": "繁體中文",
    "EN_US": "英语",
    "EN": "英语",
    "ZH": "中文",
    "JA": "日语",
    "CNY": "人民币",
    "USD": "美元",
    "EUR": "欧元",
    "ACTIVE": "有效",
    "INACTIVE": "无效",
    "NEW": "新建",
    "BUYER": "买家",
    "SELLER": "卖家",
    "SYSTEM": "系统",
}


def field_label(name: str, doc: str, holder: str, language: Language) -> str:
    """The label of a field: its documentation if that is short, a usual word, or its name in words."""
    plain = doc.strip().rstrip(".。")
    in_language = bool(_CHINESE.search(plain)) == (language == "zh")
    if plain and in_language and len(plain) <= (MOST_LABEL if language == "zh" else MOST_VALUE):
        return plain
    if language == "zh":
        found = _FIELDS.get(snake(name)) or _HOLDERS.get(
            snake(holder) if meaning_of(name, holder) is Meaning.PERSON else ""
        )
        found = found or _MEANINGS.get(meaning_of(name, holder))
        if found is not None:
            return found
    return in_words(snake(name))


def value_label(symbol: str, language: Language) -> str:
    """What a customer may read for a value of an enum."""
    found = _VALUES.get(symbol.upper()) if language == "zh" else None
    return found or in_words(symbol.lower())[:MOST_VALUE]


def in_words(name: str) -> str:
    """`in_transit` to `In transit`."""
    return " ".join(name.replace("_", " ").split()).capitalize()
