"""What a field is about, as far as its name says it: the recipient, a person, a town, an order number."""

from __future__ import annotations

import re
from enum import StrEnum


class Meaning(StrEnum):
    """What a text is about."""

    RECIPIENT = "recipient"
    PHONE = "phone"
    EMAIL = "email"
    URL = "url"
    CURRENCY = "currency"
    LOCALE = "locale"
    ZONE = "zone"
    PLATE = "plate"
    FLIGHT = "flight"
    AIRPORT = "airport"
    SEAT = "seat"
    GATE = "gate"
    PICKUP_CODE = "pickup_code"
    CARD = "card"
    NUMBER = "number"
    DEPARTMENT = "department"
    CLINIC = "clinic"
    COUPON = "coupon"
    PRODUCT = "product"
    BOOK = "book"
    PLAN = "plan"
    REASON = "reason"
    ADDRESS = "address"
    TOWN = "town"
    PROVINCE = "province"
    COMPANY = "company"
    SHOP = "shop"
    NOTE = "note"
    PERSON = "person"
    OTHER = "other"
    """A text of which the name says nothing."""


_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TABLE: tuple[tuple[Meaning, str], ...] = (
    (
        Meaning.RECIPIENT,
        r"sub|subject|uid|(?:.*_)?(?:open_?id|union_?id)|alipay_user_id|(?:user|member|customer|buyer|owner|recipient|"
        r"subscriber|patient|passenger|client|account|student|reader|guest|payer|receiver)_?(?:id|uid|open_?id|union_?id)",
    ),
    (Meaning.PHONE, r"(?:.*_)?(?:phone|mobile|tel|telephone|phone_number|mobile_number|hotline)(?:_no)?"),
    (Meaning.EMAIL, r"(?:.*_)?e?mail"),
    (Meaning.URL, r"(?:.*_)?(?:url|link|uri)"),
    (Meaning.CURRENCY, r"(?:.*_)?currency(?:_code)?"),
    (Meaning.LOCALE, r"locale|lang|language"),
    (Meaning.ZONE, r"(?:.*_)?(?:time_?zone|tz|zone_id)"),
    (Meaning.PLATE, r"(?:.*_)?(?:plate|license_plate|car_no|car_number|plate_no|plate_number|vehicle_no)"),
    (Meaning.FLIGHT, r"(?:.*_)?flight(?:_no|_number)?"),
    (Meaning.AIRPORT, r"(?:.*_)?(?:airport|origin|destination|departure_airport|arrival_airport|iata)"),
    (Meaning.SEAT, r"(?:.*_)?(?:seat|seat_no)"),
    (Meaning.GATE, r"(?:.*_)?(?:gate|locker|locker_no|box_no|cell|compartment|room|ward|counter|platform|bay)"),
    (Meaning.PICKUP_CODE, r"(?:.*_)?(?:pickup_code|pick_up_code|pin|otp|verification_code|code)"),
    (Meaning.CARD, r"(?:.*_)?(?:card_no|card_number|bank_card|card|account_no|account_number)"),
    (
        Meaning.NUMBER,
        r".*(?:_no|_number|_id|_ref|_reference|_key|_serial|_sn|_code)|id|no|number|reference|serial|"
        r"(?:.*_)?(?:order|bill|invoice|ticket|tracking|waybill|booking|contract|meter)",
    ),
    (Meaning.DEPARTMENT, r"(?:.*_)?(?:department|dept|clinic_department)(?:_name)?"),
    (Meaning.CLINIC, r"(?:.*_)?(?:clinic|hospital)(?:_name)?"),
    (Meaning.COUPON, r"(?:.*_)?(?:coupon|voucher|promotion)(?:_name)?"),
    (Meaning.PRODUCT, r"(?:.*_)?(?:item|product|goods|sku|article|item_summary|merchandise|course)(?:_name|_title)?"),
    (Meaning.BOOK, r"(?:.*_)?(?:book|novel|magazine)(?:_name|_title)?"),
    (Meaning.PLAN, r"(?:.*_)?(?:plan|package|tariff|subscription|membership|policy)(?:_name|_title)?"),
    (Meaning.REASON, r"(?:.*_)?(?:reason|cause)(?:_text)?"),
    (Meaning.ADDRESS, r"(?:.*_)?(?:address|addr|street|location|place|site)(?:_line)?(?:_?\d)?"),
    (Meaning.TOWN, r"(?:.*_)?(?:city|town|district|county)(?:_name)?"),
    (Meaning.PROVINCE, r"(?:.*_)?(?:province|state_name|region)(?:_name)?"),
    (
        Meaning.SHOP,
        r"(?:.*_)?(?:shop|store|merchant|seller|branch|outlet|station|restaurant|workshop|garage)(?:_name)?",
    ),
    (Meaning.COMPANY, r"(?:.*_)?(?:company|carrier|courier|operator|supplier|provider|airline|insurer)(?:_name)?"),
    (Meaning.NOTE, r"(?:.*_)?(?:note|remark|comment|message|memo|description|instruction|instructions|text)s?"),
    (Meaning.ADDRESS, r"(?:.*_)?(?:locker|point|hub|area|community|building|hotel|venue|park|hall)_name"),
    (
        Meaning.PERSON,
        r"name|(?:full|first|last|real|nick|user|display|contact)_?name|(?:.*_)?(?:person|patient|doctor|passenger|buyer|"
        r"customer|driver|contact|owner|holder|guest|student|teacher|member|recipient|sender|technician|courier)(?:_name)?",
    ),
)
_COMPILED = tuple((meaning, re.compile(pattern)) for meaning, pattern in _TABLE)


def snake(name: str) -> str:
    """The name in lower case with underscores, however it is written: `orderNo` is `order_no`."""
    return _WORDS.sub("_", name).replace("-", "_").lower()


def meaning_of(name: str, holder: str = "") -> Meaning:
    """What a text field is about.

    `holder` is the name of the record or list that has it: the `name` of a `clinic` is a clinic's.
    """
    plain = snake(name)
    if plain in {"name", "title", "full_name"} and holder:
        above = _find(singular(snake(holder)))
        if above is not None and above in _NAMED:
            return above
    return _find(plain) or Meaning.OTHER


_NAMED = frozenset(
    {
        Meaning.CLINIC,
        Meaning.DEPARTMENT,
        Meaning.COMPANY,
        Meaning.SHOP,
        Meaning.PRODUCT,
        Meaning.BOOK,
        Meaning.COUPON,
        Meaning.PLAN,
        Meaning.TOWN,
        Meaning.PROVINCE,
    }
)
"""What has a name that is not a person's."""


def _find(plain: str) -> Meaning | None:
    return next((meaning for meaning, pattern in _COMPILED if pattern.fullmatch(plain)), None)


def singular(name: str) -> str:
    """`tiers` to `tier`, `entries` to `entry`."""
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name
