"""POST /message/v2/notices: the API's side of the contract, and the faults of the plan.

A raw ASGI application, because load tests run against this path and a framework's request objects cost a third more.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import TYPE_CHECKING, NamedTuple

from pipeline.sandbox.connections import Ending
from pipeline.sandbox.faults import Arriving, FaultRule, Latency
from pipeline.sandbox.memory import Claim, Entry, Kept
from pipeline.sandbox.parameters import Request
from pipeline.sandbox.request import ACCEPTED, Message, check, write_reply

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from pipeline.sandbox.state import State

PATH = "/message/v2/notices"
MAX_BODY = 65_536
MAX_KEY = 256
FORBIDDEN = 403
"""Status and code of a request with wrong common parameters: another token would not help."""
_JSON = (b"content-type", b"application/json")
_ENDINGS = {
    "close": Ending.CLOSE,
    "cut_short": Ending.CLOSE,
    "reset": Ending.RESET,
    "garbage": Ending.GARBAGE,
}


class Answer(NamedTuple):
    """A reply as it will be written."""

    kept: Kept
    headers: tuple[tuple[bytes, bytes], ...] = ()


class ClientGone(Exception):
    """The client went before its request was there."""


class NoticesEndpoint:
    """Takes messages."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        counts = self._state.memory.counts
        counts.requests += 1
        if scope["method"] != "POST":
            await _write(send, _say(405, 405, "only POST", ((b"allow", b"POST"),)))
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        try:
            body = await _read(receive)
        except ClientGone:
            return
        if not self._state.credentials.accepts(authorization):
            counts.unauthorised += 1
            await _write(send, _say(401, 401, "invalid or expired token", ((b"www-authenticate", b"Bearer"),)))
        elif body is None:
            await _write(send, _say(413, 413, f"the body is longer than {MAX_BODY} bytes"))
        elif (refusal := self._refusal(scope, headers, body)) is not None:
            await _write(send, refusal)
        else:
            await self._take(body, headers.get(b"idempotency-key"), scope, receive, send)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes], body: bytes) -> Answer | None:
        """Why the request's common parameters are refused; None if they are right, or not checked."""
        parameters = self._state.parameters
        if parameters is None:
            return None
        refusal = parameters.refuse(
            Request(
                scope["raw_path"].decode("latin-1"),
                scope["query_string"].decode("latin-1"),
                {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()},
                body,
            )
        )
        if refusal is None:
            return None
        self._state.memory.refuse(refusal)
        self._state.memory.counts.codes[FORBIDDEN] += 1
        text = "" if refusal.text is None else f": {refusal.text}"
        return self._say(FORBIDDEN, FORBIDDEN, f"invalid parameters: {refusal.reason}{text}")

    async def _take(self, body: bytes, header: bytes | None, scope: Scope, receive: Receive, send: Send) -> None:
        state = self._state
        check_parameters = state.parameters
        message = state.contract.parse(body if check_parameters is None else check_parameters.without_constants(body))
        if not isinstance(message, Message):
            state.memory.counts.refused += 1
            state.memory.counts.codes[message.code] += 1
            await _write(send, self._say(200, message.code, message.message))
            return
        key = _key(header)
        if key == "":
            await _write(send, _say(400, 400, "Idempotency-Key is empty or too long"))
            return
        state.memory.arrive(message.to)
        state.in_flight += 1
        try:
            await self._exchange(message, key, body, scope, receive, send)
        finally:
            state.in_flight -= 1
            state.memory.leave(message.to)

    async def _exchange(
        self, message: Message, key: str | None, body: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Idempotency first, then faults and limits, then the message itself."""
        state = self._state
        entry: Entry | None = None
        attempt = 1
        if key is not None:
            claim, entry = state.memory.claim(key, message.to, body)
            attempt = entry.attempts
            known = self._known(claim, entry)
            if known is not None:
                await _write(send, known)
                return
        try:
            request = Arriving(message.to, state.next_number(), attempt, state.plan_seconds())
            rule = state.plan.choose(request, state.rng)
            await _wait(_latency(rule, state.plan.latency), state.rng())
            if rule is None or not rule.replaces_reply:
                await _write(send, self._decide(message, key, entry))
                return
            state.memory.counts.faults += 1
            if rule.accepted:
                self._decide(message, key, entry)
            await self._misbehave(rule, scope, receive, send)
        finally:
            if entry is not None:
                entry.running = False

    def _known(self, claim: Claim, entry: Entry) -> Answer | None:
        """The reply to a key that is known already (IETF draft `Idempotency-Key`, section 2.6 and 2.7)."""
        counts = self._state.memory.counts
        if claim is Claim.RUNNING:
            counts.in_progress += 1
            return _say(409, 409, "the first request with this Idempotency-Key is still running")
        if claim is Claim.OTHER_BODY:
            counts.key_reused += 1
            return _say(422, 422, "this Idempotency-Key came with another body before")
        if entry.reply is not None:
            counts.repeats += 1
            return Answer(entry.reply, ((b"idempotent-replayed", b"true"),))
        return None

    def _decide(self, message: Message, key: str | None, entry: Entry | None) -> Answer:
        """Take the message or refuse it; a final answer is kept for the key's next request."""
        state = self._state
        now = state.clock()
        too_much = state.meter.refuse(message.to, state.in_flight, now)
        if too_much is not None:
            state.memory.counts.codes[too_much.code] += 1
            retry = ((b"retry-after", b"%d" % too_much.retry_after),) if too_much.retry_after is not None else ()
            return self._say(too_much.status, too_much.code, too_much.message, retry)
        refused = check(message, state.templates)
        if refused is None:
            state.memory.receive(message, key, now)
            answer = Answer(Kept(200, state.contract.write_reply(ACCEPTED, "")))
        else:
            state.memory.counts.refused += 1
            answer = self._say(200, refused.code, refused.message)
        state.memory.counts.codes[ACCEPTED if refused is None else refused.code] += 1
        if entry is not None:
            entry.reply = answer.kept
        return answer

    async def _misbehave(self, rule: FaultRule, scope: Scope, receive: Receive, send: Send) -> None:
        """What the rule says instead of a reply."""
        if rule.do == "reply":
            await _write(send, self._scripted(rule))
            return
        if rule.do == "cut_short":
            await send({"type": "http.response.start", "status": 200, "headers": [_JSON, (b"content-length", b"12")]})
            await send({"type": "http.response.body", "body": b'{"co', "more_body": True})
        if rule.do != "hang":
            self._state.connections.end(scope, _ENDINGS[rule.do])
        while (await receive())["type"] != "http.disconnect":
            pass

    def _say(self, status: int, code: int, summary: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
        return Answer(Kept(status, self._state.contract.write_reply(code, summary)), headers)

    def _scripted(self, rule: FaultRule) -> Answer:
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in rule.headers.items()]
        if rule.retry_after is not None:
            headers.append((b"retry-after", b"%d" % rule.retry_after))
        if rule.retry_after_date is not None:
            date = formatdate(self._state.clock() + rule.retry_after_date, usegmt=True)
            headers.append((b"retry-after", date.encode()))
        status = rule.status or 200
        if rule.body is not None:
            return Answer(Kept(status, rule.body.encode()), tuple(headers))
        code = rule.code if rule.code is not None else status
        self._state.memory.counts.codes[code] += 1
        return self._say(status, code, "a scripted fault", tuple(headers))


def _key(header: bytes | None) -> str | None:
    """The key without its quotes (an RFC 8941 string); a bare one is used unchanged; an empty text means unusable."""
    if header is None:
        return None
    text = header.decode("latin-1").strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':  # noqa: PLR2004 - both quotes
        text = text[1:-1]
    return text if len(text) <= MAX_KEY else ""


def _latency(rule: FaultRule | None, usual: Latency) -> Latency:
    return usual if rule is None or rule.latency is None else rule.latency


async def _wait(latency: Latency, rng: float) -> None:
    seconds = latency.draw(rng)
    if seconds > 0:
        await asyncio.sleep(seconds)


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None where it is too long."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= MAX_BODY:
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientGone
    return body if len(body) <= MAX_BODY else None


def _say(status: int, code: int, summary: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    """A refusal of the request as such, before its body is read."""
    return Answer(Kept(status, write_reply(code, summary)), headers)


async def _write(send: Send, answer: Answer) -> None:
    status, body = answer.kept
    headers = [_JSON, (b"content-length", b"%d" % len(body)), *answer.headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
