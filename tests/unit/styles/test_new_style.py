"""A new display style is one object and its registration: files, checks, messages, cards and sandbox follow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from pipeline.authoring.cards.card import Value, card
from pipeline.authoring.editor_schemas import templates as templates_schema
from pipeline.model.notice import Notice
from pipeline.rules.lint.check import check
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.templates import Template
from pipeline.sandbox.request import Message, Refused
from pipeline.sandbox.request import check as taken
from pipeline.styles.field_kind import FieldKind
from pipeline.styles.registry import STYLES
from pipeline.styles.style import Mode, Shown, Style
from tests.unit.rules.shop import body, event, schemas

SEPTETS = FieldKind("septets", 10, "characters of a text message", may_be_cut=True, count=lambda text: len(text) * 2)


class Sms(Style):
    """A text message: every character counts twice, and the customer sees capitals."""

    name = "sms"
    kinds: Mapping[str, FieldKind] = MappingProxyType({SEPTETS.name: SEPTETS})
    refuses = True
    key_hint = "the fields of a text message are sms1, sms2, …"

    def kind_of(self, key: str) -> FieldKind | None:
        return SEPTETS if self.owns(key) else None

    def owns(self, key: str) -> bool:
        return key.startswith("sms")

    def shown(self, key: str, kind: FieldKind, text: str, color: str | None) -> Shown:
        del key
        return Shown(text.upper(), None, kind.count(text), kind.most, ("colour is not shown",) if color else ())


TEMPLATES = """\
templates:
  paid: {title: 付款, style: sms, ids: {production: T1}, fields: {sms1: {label: 商品}, sms2: {type: septets}}}
"""


@pytest.fixture(autouse=True)
def sms(monkeypatch: pytest.MonkeyPatch) -> Style:
    style = Sms()
    monkeypatch.setitem(STYLES, style.name, style)
    return style


def rules(first: str, *, templates: str = TEMPLATES, more: str = "") -> RuleSources:
    text = (
        "rules:\n  - id: paid\n    on: shop.order.Paid\n    to: ${event.sub}\n    template: paid\n"
        f"    data: {{sms1: '{first}', sms2: ok}}\n{more}"
    )
    return RuleSources({"shop.yaml": text}, ("templates.yaml", templates))


def test_its_limits_are_checked_and_its_messages_made() -> None:
    """Counted as the style counts, cut where the kind may be cut."""
    found = check(rules("abcdef"), schemas(), environment="production").findings
    assert [(one.code, one.message) for one in found if one.is_error] == [
        ("over-limit", "`sms1` has 12 of at most 10 characters of a text message")
    ]
    sound = check(rules("${event.order_no}"), schemas(), environment="production").ruleset
    assert sound is not None
    (notice,) = sound.evaluate(event(order_no="A1"))
    assert isinstance(notice, Notice)
    assert body(notice)["data"] == {"sms1": {"value": "A1"}, "sms2": {"value": "ok"}}


def test_its_keys_and_kinds_are_known() -> None:
    """A key of no kind gets the style's hint; a key above `data:` is recognised as a field."""
    wrong = TEMPLATES.replace("sms1: {label: 商品}", "thing1: {}")
    hints = [one.hint for one in check(rules("a", templates=wrong), schemas()).findings if one.is_error]
    assert "the fields of a text message are sms1, sms2, …" in hints
    misplaced = check(rules("a", more="    sms1: x\n"), schemas()).findings
    assert "put the fields of the card below `data:`" in [one.hint for one in misplaced]


def test_an_unknown_style_names_those_there_are() -> None:
    """The new one among them, in the finding and in the schema for editors."""
    found = check(rules("a", templates=TEMPLATES.replace("style: sms", "style: smz")), schemas()).findings
    error = next(one for one in found if one.is_error)
    assert (error.message, error.hint) == (
        "`style`: is one of history, category, alipay, sms",
        "did you mean `sms`?",
    )
    assert '"sms"' in json.dumps(json.loads(templates_schema()))


def test_its_card_and_the_sandbox() -> None:
    """What the card shows, and what the sandbox refuses, are the style's."""
    ruleset = check(rules("a"), schemas(), environment="production").ruleset
    assert ruleset is not None
    template: Template = ruleset.templates["paid"]
    seen = card(template, {"sms1": Value("coffee", "#173177"), "sms2": Value("ok")}, Mode.WECHAT)
    assert [(line.shown, line.count, line.losses) for line in seen.lines] == [
        ("COFFEE", 12, ("colour is not shown",)),
        ("OK", 4, ()),
    ]
    refused = taken(Message("u1", "T1", None, {"sms1": ("coffee", None), "sms2": ("ok", None)}), {"T1": template})
    assert isinstance(refused, Refused)
    assert "has 12 of at most 10" in refused.message
