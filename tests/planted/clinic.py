"""Rules of a clinic that use every construct of the language beside conditions and texts, with tests that reach them.

Small mistakes are made in them by program (`mutants.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from tests.planted.mutants import Change, Examples, Operator, pairs

SCHEMA = EventSchema(
    {
        "type": "record",
        "name": "v1",
        "namespace": "clinic.visit.booked",
        "fields": [
            {"name": "visit_no", "type": "string"},
            {"name": "locale", "type": "string"},
            {"name": "fee", "type": "string"},
            {"name": "urgent", "type": "boolean"},
            {"name": "starts_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            *(
                {
                    "name": name,
                    "type": {
                        "type": "array",
                        "items": {
                            "type": "record",
                            "name": "Person",
                            "fields": [
                                {"name": "sub", "type": "string"},
                                {"name": "name", "type": "string"},
                                {"name": "member_no", "type": "string"},
                                {"name": "age", "type": "int"},
                            ],
                        }
                        if name == "people"
                        else "clinic.visit.booked.Person",
                    },
                }
                for name in ("people", "guests")
            ),
        ],
    }
)
RULES = """\
timezone: Asia/Tokyo
defaults:
  owner: clinic
rules:
  - id: visit-booked
    description: Tell each adult of the visit.
    on: clinic.visit.booked.v1
    when: event.urgent || number(replace(event.fee, ",", "")) >= 100.0
    active: {from: 2026-11-01, until: 2026-12-31}
    for_each: person in event.people.filter(one, one.age >= 18)
    to: ${person.sub}
    template: {by: event.locale, of: {zh: visit_zh, en: visit_en, "*": visit_ja}}
    url: https://m.example.com/visits/${event.visit_no}
    reference: ${event.visit_no}/${person.member_no}
    expires_after: 24h
    data:
      thing1: ${person.name}
      character_string2: ${upper(replace(event.visit_no, "-", ""))}
      amount3: ${money(number(replace(event.fee, ",", "")), "CNY")}
      character_string4: ${lower(substring(person.member_no, 0, 4))}
      thing5: ${local_time(event.starts_at, "EEEE D MMM H:mm", "Asia/Tokyo", "en")}
"""
_FIELDS = """\
    fields:
      thing1: {label: 姓名}
      character_string2: {label: 编号}
      amount3: {label: 费用}
      character_string4: {label: 会员}
      thing5: {label: 时间}
"""
TEMPLATES = "templates:\n" + "".join(
    f"  visit_{one}:\n    title: 预约成功\n    style: category\n"
    f"    ids: {{production: visit-{one}-production, staging: visit-{one}-staging}}\n{_FIELDS}"
    for one in ("zh", "en", "ja")
)
TESTS = """\
tests:
  - name: a visit
    event:
      type: clinic.visit.booked.v1
      example: true
      time: "2026-10-31T15:00:00Z"
      with:
        visit_no: a-b-7
        locale: zh-CN
        fee: "1,250.50"
        urgent: false
        starts_at: "2026-11-30T15:05:00Z"
        people:
          - {sub: u1, name: 甲, member_no: M12345, age: 18}
          - {sub: u2, name: 乙, member_no: N98765, age: 40}
          - {sub: u3, name: 丙, member_no: K00000, age: 17}
        guests: [{sub: g1, name: 丁, member_no: G1, age: 50}]
    cases:
      - name: each adult
        expect:
          notices:
            - rule: visit-booked
              to: u1
              template: visit_zh
              url: https://m.example.com/visits/a-b-7
              reference: a-b-7/M12345
              expires_after: 24h
              category: transactional
              whole: true
              data:
                thing1: 甲
                character_string2: AB7
                amount3: ¥1250.50
                character_string4: m123
                thing5: Tuesday 1 Dec 0:05
            - {rule: visit-booked, to: u2, reference: a-b-7/N98765, data: {thing1: 乙, character_string4: n987}}
      - name: in English, at the greatest fee without separators
        with: {locale: en-GB, fee: "100.00"}
        expect: {notices: [{rule: visit-booked, template: visit_en, data: {amount3: ¥100.00}}, {rule: visit-booked}]}
      - name: in another language, urgent
        with: {locale: fr, fee: "99.99", urgent: true}
        expect: {notices: [{rule: visit-booked, template: visit_ja}, {rule: visit-booked}]}
      - name: a small fee
        with: {fee: "99.99"}
        expect: {none: no_match}
      - name: no adult
        with: {people: []}
        expect: {none: no_match}
  - name: the last moment of the last day
    event:
      type: clinic.visit.booked.v1
      example: true
      time: "2026-12-31T14:59:59.999Z"
      with: {urgent: true, fee: "1", locale: zh, people: [{sub: u, name: 甲, member_no: M12345, age: 60}]}
    expect: {notices: [{rule: visit-booked}]}
  - name: the first moment after the days
    event:
      type: clinic.visit.booked.v1
      example: true
      time: "2026-12-31T15:00:00Z"
      with: {urgent: true, fee: "1", locale: zh, people: [{sub: u, name: 甲, member_no: M12345, age: 60}]}
    expect: {none: no_match}
  - name: the last moment before the days
    event:
      type: clinic.visit.booked.v1
      example: true
      time: "2026-10-31T14:59:59.999Z"
      with: {urgent: true, fee: "1", locale: zh, people: [{sub: u, name: 甲, member_no: M12345, age: 60}]}
    expect: {none: no_match}
"""


def other_day(text: str, _: Examples) -> Iterator[Change]:
    """A day before or after, another year, or one that does not exist."""
    for found in re.finditer(r"(?:from|until): (\d{4}-\d{2}-\d{2})", text):
        day = date.fromisoformat(found[1])
        others = [str(day + timedelta(days=1)), str(day - timedelta(days=1)), str(day.replace(year=day.year - 1))]
        for other in (*others, f"{day.year}-{day.month:02}-32", f"{day.day:02}.{day.month:02}.{day.year}"):
            yield Change(found.start(1), found.end(1), other)


OPERATORS: Mapping[str, Operator] = {
    "another day": other_day,
    "an end of the days": pairs(r"\b(from|until): \d", "from", "until", "to", "till"),
    "a part of the days": pairs(r"(from: [0-9-]+, |, until: [0-9-]+)", "", ", "),
    "the file's zone": pairs(r"^timezone: (\S+)", "Asia/Shanghai", "UTC", "Asia/Tokio", "Etc/GMT+9", "JST"),
    "a template of a choice": pairs(r"(visit_\w\w)(?=[,}])", "visit_zh", "visit_en", "visit_ja", "visit"),
    "a value of a choice": pairs(r"(zh|en|\"\*\")(?=: visit)", "cn", "EN", "*", "other", '"*"'),
    "what chooses": pairs(r"by: (\S+),", "event.visit_no", "event.lang", "${event.locale}", "locale"),
    "a list": pairs(r"in (event\.people)", "event.guests", "event.person", "people", "${event.people}"),
    "the name of an item": pairs(r"(person) in", "people", "event", "one", "Person", "persons"),
    "a field of an item": pairs(r"person\.(\w+)", "sub", "name", "member_no", "age", "nam"),
    "an item": pairs(r"\$\{(person)\.", "event", "one", "people", "event.people[0]"),
    "a filter": pairs(r"(\.filter\(one, one\.age >= 18\))", "", ".filter(one, one.age > 18)", ".filter(one.age >= 18)"),
    "a reference": pairs(r"reference: (\S+)", "${event.visit_no}", "${person.member_no}", "event.visit_no", "x"),
    "a function of texts": pairs(
        r"(upper|lower|replace|substring|number)\(", "upper", "lower", "replace", "substring", "number", "trim"
    ),
    "a locale of a time": pairs(r'"en"', '"zh"', '"english"', '"de"', '""'),
    "the separator": pairs(r'", "(?="\))', '", "-', '", ",', '", " '),
}


TYPE = "clinic.visit.booked.v1"


def clinic() -> Examples:
    """The files."""
    return Examples(
        {"clinic.yaml": RULES},
        ("templates.yaml", TEMPLATES),
        {"tests/clinic.yaml": TESTS},
        SchemaCatalogue([SCHEMA]),
    )
