"""What all pages share: templates, the few static files, and answers to mistakes."""

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
from pipeline.web.formats import FILTERS

if TYPE_CHECKING:
    from starlette.requests import Request

CARDS = "card.css"
"""The looks of cards, which stand where cards are made."""
STATIC = {
    CARDS: "text/css",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""Every file that is served, with its media type. A name that is not here is not found: no path reaches the disk."""
FOREVER = "public, max-age=31536000, immutable"
"""A static file's address holds its hash."""


class Pages:
    """Templates and static files, read once."""

    def __init__(self, links: Mapping[str, str], release: str) -> None:
        """`links` are the pages to go to: address, relative to the root, by title."""
        folder = files("pipeline.web").joinpath("static")
        self._static = {name: folder.joinpath(name).read_bytes() for name in STATIC if name != CARDS}
        self._static[CARDS] = STYLE.encode()
        self._templates = Environment(
            loader=PackageLoader("pipeline.web", "pages"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._templates.filters.update(FILTERS)
        self._templates.globals.update(links=links, release=release, root="", static=self._address)

    def _address(self, name: str) -> str:
        """Relative, so that the pages work below any path of a proxy's."""
        return f"static/{name}?v={hashlib.sha256(self._static[name]).hexdigest()[:12]}"

    def answer(self, name: str, values: Mapping[str, object], status: int = 200) -> Response:
        """A template as an answer."""
        return HTMLResponse(self._templates.get_template(name).render(values), status)

    def mistake(self, path: str, status: int, title: str, message: str) -> Response:
        """The page for an unknown path or a method that is not allowed."""
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
        """Of the static files."""

        async def static(request: Request) -> Response:
            return self.static(request.path_params["name"])

        return Route("/static/{name}", static)
