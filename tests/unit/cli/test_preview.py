"""`preview`: cards, requests and pages of one event, and what a mistake is answered with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import PAID, Run
from tests.unit.rules.shop import TEMPLATES

Give = Callable[..., str]


def test_cards_are_shown_once_where_the_channel_makes_no_difference(run: Run, give: Give) -> None:
    """A category template looks the same in both ways; one of the older kind does not."""
    done = run("preview", give(gift=True))
    assert (done.code, done.err) == (0, "")
    assert done.out.count("┌") == 3
    first, second = done.out.split("✓ old")
    assert "WeChat since May 2023 · WeChat before May 2023\n" in first
    assert "character_string2" not in first
    wechat, legacy = second.split("WeChat before May 2023\n")
    assert "您好" not in wechat
    assert "! first" in wechat
    assert "您好" in legacy


@pytest.mark.parametrize(("mode", "boxes"), [("wechat", 2), ("legacy", 2), ("both", 3)])
def test_one_way_of_showing_can_be_requested(run: Run, give: Give, mode: str, boxes: int) -> None:
    """Both are the default."""
    assert run("preview", give(gift=True), "--mode", mode).out.count("┌") == boxes


@pytest.mark.parametrize("mode", ["wechat", "legacy", "both"])
def test_an_alipay_template_has_alipays_card_alone(run: Run, give: Give, shop: Path, mode: str) -> None:
    """In every mode, as text, as JSON and as HTML: WeChat never shows such a message."""
    templates = shop / "rules" / "templates.yaml"
    templates.write_text(TEMPLATES.replace("style: history", "style: alipay"), encoding="utf-8")
    arguments = ("preview", give(gift=True), "--rule", "old", "--mode", mode)
    text = run(*arguments).out
    assert text.count("┌") == 1
    assert "\nAlipay\n" in text
    assert "您好" in text
    assert "WeChat" not in text
    cards = json.loads(run(*arguments, "--output", "json").out)["notices"][0]["cards"]
    assert [(card["mode"], card["lines"][0]["shown"]) for card in cards] == [("legacy", "您好")]
    page = run(*arguments, "--format", "html").out
    assert page.count('class="np-phone"') == 1
    assert "WeChat" not in page


def test_json_prints_the_bodies_of_requests(run: Run, give: Give) -> None:
    """One body of the contract for each message."""
    assert json.loads(run("preview", give(), "--format", "json").out) == [
        {
            "to": PAID["sub"],
            "template": "template-1",
            "url": "https://m.example.com/T2026",
            "data": {"thing1": {"value": "T2026"}},
        }
    ]
    staging = json.loads(run("preview", give(), "--format", "json", "-e", "production").out)
    assert staging[0]["template"] == "template-1"


def test_everything_is_there_for_scripts(run: Run, give: Give) -> None:
    """Cards with their counters, what is cut, what is refused."""
    reported = json.loads(run("preview", give(gift=True), "--output", "json").out)
    assert reported["event"] == {"type": "shop.order.Paid", "where": "paid.json:1"}
    assert [one["rule"] for one in reported["notices"]] == ["any", "old"]
    wechat, legacy = reported["notices"][1]["cards"]
    assert (wechat["mode"], wechat["lines"][0]["losses"]) == ("wechat", ["`first` is not shown"])
    assert (legacy["mode"], legacy["lines"][1]["color"]) == ("legacy", "#173177")


def test_the_page_is_self_contained(run: Run, give: Give) -> None:
    """One document, with every message."""
    page = run("preview", give(gift=True), "--format", "html").out
    assert page.startswith("<!doctype html>")
    assert page.count('<section class="np-notice">') == 2
    assert "https://" not in page.replace("https://m.example.com/T2026", "")


def test_a_refused_message_ends_with_1(run: Run, give: Give) -> None:
    """It is shown with its fault, in every form."""
    bad = give(order_no="很" * 25)
    done = run("preview", bad)
    assert done.code == 1
    assert "✗ any  field_limit: thing1: has 25 of at most 20 characters" in done.out
    assert re.search(r"^✗ thing1 +25/20  has 25 of at most 20 characters$", done.out, re.MULTILINE)
    assert json.loads(run("preview", bad, "--format", "json").out) == []
    page = run("preview", bad, "--format", "html")
    assert (page.code, "no message: field_limit" in page.out) == (1, True)


def test_an_example_makes_a_message_where_one_can(run: Run, shop: Path) -> None:
    """The same at every call; for a rule, one that its condition lets through."""
    assert shop.is_dir()
    one, again = (run("preview", "--rule", "old") for _ in range(2))
    assert (one.code, one.out, one.err) == (0, again.out, "")
    assert "✓ old" in one.out
    assert "its condition does not hold" not in one.out
    never = run("preview", "--rule", "large")
    assert "its condition is false for this event: nothing would be sent" in never.out
    assert "✓ any" in run("preview", "--example", "order.Paid").out


def test_no_message_is_reported_and_not_a_failure(run: Run, shop: Path) -> None:
    """On standard error, with a hint."""
    (shop / "other.json").write_text(json.dumps({"type": "shop.order.Other", "data": {}}), encoding="utf-8")
    done = run("preview", "other.json")
    assert done.code == 0
    assert done.err == "no rule makes a message of this event; `notice-pipeline explain` shows why\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no event is named"),
        (("paid.json", "--example", "order.Paid"), "two events are named"),
        (("--example", "order.Piad"), "is not an event type"),
        (("--rule", "anny"), "did you mean `any`?"),
        (("--rule", "any", "--schemas", "rules"), "there is no schema of `shop.order.Paid`"),
        (("other.json", "--rule", "any"), "rule `any` is not for events of type `shop.order.Other`"),
    ],
)
def test_a_mistake_is_reported(run: Run, shop: Path, give: Give, arguments: tuple[str, ...], message: str) -> None:
    """With exit code 2."""
    give()
    (shop / "other.json").write_text(json.dumps({"type": "shop.order.Other", "data": {}}), encoding="utf-8")
    done = run("preview", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


HOSTILE = "${event.sub}<script>\x1b[2J\x1b]0;owned\x07\r\u202e\x9b31m\u2028"


@pytest.mark.parametrize(
    "form", [("--format", "card"), ("--format", "html"), ("--format", "json"), ("--output", "json")]
)
def test_neither_terminal_nor_page_obeys_an_event(run: Run, give: Give, form: tuple[str, str]) -> None:
    """Control characters and markup are shown, not sent."""
    done = run("preview", give(order_no=HOSTILE, sub=HOSTILE), *form)
    assert not set(done.out + done.err) & set("\x1b\x07\r\x9b\u202e\u2028")
    if form[1] == "html":
        assert "<script>" not in done.out
    if form == ("--output", "json"):
        texts = json.loads(done.out)["notices"][0]["cards"][0]["lines"]
        assert texts[0]["text"] == HOSTILE


def test_the_guide_shows_what_is_printed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card in the guide is made by the guide's own rule."""
    root = Path(__file__).parents[3]
    guide = (root / "docs" / "guide-rules.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"^```yaml (\S+)\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = run("preview", "--rule", "receipt", "--schemas", str(root / "schemas" / "events"))
    assert f"$ notice-pipeline preview --rule receipt\n{done.out}```" in guide
