"""Messages as customers see them, also those that are refused."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from pipeline.authoring.cards.preview import Shortened, previews, previews_of
from pipeline.authoring.cards.preview_html import to_page
from pipeline.model.event import Event
from pipeline.model.notice import Notice, Refusal
from pipeline.styles.style import Mode
from tests.unit.rules.shop import RULE, event, one_rule, ruleset

MODES = tuple(Mode)


def test_a_message_is_shown_as_it_would_be_sent() -> None:
    """The request byte for byte, and the same texts on each card."""
    rules = one_rule(data="{thing1: '${event.order_no}'}", url='"https://m.example.com/${event.order_no}"')
    (one,) = previews(rules, event())
    assert one.result == rules.evaluate(event())[0]
    assert one.request is not None
    assert one.request["data"] == {"thing1": {"value": "T2026"}}
    assert [card.rows[0].shown for card in one.cards(MODES)] == ["T2026", "T2026"]
    assert one.url == "https://m.example.com/T2026"
    assert (one.shortened, one.is_matched) == ((), True)


def test_a_cut_text_is_shown_in_full() -> None:
    """`overflow: truncate` sends a shorter text, and the author sees both."""
    rules = one_rule(data="{thing1: '${event.order_no}'}", overflow="{thing1: truncate}")
    (one,) = previews(rules, event(order_no="很" * 25))
    assert one.shortened == (Shortened("thing1", "很" * 25, "很" * 19 + "…"),)


def test_a_message_that_cannot_be_sent_is_shown_as_far_as_it_goes() -> None:
    """With its fault on the card; a text that fails has no value, one that the rule cuts is cut."""
    data = "{thing1: '${event.order_no}', character_string2: '${event.tags[7]}'}"
    (one,) = previews(one_rule(data=data), event(order_no="很" * 25))
    assert isinstance(one.result, Refusal)
    assert one.request is None
    lines = {line.key: line for line in one.cards((Mode.WECHAT,))[0].lines}
    assert lines["thing1"].fault == "has 25 of at most 20 characters"
    assert "character_string2" not in lines  # optional, and without a value
    cutting = one_rule(data="{thing1: '${event.order_no}'}", overflow="{thing1: truncate}")
    (other,) = previews(cutting, event(order_no="很" * 25, sub=""))
    assert isinstance(other.result, Refusal)
    assert other.values["thing1"].text == "很" * 19 + "…"


def test_a_rule_with_a_false_condition_can_be_shown() -> None:
    """Also if an earlier rule stops: the author sees the card."""
    text = RULE.replace("id: paid", "id: first\n    stop: true") + RULE.removeprefix("rules:\n").replace(
        "id: paid", "id: second\n    when: event.gift"
    )
    rules = ruleset(text)
    assert [one.rule for one in previews(rules, event(gift=True))] == ["first"]
    (shown,) = previews_of(rules, rules.rules[1], event())
    assert isinstance(shown.result, Notice)
    assert (shown.rule, shown.is_matched) == ("second", False)
    assert previews_of(rules, rules.rules[1], event(gift=True))[0].is_matched


@pytest.mark.parametrize("given", [event(), event(sub=""), event(order_no="很" * 25), event(gift=True)])
def test_a_preview_is_values_as_well(given: Event) -> None:
    """For scripts: nothing that JSON does not know."""
    rules = one_rule(data="{thing1: '${event.order_no}'}")
    (one,) = previews(rules, given)
    reported = one.as_json(MODES)
    assert reported["rule"] == "paid"
    assert (reported["request"] is None) == (reported["refusal"] is not None)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}


HOSTILE = "<script>1</script><img src=x onerror=1>\"'</style></pre>"


def test_a_page_runs_and_loads_nothing_whatever_the_event_holds() -> None:
    """In texts, in the recipient, in the url, in what is cut, in a refusal and in the title."""
    data = "{thing1: '${event.order_no}'}"
    url = '"https://m.example.com/${event.order_no}"'
    for rules in (one_rule(data=data, url=url), one_rule(data=data, overflow="{thing1: truncate}")):
        for given in (event(order_no=HOSTILE), event(order_no=HOSTILE, sub=HOSTILE), event(sub=HOSTILE)):
            text = to_page(HOSTILE, previews(rules, given), MODES)
            tags = _Tags()
            tags.feed(text)
            assert not {"script", "img", "link", "iframe", "a", "form"} & tags.seen
            assert not {"onerror", "src", "href", "style"} & tags.attributes
            assert "url(" not in text
            assert text.count("</style>") == 1
