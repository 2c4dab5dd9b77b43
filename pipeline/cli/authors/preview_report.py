"""Prints previews for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.authoring.cards.card import Card
from pipeline.authoring.cards.preview import Preview
from pipeline.authoring.cards.terminal import to_terminal
from pipeline.authoring.terminal_escape import shown
from pipeline.cli.authors.one_event import Found
from pipeline.cli.printing import bad, faint, good, plain, say, strong
from pipeline.model.notice import Notice, Refusal, outcome_label
from pipeline.styles.style import Mode


def show(found: Found, previews: Sequence[Preview], modes: Sequence[Mode]) -> None:
    """Print the cards of each message; one card if its display modes do not differ."""
    say(strong(found.event.type), faint(f"  {found.where}"))
    for one in previews:
        say()
        _show_facts(one)
        for names, card in _distinct(one.cards(modes)):
            say(faint(" · ".join(names)))
            for line in to_terminal(card).splitlines():
                say(plain(line))


def _show_facts(one: Preview) -> None:
    if isinstance(one.result, Notice):
        facts = f"  to {one.result.recipient}, template {one.template.alias}"
        reference = f", reference {one.result.reference}" if one.result.reference is not None else ""
        say(good("✓ "), strong(_named(one)), plain(facts + reference))
    elif isinstance(one.result, Refusal):
        say(bad("✗ "), strong(_named(one)), bad(f"  {one.result.reason.value}: {one.result.detail}"))
    if one.category is not None:
        say(faint("  category "), plain(one.category))
    for line in one.care:
        say(faint("  subject to "), plain(line))
    if one.unsent is not None:
        say(bad(f"  {one.unsent}"))
    if one.url is not None:
        say(faint("  opens "), plain(one.url))
    for cut in one.shortened:
        message = f"  the rule cuts {cut.key} from {len(cut.whole)} to {len(cut.sent)} characters: "
        say(plain(message), faint(shown(cut.whole)))


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
