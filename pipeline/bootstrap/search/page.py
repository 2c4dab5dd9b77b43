"""Connect the search page to what it searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline import __version__
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.range import Progressed
from pipeline.adapters.telemetry.logging import recipient_hash
from pipeline.authoring.cards.html import to_html
from pipeline.bootstrap.outcomes import hash_key
from pipeline.bootstrap.search.find import SearchOptions, search_with
from pipeline.languages import current
from pipeline.operations.positions import read_position
from pipeline.settings import Settings
from pipeline.styles.style import Mode
from pipeline.web.pages import Pages
from pipeline.web.search import Answer, EventView, SearchActions, SearchPage, Wanted

if TYPE_CHECKING:
    from pipeline.adapters.history.store import History

_SPANS = {
    "-1h": timedelta(hours=1),
    "-1d": timedelta(days=1),
    "-7d": timedelta(days=7),
    "-30d": timedelta(days=30),
    "-90d": timedelta(days=90),
}


def make_search_page(settings: Settings, history: History, looked_up: Callable[[], None]) -> tuple[SearchPage, Pages]:
    """The search page, and what renders it; `looked_up` counts searches.

    Searches run at the same time and share the open history: to open one changes its tables, which only one thread may
    do.
    """
    pages = Pages({"Search": "./"}, __version__)

    def search(wanted: Wanted) -> Answer:
        since = datetime.fromtimestamp(SystemClock().now(), UTC) - _SPANS[wanted.since]
        options = SearchOptions(
            reference=wanted.value if wanted.kind == "reference" else None,
            text=wanted.value if wanted.kind == "text" else None,
            recipient=wanted.value if wanted.kind == "recipient" else None,
            event_id=wanted.value if wanted.kind == "event" else None,
            position=read_position(wanted.value) if wanted.kind == "position" else None,
            since=since,
            limit=wanted.most,
        )
        with search_with(settings, history) as opened:
            found = opened.run(options, _silently)
        return Answer(found.items, found.left_out)

    def event(where: str) -> EventView:
        position = read_position(where)
        with search_with(settings, history) as opened:
            rules, made = opened.event(position)
            found = opened.run(SearchOptions(position=position), _silently)
        cards = "".join(to_html(card, current.say) for one in made for card in one.cards(list(Mode)))
        present = [story for story in found.items if not story.event.is_of_former_topic]
        return EventView(where, rules, cards, [notice for story in present for notice in story.notices])

    hidden = recipient_hash(hash_key(settings).encode())
    return SearchPage(pages, SearchActions(search, event, hidden, looked_up)), pages


@contextmanager
def _silently(_: str) -> Iterator[Progressed]:
    yield lambda _read, _total: None
