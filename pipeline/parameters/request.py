"""Builds the common parameters of one attempt from its body, the time and random values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import NamedTuple

from pipeline.parameters.encoding import Pair, decoded_query, percent_encoded
from pipeline.parameters.signature import Sign
from pipeline.parameters.signed_text import Field, Part, Slot, Values, parts_of
from pipeline.parameters.timestamp import SECONDS, timestamp_writer

METHOD = "POST"


class Place(NamedTuple):
    """Where a parameter goes: into the query or into a header."""

    name: str
    in_header: bool


class Timestamp(NamedTuple):
    """The time of the attempt."""

    place: Place
    format: str = SECONDS
    zone: tzinfo = UTC


class Signature(NamedTuple):
    """What is signed, and how."""

    place: Place
    over: str
    sign: Sign
    secret: str | None = None
    """For `{secret}` in `over`."""
    encoded: bool = False
    keep_empty: bool = False
    body_as: str | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Signature(place={self.place!r}, over={self.over!r})"


class Definition(NamedTuple):
    """The common parameters of one API."""

    path: str
    """Of the request line, percent-encoded."""
    query: str = ""
    """Of the request line, percent-encoded: the parameters that are the same in every request."""
    headers: Mapping[str, str] = {}
    body: Mapping[str, object] = {}
    """Constants that are added to the body's JSON object."""
    timestamp: Timestamp | None = None
    nonce: Place | None = None
    request_id: Place | None = None
    signature: Signature | None = None


class Random(NamedTuple):
    """Random texts of one attempt."""

    nonce: str
    request_id: str


class Attempt(NamedTuple):
    """What one attempt sends beside what is the same in every request."""

    query: str
    """Percent-encoded, with the leading `?` or `&`; empty if nothing is added to the query."""
    headers: Sequence[Pair]
    body: bytes


class RequestParameters:
    """Computes the parameters of each attempt."""

    def __init__(self, definition: Definition) -> None:
        """Fill in everything that is the same in every request.

        Raises:
            ValueError: a placeholder of the text to sign has no value.
        """
        self._between = "&" if definition.query else "?"
        self._written = _timestamp_of(definition.timestamp)
        self._query: list[tuple[str, Field]] = []
        self._headers: list[tuple[str, Field]] = []
        for place, field in _changing(definition):
            (self._headers if place.in_header else self._query).append(
                (place.name if place.in_header else f"{percent_encoded(place.name)}=", field)
            )
        self._body_end = _body_end(definition.body)
        self._signature = definition.signature
        parts = () if self._signature is None else parts_of(self._signature.over, _values(definition, self._signature))
        self._parts: tuple[bytes | Slot, ...] = tuple(
            part.encode() if isinstance(part, str) else part for part in parts
        )
        fields = {part.field for part in parts if isinstance(part, Slot)}
        self._hashes = [(field, _HASHES[field]) for field in (Field.BODY_SHA256, Field.BODY_MD5) if field in fields]

    def body(self, body: bytes) -> bytes:
        """The body with the constants added: the same bytes for every attempt.

        Raises:
            ValueError: the body is not a JSON object, so that nothing can be added.
        """
        if not self._body_end:
            return body
        if body[:1] != b"{" or body[-1:] != b"}":
            raise ValueError("constants can only be added to a body that is a JSON object")
        return body[:-1] + (self._body_end if body != b"{}" else self._body_end[1:])

    def attempt(self, body: bytes, at: float, random: Random) -> Attempt:
        """The parameters of an attempt at `at` (seconds since the epoch).

        Raises:
            ValueError: as `body`.
        """
        body = self.body(body)
        values = {
            Field.TIMESTAMP: self._written(at),
            Field.NONCE: random.nonce,
            Field.REQUEST_ID: random.request_id,
        }
        query = [name + percent_encoded(values[field]) for name, field in self._query]
        headers = [(name, values[field]) for name, field in self._headers]
        signature = self._signature
        if signature is not None:
            signed = signature.sign(self._signed(values, body))
            if signature.place.in_header:
                headers.append((signature.place.name, signed))
            else:
                query.append(f"{percent_encoded(signature.place.name)}={percent_encoded(signed)}")
        return Attempt(self._between + "&".join(query) if query else "", headers, body)

    def _signed(self, values: dict[Field, str], body: bytes) -> bytes:
        for field, digest in self._hashes:
            values[field] = digest(body)
        return b"".join([part if isinstance(part, bytes) else _filled(part, values, body) for part in self._parts])


class Received(NamedTuple):
    """A request as a server receives it."""

    path: str
    query: str
    """Percent-encoded, without the signature."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    values: Mapping[Field, str]
    """Timestamp, nonce and request id, where it has them."""


def received_text(signature: Signature, received: Received) -> bytes:
    """The text that must have been signed, from the request alone: how a server checks a signature.

    Raises:
        ValueError: the request lacks something that is signed.
    """
    parts = parts_of(
        signature.over,
        Values(
            METHOD,
            received.path,
            decoded_query(received.query),
            received.headers,
            frozenset(received.values),
            signature.secret,
            encoded=signature.encoded,
            keep_empty=signature.keep_empty,
            body_as=signature.body_as,
        ),
    )
    values = {**received.values, **{field: digest(received.body) for field, digest in _HASHES.items()}}
    return b"".join(part.encode() if isinstance(part, str) else _filled(part, values, received.body) for part in parts)


def _filled(slot: Slot, values: Mapping[Field, str], body: bytes) -> bytes:
    if slot.field is Field.BODY:
        return percent_encoded(body.decode()).encode() if slot.encoded else body
    value = values[slot.field]
    return (percent_encoded(value) if slot.encoded else value).encode()


_HASHES: Mapping[Field, Callable[[bytes], str]] = {
    Field.BODY_SHA256: lambda body: hashlib.sha256(body).hexdigest(),
    Field.BODY_MD5: lambda body: hashlib.md5(body, usedforsecurity=False).hexdigest(),
}


def _timestamp_of(timestamp: Timestamp | None) -> Callable[[float], str]:
    return timestamp_writer(*((SECONDS, UTC) if timestamp is None else (timestamp.format, timestamp.zone)))


def _changing(definition: Definition) -> list[tuple[Place, Field]]:
    timestamp = definition.timestamp
    places = (
        (None if timestamp is None else timestamp.place, Field.TIMESTAMP),
        (definition.nonce, Field.NONCE),
        (definition.request_id, Field.REQUEST_ID),
    )
    return [(place, field) for place, field in places if place is not None]


def _values(definition: Definition, signature: Signature) -> Values:
    changing = _changing(definition)
    query: list[tuple[str, Part]] = [*decoded_query(definition.query)]
    query += [(place.name, Slot(field)) for place, field in changing if not place.in_header]
    headers: dict[str, Part] = {name.lower(): value for name, value in definition.headers.items()}
    headers |= {place.name.lower(): Slot(field) for place, field in changing if place.in_header}
    return Values(
        METHOD,
        definition.path,
        query,
        headers,
        frozenset(field for _, field in changing),
        signature.secret,
        encoded=signature.encoded,
        keep_empty=signature.keep_empty,
        body_as=signature.body_as,
    )


def _body_end(constants: Mapping[str, object]) -> bytes:
    """What replaces the closing brace of a body."""
    if not constants:
        return b""
    return b"," + json.dumps(dict(constants), ensure_ascii=False, separators=(",", ":")).encode()[1:]
