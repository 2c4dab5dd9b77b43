"""Templates, static files and error pages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pipeline.authoring.cards.html import STYLE
from pipeline.languages import ENGLISH, LANGUAGES, SWITCH, current
from pipeline.phrases import Phrase, marked, phrase
from pipeline.web.formats import FILTERS
from pipeline.web.script_words import script_words

if TYPE_CHECKING:
    from starlette.requests import Request

CARDS = "card.css"
"""The style of cards, which is declared beside their HTML."""
STATIC = {
    CARDS: "text/css",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "studio.css": "text/css",
    "studio.js": "text/javascript",
    "codemirror.min.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""Every static file with its media type. Other names are not found: no path is read from disk."""
FOREVER = "public, max-age=31536000, immutable"
"""The address of a static file has its hash."""


TITLES = (marked("Status"), marked("Studio"), marked("Search"), marked("Workers"), marked("Event"))
"""Pages of the navigation."""


def _said(value: object) -> object:
    """What a template shows: a phrase is in the language of the request."""
    return current.say(value) if isinstance(value, Phrase) else value


class Pages:
    """Templates and static files, read once."""

    def __init__(self, links: Mapping[str, str], release: str) -> None:
        """`links` are the pages of the navigation: addresses relative to the root, by title."""
        folder = files("pipeline.web").joinpath("static")
        self._static = {name: folder.joinpath(name).read_bytes() for name in STATIC if name != CARDS}
        self._static[CARDS] = STYLE.encode()
        self._templates = Environment(
            loader=PackageLoader("pipeline.web", "pages"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            finalize=_said,
        )
        self._templates.filters.update(FILTERS)
        self._templates.globals.update(
            links=links, release=release, root="", static=self._address, _=current.text, script_words=script_words
        )

    def _address(self, name: str) -> str:
        """A relative address, so that pages work below any path of a proxy."""
        return f"static/{name}?v={hashlib.sha256(self._static[name]).hexdigest()[:12]}"

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Render a template as text."""
        language = {
            "lang": LANGUAGES.get(current.language(), ENGLISH),
            "language": current.language(),
            "languages": SWITCH,
            "titles": {title: current.say(phrase(title)) for title in TITLES},
        }
        return self._templates.get_template(name).render(language | dict(values))

    def answer(self, name: str, values: Mapping[str, object], status: int = 200) -> Response:
        """Render a template as a response."""
        return HTMLResponse(self.render(name, values), status)

    def mistake(self, path: str, status: int, title: str, message: str) -> Response:
        """The error page."""
        root = "../" * (path.count("/") - 1) or "./"
        return self.answer("mistake.html", {"root": root, "number": status, "title": title, "words": message}, status)

    def static(self, name: str) -> Response:
        """One of the static files.

        Raises:
            HTTPException: there is no such file.
        """
        body = self._static.get(name)
        if body is None:
            raise HTTPException(404)
        return Response(body, headers={"Cache-Control": FOREVER}, media_type=STATIC[name])

    def route(self) -> Route:
        """The route of the static files."""

        async def static(request: Request) -> Response:
            return self.static(request.path_params["name"])

        return Route("/static/{name}", static)
