"""Checks the common request parameters as a platform does: constants, timestamp, signature, and nonces used twice."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from pipeline.parameters.encoding import decoded_query
from pipeline.parameters.request import Definition, Place, Received, Signature, received_text
from pipeline.parameters.signed_text import Field
from pipeline.parameters.timestamp import timestamp_reader
from pipeline.phrases import marked, phrase

MAX_NONCES = 200_000
"""Nonces that are remembered; the oldest go first."""
MAX_TEXT = 4_000
"""Bytes of a text to sign that are shown."""
HIDDEN = "…"
_MISSING = marked("{what} is missing")
_OTHER = marked("{what} has another value")
_OLD = marked("the timestamp is {seconds:.0f} s old: more than {most:g} s")
_AHEAD = marked("the timestamp is {seconds:.0f} s ahead: more than {most:g} s")


class Refusal(NamedTuple):
    """Why a request is refused."""

    at: float
    """Seconds since the epoch."""
    reason: str
    text: str | None
    """The text that must be signed, without the secret; None if the signature is not the reason."""


class Request(NamedTuple):
    """What of a request is checked."""

    path: str
    query: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


class ParameterCheck:
    """Checks every request against one definition."""

    def __init__(self, definition: Definition, window_seconds: float, clock: Callable[[], float]) -> None:
        """A timestamp may differ from `clock` by `window_seconds`; a nonce is remembered for twice as long."""
        self._definition = definition
        self._window = window_seconds
        self._clock = clock
        self._constants = [(Place(name, in_header=True), value) for name, value in definition.headers.items()]
        self._constants += [(Place(name, in_header=False), value) for name, value in decoded_query(definition.query)]
        timestamp = definition.timestamp
        self._read = None if timestamp is None else timestamp_reader(timestamp.format, timestamp.zone)
        self._nonces: OrderedDict[str, float] = OrderedDict()

    def refuse(self, request: Request) -> Refusal | None:
        """Why the request is refused; None if everything is as it must be."""
        now = self._clock()
        query = dict(reversed(decoded_query(request.query)))
        reason = self._wrong_constant(request, query)
        values: dict[Field, str] = {}
        for place, field in self._changing():
            value = _value(place, request, query)
            if not value:
                reason = reason or phrase(_MISSING, what=_named(place))
            else:
                values[field] = value
        reason = reason or self._wrong_time(values.get(Field.TIMESTAMP), now)
        if reason is not None:
            return Refusal(now, reason, None)
        signature = self._definition.signature
        if signature is not None:
            refusal = _wrong_signature(signature, request, query, values, now)
            if refusal is not None:
                return refusal
        nonce = values.get(Field.NONCE)
        if nonce is not None and not self._is_new(nonce, now):
            return Refusal(now, phrase("the nonce {nonce} was used before", nonce=nonce[:64]), None)
        return None

    def without_constants(self, body: bytes) -> bytes:
        """The body as the notice has it: without the constants that every request adds."""
        constants = self._definition.body
        if not constants:
            return body
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body
        if not isinstance(parsed, dict):
            return body
        return orjson.dumps({key: value for key, value in parsed.items() if key not in constants})

    def _changing(self) -> list[tuple[Place, Field]]:
        timestamp = self._definition.timestamp
        places = (
            (None if timestamp is None else timestamp.place, Field.TIMESTAMP),
            (self._definition.nonce, Field.NONCE),
            (self._definition.request_id, Field.REQUEST_ID),
        )
        return [(place, field) for place, field in places if place is not None]

    def _wrong_constant(self, request: Request, query: Mapping[str, str]) -> str | None:
        for place, value in self._constants:
            found = _value(place, request, query)
            if found != value:
                return phrase(_MISSING if found is None else _OTHER, what=_named(place))
        if not self._definition.body:
            return None
        try:
            body = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return None  # refused for that, with its position
        for name, expected in self._definition.body.items():
            if not isinstance(body, dict) or name not in body:
                return phrase(_MISSING, what=phrase("the key {name} of the body", name=name))
            if body[name] != expected:
                return phrase(_OTHER, what=phrase("the key {name} of the body", name=name))
        return None

    def _wrong_time(self, timestamp: str | None, now: float) -> str | None:
        if timestamp is None or self._read is None:
            return None
        at = self._read(timestamp)
        if at is None:
            return phrase("the timestamp {timestamp!r} cannot be read", timestamp=timestamp[:64])
        if abs(now - at) <= self._window:
            return None
        return phrase(_OLD if at < now else _AHEAD, seconds=abs(now - at), most=self._window)

    def _is_new(self, nonce: str, now: float) -> bool:
        while self._nonces and next(iter(self._nonces.values())) < now - 2 * self._window:
            self._nonces.popitem(last=False)
        if nonce in self._nonces:
            return False
        self._nonces[nonce] = now
        if len(self._nonces) > MAX_NONCES:
            self._nonces.popitem(last=False)
        return True


def _wrong_signature(
    signature: Signature, request: Request, query: Mapping[str, str], values: Mapping[Field, str], now: float
) -> Refusal | None:
    given = _value(signature.place, request, query)
    if not given:
        return Refusal(now, phrase("{what}, the signature, is missing", what=_named(signature.place)), None)
    unsigned = request.query
    if not signature.place.in_header:
        parts = request.query.split("&")
        unsigned = "&".join(part for part in parts if dict(decoded_query(part)).keys() != {signature.place.name})
    try:
        text = received_text(signature, Received(request.path, unsigned, request.headers, request.body, values))
    except ValueError as error:
        return Refusal(now, phrase("the signature cannot be checked: {error}", error=error), None)
    if hmac.compare_digest(signature.sign(text).encode(), given.encode()):
        return None
    shown = text[:MAX_TEXT].decode("utf-8", "replace")
    if signature.secret is not None:
        shown = shown.replace(signature.secret, HIDDEN)
    return Refusal(now, phrase("the signature is not that of the text that must be signed"), shown)


def _value(place: Place, request: Request, query: Mapping[str, str]) -> str | None:
    return request.headers.get(place.name.lower()) if place.in_header else query.get(place.name)


def _named(place: Place) -> str:
    if place.in_header:
        return phrase("the header {name}", name=place.name)
    return phrase("the query parameter {name}", name=place.name)
