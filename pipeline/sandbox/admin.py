"""The sandbox's own API and page: messages, counts, faults, tokens, and cards."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import orjson
from jinja2 import Environment, PackageLoader
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline import __version__
from pipeline.authoring.cards.card import Value, card, plain_card
from pipeline.authoring.cards.html import STYLE, to_html
from pipeline.languages import ENGLISH, LANGUAGES, SWITCH, current
from pipeline.languages.request import NAME as LANGUAGE
from pipeline.languages.request import Languages
from pipeline.origin import is_loopback
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.memory import Received
from pipeline.sandbox.notices import PATH
from pipeline.settings.validation_messages import fault_text
from pipeline.styles.style import Mode

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from pipeline.sandbox.state import State

MAX_BODY = 1_048_576
"""Of a request to this API; a plan of a thousand faults fits easily."""
MAX_SHOWN = 1_000
CARDS = 60
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""No script, and nothing from elsewhere: any client of the sandbox can write what is shown."""


class AdminApi:
    """Answers requests about the sandbox."""

    def __init__(self, state: State) -> None:
        self._state = state
        pages = Environment(loader=PackageLoader("pipeline.sandbox", "pages"), autoescape=True)
        pages.globals.update(_=current.text)
        self._page = pages.get_template("index.html")
        self._icon = files("pipeline.web").joinpath("static/icon.svg").read_bytes()
        self._style = files("pipeline.sandbox").joinpath("pages/style.css").read_text() + STYLE

    def routes(self) -> list[Route]:
        """Every path except that of the notices API."""
        return [
            Route("/", self.page),
            Route("/healthz", self.health),
            Route("/sandbox/style.css", self.style),
            Route("/sandbox/icon.svg", self.icon),
            Route("/sandbox/messages", self.messages),
            Route("/sandbox/messages", self.clear, methods=["DELETE"]),
            Route("/sandbox/arrivals", self.arrivals),
            Route("/sandbox/stats", self.stats),
            Route("/sandbox/faults", self.faults),
            Route("/sandbox/faults", self.follow, methods=["PUT"]),
            Route("/sandbox/faults", self.behave, methods=["DELETE"]),
            Route("/sandbox/tokens", self.replace_tokens, methods=["PUT"]),
            Route("/sandbox/tokens", self.revoke, methods=["DELETE"]),
            Route("/oauth/token", self.token, methods=["POST"]),
        ]

    async def health(self, _: Request) -> Response:
        """Alive."""
        return PlainTextResponse("ok\n")

    async def style(self, _: Request) -> Response:
        """The page's style sheet."""
        return Response(self._style, media_type="text/css")

    async def icon(self, _: Request) -> Response:
        """The icon of all pages."""
        return Response(self._icon, media_type="image/svg+xml")

    async def page(self, request: Request) -> Response:
        """The newest messages as cards."""
        query = request.query_params
        recipient, template, text = (query.get(name) or None for name in ("recipient", "template", "text"))
        newest = self._state.memory.newest(CARDS, recipient=recipient, template=template, text=text)
        grouped = "grouped" in query
        groups: dict[str, list[dict[str, object]]] = {}
        for received in newest:
            groups.setdefault(received.message.to if grouped else "", []).append(self._shown(received))
        html = self._page.render(
            groups=groups,
            grouped=grouped,
            template=template,
            text=text,
            templates=self._templates(),
            counts=self._state.memory.counts,
            refusals=[
                {
                    "at": datetime.fromtimestamp(one.at, UTC).strftime("%H:%M:%S"),
                    "reason": current.say(one.reason),
                    "text": one.text,
                }
                for one in reversed(self._state.memory.refusals)
            ],
            checks_parameters=self._state.parameters is not None,
            recipient=recipient,
            live="live" in request.query_params,
            path=PATH,
            release=__version__,
            lang=LANGUAGES.get(current.language(), ENGLISH),
            language=current.language(),
            languages=[(name, title, _switched(request, name)) for name, title in SWITCH.items()],
        )
        return HTMLResponse(html)

    async def messages(self, request: Request) -> Response:
        """The newest messages, newest first; `?recipient=` and `?limit=` (at most 1,000)."""
        limit = _limit(request)
        newest = self._state.memory.newest(limit, recipient=request.query_params.get("recipient"))
        total = self._state.memory.counts.accepted
        return JSONResponse({"total": total, "messages": [_as_json(received) for received in newest]})

    async def clear(self, _: Request) -> Response:
        """Forget messages, keys and counts."""
        self._state.memory.clear()
        return Response(status_code=204)

    async def arrivals(self, request: Request) -> Response:
        """Idempotency keys in the order of their first arrival, with attempts; `?recipient=` for one."""
        found = self._state.memory.arrivals(request.query_params.get("recipient"))
        rows = [{"recipient": to, "key": key, "attempts": attempts} for to, key, attempts in found]
        return JSONResponse({"arrivals": rows})

    async def stats(self, _: Request) -> Response:
        """Counts, and how many keys came once, twice and so on."""
        memory = self._state.memory
        attempts = Counter(entry.attempts for entry in memory.keys.values())
        counts = asdict(memory.counts)
        counts["codes"] = {str(code): number for code, number in sorted(memory.counts.codes.items())}
        by_attempts = {str(attempt): keys for attempt, keys in sorted(attempts.items())}
        recipients = len({entry.recipient for entry in memory.keys.values()})
        body = {**counts, "in_flight": self._state.in_flight, "keys_by_attempts": by_attempts, "recipients": recipients}
        return JSONResponse(body)

    async def faults(self, _: Request) -> Response:
        """The present fault plan."""
        return JSONResponse(self._state.plan.model_dump(mode="json", exclude_defaults=True))

    async def follow(self, request: Request) -> Response:
        """Use the fault plan in the body."""
        try:
            self._state.follow(FaultPlan.model_validate(await _json(request)))
        except ValidationError as error:
            raise HTTPException(422, "; ".join(map(fault_text, error.errors()[:20]))) from None
        return await self.faults(request)

    async def behave(self, _: Request) -> Response:
        """End all faults."""
        self._state.follow(FaultPlan())
        return Response(status_code=204)

    async def replace_tokens(self, request: Request) -> Response:
        """Only the tokens in `{"tokens": […]}` are good from now on."""
        body = await _json(request)
        tokens = body.get("tokens") if isinstance(body, dict) else None
        if not isinstance(tokens, list) or not all(isinstance(token, str) and token for token in tokens):
            raise HTTPException(422, "give `tokens`, a list of texts")
        self._state.credentials.replace(frozenset(tokens))
        return Response(status_code=204)

    async def revoke(self, _: Request) -> Response:
        """Revoke the issued tokens."""
        self._state.credentials.revoke_issued()
        return Response(status_code=204)

    async def token(self, request: Request) -> Response:
        """The token endpoint (RFC 6749, section 4.4)."""
        form = dict(parse_qsl((await _body(request)).decode("latin-1"), max_num_fields=32))
        granted = self._state.credentials.grant(form, request.headers.get("authorization"))
        return JSONResponse(granted.body, status_code=granted.status)

    def _templates(self) -> dict[str, str]:
        """The templates of the newest messages: the title of each, where it is known, by its id."""
        ids = sorted({one.message.template for one in self._state.memory.newest(MAX_SHOWN)})
        known = self._state.templates
        return {one: known[one].title if one in known else one for one in ids}

    def _shown(self, received: Received) -> dict[str, object]:
        """What the page shows of one message: the customer's card, where the template is known."""
        message = received.message
        template = self._state.templates.get(message.template)
        values = {key: Value(*field) for key, field in message.fields.items()}
        if template is None:
            seen = plain_card(message.template, values, Mode.LEGACY, message.url)
        else:
            seen = card(template, values, template.style.mode, message.url)
        at = datetime.fromtimestamp(received.at, UTC)
        return {
            "html": to_html(seen, current.say),
            "known": template is not None,
            "at": at.strftime("%H:%M:%S"),
            "iso": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "to": message.to,
            "url": message.url,
        }


def _switched(request: Request, language: str) -> str:
    """The address of this page in another language, with its filters: the page has no script."""
    return f"?{urlencode({**request.query_params, LANGUAGE: language})}"


def make_admin(state: State) -> Starlette:
    """The application; errors are answered as problem details (RFC 9457)."""
    middleware = [*([Middleware(_LoopbackNames)] if state.is_local else []), Middleware(Languages)]
    return Starlette(
        routes=AdminApi(state).routes(), middleware=middleware, exception_handlers={HTTPException: _on_error}
    )


class _LoopbackNames:
    """Refuses host names that a foreign DNS server may have resolved to this machine's address (DNS rebinding)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self._app
        if scope["type"] == "http" and not is_loopback(Headers(scope=scope).get("host", "")):
            answer = _problem(HTTPException(421, "use the address localhost"))
        await answer(scope, receive, send)


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the only class it is registered for
    return _problem(error)


def _problem(error: HTTPException) -> Response:
    body = {"type": "about:blank", "status": error.status_code, "title": error.detail}
    return JSONResponse(body, error.status_code, error.headers, media_type="application/problem+json")


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"the body is longer than {MAX_BODY} bytes")
    return body


async def _json(request: Request) -> object:
    try:
        return orjson.loads(await _body(request))
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is not JSON: {error.msg} at byte {error.pos}") from None


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "100")
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 9):  # noqa: PLR2004 - digits enough
        raise HTTPException(422, "`limit` is not a whole number")
    return min(int(text), MAX_SHOWN)


def _as_json(received: Received) -> dict[str, object]:
    message = received.message
    return {
        "number": received.number,
        "at": received.at,
        "idempotency_key": received.key,
        "to": message.to,
        "template": message.template,
        "url": message.url,
        "data": {key: {"value": value, "color": color} for key, (value, color) in message.fields.items()},
    }
