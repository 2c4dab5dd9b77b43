"""Settings of the common request parameters (`notices.parameters`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, JsonValue, SecretStr, field_validator, model_validator

from pipeline.parameters.encoding import encoded_query
from pipeline.parameters.request import Definition, Place, RequestParameters, Signature, Timestamp
from pipeline.parameters.signature import Algorithm, Encode
from pipeline.parameters.signed_text import placeholders
from pipeline.parameters.timestamp import check_format, zone
from pipeline.settings.conflicts import at_most_one
from pipeline.settings.kinds import FilePath, FreeHeaderName, HeaderValue, Section

if TYPE_CHECKING:
    from pipeline.settings.model import NoticesSettings

CONTRACT_KEYS = frozenset({"to", "template", "url", "data"})
"""Keys of the body that the notice itself has (contract C1)."""
TRACE_HEADERS = frozenset({"traceparent", "tracestate"})
PRESETS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "sorted-md5": {
        "timestamp": {"query": "timestamp"},
        "nonce": {"query": "nonce"},
        "sign": {"query": "sign", "algorithm": "md5", "over": "{query}&key={secret}", "encode": "HEX"},
    },
    "hmac-sha256": {
        "timestamp": {"header": "X-Timestamp"},
        "sign": {
            "header": "X-Signature",
            "algorithm": "hmac-sha256",
            "over": "{method}\n{path}\n{timestamp}\n{body_sha256}",
            "encode": "hex",
        },
    },
    "rsa-sha256": {
        "timestamp": {"query": "timestamp", "format": "%Y-%m-%d %H:%M:%S", "zone": "Asia/Shanghai"},
        "sign": {
            "query": "sign",
            "algorithm": "rsa-sha256",
            "over": "{query}",
            "encode": "base64",
            "body_as": "biz_content",
        },
    },
}
"""By name: what is filled in where the configuration has nothing. Described in docs/request-parameters.md."""
_SECTIONS = ("timestamp", "nonce", "request_id", "sign")


def _query_name(name: str) -> str:
    if not name or not name.isprintable():
        raise ValueError("is not a valid parameter name: it is empty, or has characters that cannot be printed")
    return name


def _body_name(name: str) -> str:
    if name in CONTRACT_KEYS:
        raise ValueError("is a key of the notice itself (to, template, url, data); choose another name")
    return name


QueryName = Annotated[str, AfterValidator(_query_name)]
BodyName = Annotated[str, AfterValidator(_body_name), Field(min_length=1)]


class PlacedSettings(Section):
    """A parameter that is computed for each attempt; it goes into the query or into a header."""

    query: QueryName | None = Field(None, description="Name of the query parameter. Give this or `header`.")
    header: FreeHeaderName | None = Field(None, description="Name of the header. Give this or `query`.")

    @model_validator(mode="before")
    @classmethod
    def _not_in_the_body(cls, given: object) -> object:
        if isinstance(given, Mapping) and "body" in given:
            raise ValueError(
                "cannot be in the body: it changes with each attempt, and the body and its idempotency key must not; "
                "give `query` or `header`"
            )
        return given

    @model_validator(mode="after")
    def _in_one_place(self) -> PlacedSettings:
        if at_most_one(self, "query", "header") is None:
            raise ValueError("give the parameter's name as `query` or as `header`")
        return self

    @property
    def place(self) -> Place:
        """Where the parameter goes."""
        return Place(self.header or self.query or "", self.header is not None)


class TimestampSettings(PlacedSettings):
    """The time of the attempt."""

    format: str = Field(
        "s",
        description="`s`: seconds since 1970, `ms`: milliseconds, or a format such as `%Y-%m-%d %H:%M:%S` "
        "(%Y %y %m %d %j %H %M %S %f %z).",
    )
    zone: str = Field("UTC", description="IANA time zone of a timestamp that is a text, such as Asia/Shanghai.")

    @field_validator("format")
    @classmethod
    def _whole_time(cls, text: str) -> str:
        check_format(text)
        return text

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        zone(name)
        return name


class NonceSettings(PlacedSettings):
    """A random text that is used once."""

    length: int = Field(32, ge=8, le=128, description="Length of the nonce: hexadecimal digits.")


class RequestIdSettings(PlacedSettings):
    """A random UUID for each attempt. The idempotency key is separate and stays the same."""


class SignSettings(PlacedSettings):
    """The signature: an HMAC, a hash or an RSA signature of a text."""

    algorithm: Algorithm = Field(description="How the text is signed.")
    over: str = Field(
        description="Text that is signed, with placeholders: `{method}`, `{path}`, `{query}` (sorted), "
        "`{query_concatenated}`, `{timestamp}`, `{nonce}`, `{request_id}`, `{body}`, `{body_sha256}`, `{body_md5}`, "
        "`{secret}`, `{query.NAME}`, `{header.NAME}`. `{{` is a brace.",
        min_length=1,
    )
    encode: Encode = Field(Encode.HEX, description="How the signature is written; `HEX` is in upper case.")
    secret: SecretStr | None = Field(None, description="Secret of an HMAC or a hash.", min_length=1)
    secret_file: FilePath | None = Field(None, description="File with the secret.")
    key_file: FilePath | None = Field(
        None, description="PEM file with the RSA private key (PKCS#8 or PKCS#1, without a password)."
    )
    query_values: Literal["decoded", "encoded"] = Field(
        "decoded", description="Whether `{query}` has names and values decoded or percent-encoded (RFC 3986)."
    )
    empty_values: Literal["skip", "keep"] = Field(
        "skip", description="Whether `{query}` has parameters with an empty value."
    )
    body_as: QueryName | None = Field(
        None, description="Name under which the body takes part in `{query}`, as `biz_content` does at Alipay."
    )

    @field_validator("over")
    @classmethod
    def _known_placeholders(cls, text: str) -> str:
        placeholders(text)
        return text

    @model_validator(mode="after")
    def _secret_fits(self) -> SignSettings:
        given = at_most_one(self, "secret", "secret_file", "key_file")
        uses_secret = "secret" in placeholders(self.over)
        if self.algorithm.is_rsa:
            if given != "key_file":
                raise ValueError("rsa-sha256 signs with a private key: give key_file")
            if uses_secret:
                raise ValueError("{secret} in `over`: rsa-sha256 has a key and no secret")
            return self
        if given not in {"secret", "secret_file"}:
            raise ValueError(f"{self.algorithm} needs a secret: give secret_file (or secret)")
        if not self.algorithm.is_keyed and not uses_secret:
            raise ValueError(
                f"{self.algorithm} is a plain hash: without {{secret}} in `over` anyone can compute the signature"
            )
        return self


class ParameterSettings(Section):
    """Common request parameters: constants, timestamp, nonce, request id, signature."""

    preset: Literal["sorted-md5", "hmac-sha256", "rsa-sha256"] | None = Field(
        None, description="Family whose timestamp, nonce and signature are filled in where they are not given."
    )
    query: dict[QueryName, str] = Field(default_factory=dict, description="Constant query parameters.")
    secret_query_files: dict[QueryName, FilePath] = Field(
        default_factory=dict, description="Constant query parameters whose value is the content of a file."
    )
    headers: dict[FreeHeaderName, HeaderValue] = Field(default_factory=dict, description="Constant headers.")
    body: dict[BodyName, JsonValue] = Field(
        default_factory=dict, description="Constants that are added to the body beside `to`, `template`, `url`, `data`."
    )
    secret_body_files: dict[BodyName, FilePath] = Field(
        default_factory=dict, description="Constant texts in the body whose value is the content of a file."
    )
    timestamp: TimestampSettings | None = Field(None, description="The time of the attempt.")
    nonce: NonceSettings | None = Field(None, description="A random text that is used once.")
    request_id: RequestIdSettings | None = Field(None, description="A random UUID for each attempt.")
    sign: SignSettings | None = Field(None, description="The signature.")

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        preset = PRESETS.get(str(given.get("preset")))
        if preset is None:
            return given
        merged = dict(given)
        for name, defaults in preset.items():
            own = given.get(name, {})
            if isinstance(own, Mapping):
                is_placed = "query" in own or "header" in own
                used = {key: value for key, value in defaults.items() if not (is_placed and key in {"query", "header"})}
                merged[name] = {**used, **own}
        return merged

    @field_validator("body")
    @classmethod
    def _is_json(cls, constants: dict[str, JsonValue]) -> dict[str, JsonValue]:
        json.dumps(constants, allow_nan=False)
        return constants

    @model_validator(mode="after")
    def _each_once(self) -> ParameterSettings:
        for one, other in (("query", "secret_query_files"), ("body", "secret_body_files")):
            both = sorted(getattr(self, one).keys() & getattr(self, other).keys())
            if both:
                raise ValueError(f"{both[0]} is in both {one} and {other}: give it once")
        return self

    @property
    def is_computed(self) -> bool:
        """Whether anything must be computed for each attempt, or added to the body."""
        return bool(self.body or self.secret_body_files or any(getattr(self, name) is not None for name in _SECTIONS))


def check_request(notices: NoticesSettings, key: str) -> None:
    """Check what a request of the section `key` has from several settings.

    Raises:
        ValueError: as the two functions below, with the key of this section.
    """
    try:
        parameters_apart(notices)
        placeholders_have_values(notices)
    except ValueError as error:
        raise ValueError(str(error).replace("`notices.", f"`{key}.")) from None


def parameters_apart(notices: NoticesSettings) -> None:
    """Check that no query parameter and no header of a request is given twice.

    Raises:
        ValueError: the message begins with the key of the second one.
    """
    known: dict[tuple[str, str], str] = {
        ("query parameter", name): "the query of `notices.url`"
        for name, _ in parse_qsl(urlsplit(str(notices.url)).query, keep_blank_values=True)
    }
    if notices.idempotency_header is not None:
        known["header", notices.idempotency_header.lower()] = "`notices.idempotency_header`"
    known |= {("header", name): "a header of traces" for name in TRACE_HEADERS}
    for kind, name, key in _given(notices):
        found = (kind, name.lower() if kind == "header" else name)
        if found in known:
            raise ValueError(f"`{key}`: the {kind} {name} is also {known[found]}; give it once")
        known[found] = f"`{key}`"


def placeholders_have_values(notices: NoticesSettings) -> None:
    """Check that each placeholder of the text to sign stands for something that the request has.

    Raises:
        ValueError: one does not; the message begins with the key of the text.
    """
    parameters, sign = notices.parameters, notices.parameters.sign
    if sign is None:
        return
    url = urlsplit(str(notices.url))
    names = (*notices.query, *parameters.query, *parameters.secret_query_files)
    headers = (*notices.headers, *notices.secret_headers_files, *parameters.headers)
    shape = Definition(
        path=url.path,
        query="&".join(part for part in (url.query, encoded_query((name, "x") for name in names)) if part),
        headers=dict.fromkeys(headers, "x"),
        timestamp=None if parameters.timestamp is None else Timestamp(parameters.timestamp.place),
        nonce=None if parameters.nonce is None else parameters.nonce.place,
        request_id=None if parameters.request_id is None else parameters.request_id.place,
        signature=Signature(sign.place, sign.over, lambda _: "", "x", body_as=sign.body_as),
    )
    try:
        RequestParameters(shape)
    except ValueError as error:
        raise ValueError(f"`notices.parameters.sign.over`: {error}") from None


def _given(notices: NoticesSettings) -> Iterator[tuple[str, str, str]]:
    """Kind, name and key in the configuration of everything that is added to a request."""
    parameters = notices.parameters
    for section, kind, names in (
        ("headers", "header", notices.headers),
        ("secret_headers_files", "header", notices.secret_headers_files),
        ("query", "query parameter", notices.query),
        ("parameters.headers", "header", parameters.headers),
        ("parameters.query", "query parameter", parameters.query),
        ("parameters.secret_query_files", "query parameter", parameters.secret_query_files),
    ):
        yield from ((kind, name, f"notices.{section}.{name}") for name in names)
    for name in _SECTIONS:
        placed = getattr(parameters, name)
        if placed is not None:
            place = placed.place
            kind, where = ("header", "header") if place.in_header else ("query parameter", "query")
            yield kind, place.name, f"notices.parameters.{name}.{where}"
    sign = parameters.sign
    if sign is not None and sign.body_as is not None:
        yield "query parameter", sign.body_as, "notices.parameters.sign.body_as"
