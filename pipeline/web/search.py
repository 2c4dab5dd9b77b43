"""The search page: what became of an event, an order or a customer's messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import structlog
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline.errors import NoRecord, NoSuchTopic, Unreachable, UserError
from pipeline.phrases import phrase
from pipeline.web.access import user_of
from pipeline.web.form import read_form
from pipeline.web.origin import require_same_origin

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.operations.find.story import NoticeStory, RuleLine, Story
    from pipeline.web.pages import Pages

MOST_SEARCHES = 2
"""Searches at the same time; further ones are refused, because each reads Kafka."""
MOST_TEXT = 300
MOST_FORM_BYTES = 4_096
KINDS: Mapping[str, str] = {
    "text": phrase("Order number, or any text of the event"),
    "reference": phrase("Reference that the rule names, such as the order number"),
    "recipient": phrase("Recipient: the customer's id on the platform"),
    "event": phrase("Id of the event"),
    "position": phrase("Position in Kafka: topic/partition/offset"),
}
"""What can be searched for, with its label."""
MOST_EVENTS = (20, 100, 500)
"""How many events an answer shows at most: the first, and further ones on demand."""
SPANS: Mapping[str, str] = {
    "-1h": phrase("the last hour"),
    "-1d": phrase("the last day"),
    "-7d": phrase("the last 7 days"),
    "-30d": phrase("the last 30 days"),
    "-90d": phrase("the last 90 days"),
}
_MOST_BY_TEXT = {str(most): most for most in MOST_EVENTS}

log = structlog.get_logger("search")


class Wanted(NamedTuple):
    """One search of the form."""

    kind: str
    """A key of `KINDS`."""
    value: str
    since: str
    """A key of `SPANS`."""
    most: int = MOST_EVENTS[0]
    """One of `MOST_EVENTS`."""


class Answer(NamedTuple):
    """What was found."""

    stories: Sequence[Story]
    left_out: int


class EventView(NamedTuple):
    """An event's outcomes, explanation and cards."""

    where: str
    rules: Sequence[RuleLine]
    cards: str
    """Escaped HTML."""
    notices: Sequence[NoticeStory] = ()


class SearchActions(NamedTuple):
    """What the page calls, in a thread. Each raises `UserError` with a message for the user."""

    search: Callable[[Wanted], Answer]
    event: Callable[[str], EventView]
    hidden: Callable[[str], str]
    """Returns a value for the log, in which recipients must not be readable."""
    looked_up: Callable[[], None]


class SearchPage:
    """The form, its answer, and the page of an event. The application must ask for a password."""

    def __init__(self, pages: Pages, actions: SearchActions) -> None:
        self._pages = pages
        self._actions = actions
        self._running = 0

    def routes(self) -> list[Route]:
        """The pages."""
        return [
            Route("/", self.form),
            Route("/search", self.again),
            Route("/search", self.search, methods=["POST"]),
            Route("/event/{topic}/{partition:int}/{offset:int}", self.event),
        ]

    async def form(self, _: Request) -> Response:
        """The empty form."""
        return self._shown(Wanted("text", "", "-7d"))

    async def again(self, _: Request) -> Response:
        """The empty form, after the switch of language of an answer where no script sends the form again."""
        return RedirectResponse("./", 303)

    async def search(self, request: Request) -> Response:
        """The answer. The form is posted: a recipient in an address would be in logs and in the browser's history."""
        require_same_origin(request)
        form = await read_form(request, MOST_FORM_BYTES)
        wanted = Wanted(form.get("kind", ""), form.get("value", "").strip(), form.get("since", ""))
        wanted = wanted._replace(most=_MOST_BY_TEXT.get(form.get("most", ""), MOST_EVENTS[0]))
        if wanted.kind not in KINDS or wanted.since not in SPANS or not 0 < len(wanted.value) <= MOST_TEXT:
            return self._shown(
                wanted._replace(value=wanted.value[:MOST_TEXT]), error=phrase("Enter what to search for.")
            )
        if self._running >= MOST_SEARCHES:
            return self._shown(wanted, error=phrase("Other searches are running. Try again in a moment."), status=503)
        status, error, answer = await self._run(wanted)
        self._actions.looked_up()
        log.info(
            "looked_up",
            user=user_of(request),
            by=wanted.kind,
            value=self._actions.hidden(wanted.value),
            since=wanted.since,
            found=None if answer is None else len(answer.stories),
        )
        return self._shown(wanted, error=error, answer=answer, status=status)

    async def event(self, request: Request) -> Response:
        """What became of an event, its conditions in full, and the messages that today's rules make of it."""
        where = "/".join(str(request.path_params[name]) for name in ("topic", "partition", "offset"))
        log.info("looked_up", user=user_of(request), by="event_page", value=where, since=None, found=None)
        self._actions.looked_up()
        try:
            view = await asyncio.to_thread(self._actions.event, where)
        except UserError as error:
            return self._pages.mistake(
                request.url.path, _status(error, 404), phrase("The event cannot be shown"), _text(error)
            )
        return self._pages.answer("event.html", {"root": "../../../", "view": view})

    async def _run(self, wanted: Wanted) -> tuple[int, str | None, Answer | None]:
        """Return the status, what is wrong, and what was found."""
        self._running += 1
        try:
            return 200, None, await asyncio.to_thread(self._actions.search, wanted)
        except UserError as error:
            return _status(error, 400), _text(error), None
        finally:
            self._running -= 1

    def _shown(
        self, wanted: Wanted, *, error: str | None = None, answer: Answer | None = None, status: int = 200
    ) -> Response:
        more = next((most for most in MOST_EVENTS if most > wanted.most), None)
        values = {
            "wanted": wanted,
            "kinds": KINDS,
            "spans": SPANS,
            "error": error,
            "answer": answer,
            "more": more if answer is not None and answer.left_out else None,
        }
        return self._pages.answer("search.html", values, status)


def _status(error: UserError, otherwise: int) -> int:
    """The status of an answer: 404 for a topic or record that does not exist, 503 where a retry may help."""
    if isinstance(error, (NoSuchTopic, NoRecord)):
        return 404
    return 503 if isinstance(error, Unreachable) else otherwise


def _text(error: UserError) -> str:
    return phrase("{message} ({hint})", message=error.message, hint=error.hint) if error.hint else error.message
