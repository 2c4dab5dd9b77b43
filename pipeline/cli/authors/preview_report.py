"""Prints previews for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.authoring.cards.card import Card
from pipeline.authoring.cards.preview import Preview
from pipeline.authoring.cards.terminal import to_terminal
from pipeline.cli.authors.one_event import Found
from pipeline.cli.printing import bad, faint, good, plain, say, strong
from pipeline.model.notice import Notice, Refusal, outcome_label
from pipeline.phrases import joined, phrase
from pipeline.styles.style import Mode
from pipeline.terminal_escape import shown


def show(found: Found, previews: Sequence[Preview], modes: Sequence[Mode]) -> None:
    """Print the cards of each message; one card if its display modes do not differ."""
    say(strong(found.event.type), faint("  " + found.where))
    for one in previews:
        say()
        _show_facts(one)
        for names, card in _distinct(one.cards(modes)):
            say(faint(joined(" · ", names)))
            for line in to_terminal(card):
                say(plain(line))


def _show_facts(one: Preview) -> None:
    if isinstance(one.result, Notice):
        facts = phrase("  to {recipient}, template {alias}", recipient=one.result.recipient, alias=one.template.alias)
        reference = (
            phrase(", reference {reference}", reference=one.result.reference)
            if one.result.reference is not None
            else ""
        )
        say(good("✓ "), strong(_named(one)), plain(facts + reference))
    elif isinstance(one.result, Refusal):
        say(bad("✗ "), strong(_named(one)), bad("  " + _refused(one.result)))
    if one.category is not None:
        say(faint(phrase("  category ")), plain(one.category))
    for line in one.care:
        say(faint(phrase("  subject to ")), plain(line))
    if one.unsent is not None:
        say(bad("  " + one.unsent))
    if one.url is not None:
        say(faint(phrase("  opens ")), plain(one.url))
    for cut in one.shortened:
        message = phrase(
            "  the rule cuts {key} from {whole} to {sent} characters: ",
            key=cut.key,
            whole=len(cut.whole),
            sent=len(cut.sent),
        )
        say(plain(message), faint(shown(cut.whole)))


def _refused(refusal: Refusal) -> str:
    return phrase("{reason}: {detail}", reason=refusal.reason.value, detail=refusal.detail)


def _named(one: Preview) -> str:
    return outcome_label(one.rule, one.result.item)


def _distinct(cards: Sequence[Card]) -> list[tuple[list[str], Card]]:
    """The different cards, each with the names of the display modes that show it."""
    found: list[tuple[list[str], Card]] = []
    for card in cards:
        same = next((names for names, known in found if known.lines == card.lines), None)
        if same is None:
            found.append(([card.mode_title], card))
        else:
            same.append(card.mode_title)
    return found
