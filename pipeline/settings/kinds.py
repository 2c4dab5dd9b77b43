"""Types of values that several settings have, with their validation, and the base class of sections."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr, ValidationInfo

from pipeline.model.notice import DEFAULT_API

_TOPIC = r"^[a-zA-Z0-9._-]{1,249}$"
"""Kafka's `Topic.validate`, which also refuses `.` and `..`."""
_API_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
"""As ids of rules: it is in templates.yaml and in a label of metrics."""
_BROKER = re.compile(
    r"(?:(?:PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)://)?(?:\[[0-9A-Fa-f:.]+\]|[^\s:/,\[\]]+)(?::(\d{1,5}))?",
    re.IGNORECASE,
)
"""librdkafka's `bootstrap.servers`."""
_DEFAULT_PORT = 9_092
_MOST_PORT = 65_535
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""RFC 9110, section 5.1."""
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")
"""RFC 9110, section 5.5, ASCII only: clients disagree on other bytes."""
_TOKEN = re.compile(r"[\x21-\x7e]+")
_OURS = frozenset({"authorization", "connection", "content-length", "content-type", "host", "transfer-encoding"})
"""Headers that the service or its HTTP client writes itself."""


class Section(BaseModel):
    """A part of the configuration: immutable; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    """Resolve a relative path against the folder of the configuration file, not the working directory."""
    base = (info.context or {}).get("base")
    return base / path if base is not None else path


def _topic(name: str) -> str:
    if re.fullmatch(_TOPIC, name) is None or name in {".", ".."}:
        raise ValueError("is not a valid topic name: letters, digits, `.`, `_` and `-`, at most 249")
    return name


def _group(name: str) -> str:
    if name.strip() != name or not name.isprintable():
        raise ValueError("must not begin or end with white space, or contain a line break: it would be another group")
    return name


def _brokers(text: str) -> str:
    for address in text.split(","):
        found = _BROKER.fullmatch(address.strip())
        if found is None or not 0 < int(found[1] or _DEFAULT_PORT) <= _MOST_PORT:
            raise ValueError("must be addresses of brokers: host:port, separated by commas")
    return text


def _api_name(name: str) -> str:
    if re.fullmatch(_API_NAME, name) is None:
        raise ValueError(
            "is not a valid name of an API: lowercase letters, digits, `-` and `_`, at most 64 of them, beginning with "
            "a letter or digit"
        )
    if name == DEFAULT_API:
        raise ValueError(f"is the name of the API under `{DEFAULT_API}`; give this one another")
    return name


def _replicas(number: int) -> int:
    if number == 0 or number < -1:
        raise ValueError("must be 1 or more, or -1 for the broker's default")
    return number


def _header_name(name: str) -> str:
    if _HEADER_NAME.fullmatch(name) is None:
        raise ValueError("is not a valid header name: letters, digits and -")
    return name


def _free_header_name(name: str) -> str:
    if name.lower() in _OURS:
        raise ValueError("is written by the service itself; leave it out")
    return _header_name(name)


def is_header_value(text: str) -> bool:
    """Whether the text can be the value of a header."""
    return _HEADER_VALUE.fullmatch(text) is not None


def _header_value(value: str) -> str:
    if not is_header_value(value):
        raise ValueError("is not a valid header value: it is empty, or has characters that are not printable ASCII")
    return value


def is_token(text: str) -> bool:
    """Whether the text can be a bearer token."""
    return _TOKEN.fullmatch(text) is not None


def _token(token: SecretStr) -> SecretStr:
    if not is_token(token.get_secret_value()):
        raise ValueError("is not a valid token: it is empty, or has characters that are not printable ASCII")
    return token


def _with_port(url: HttpUrl) -> HttpUrl:
    if url.port == 0:
        raise ValueError("must not have port 0: nothing listens there")
    return url


def _without_user(url: HttpUrl) -> HttpUrl:
    if url.username is not None or url.password is not None:
        raise ValueError("must not contain a user name or password: the API gets the token only")
    if url.fragment is not None:
        raise ValueError("must not contain `#`: what follows it is not sent")
    return url


def _no_proxy(entry: str) -> str:
    if not entry or not entry.isascii() or any(character in entry for character in " ,@"):
        raise ValueError("must be one host, domain, address or network: a list has an item for each")
    if "://" in entry:
        raise ValueError("must be a host without http:// or https://")
    if "*" in entry and entry != "*" and not entry.startswith("*."):
        raise ValueError("`*` stands alone, or at the beginning of a domain: *.example.com")
    if "/" in entry:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            raise ValueError("is not a network: write an address and its bits, 10.0.0.0/8") from None
    return entry


FilePath = Annotated[Path, AfterValidator(_beside_the_file)]
Port = Annotated[int, Field(ge=0, le=_MOST_PORT)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
ApiName = Annotated[str, AfterValidator(_api_name), Field(json_schema_extra={"pattern": _API_NAME})]
"""Name of an API other than that of `notices`."""
TopicName = Annotated[str, AfterValidator(_topic), Field(json_schema_extra={"pattern": _TOPIC})]
GroupName = Annotated[str, AfterValidator(_group)]
Brokers = Annotated[str, Field(min_length=1), AfterValidator(_brokers)]
FreeHeaderName = Annotated[str, AfterValidator(_free_header_name)]
"""Name of a header that the user may choose."""
HeaderValue = Annotated[str, AfterValidator(_header_value)]
NoProxy = Annotated[str, AfterValidator(_no_proxy)]
Token = Annotated[SecretStr, AfterValidator(_token)]
RecipientName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
RecipientId = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^\S+$")]
"""A recipient's id on the platform."""
Replicas = Annotated[int, AfterValidator(_replicas), Field(json_schema_extra={"minimum": -1, "not": {"const": 0}})]
ServerUrl = Annotated[HttpUrl, AfterValidator(_with_port)]
ApiUrl = Annotated[ServerUrl, AfterValidator(_without_user)]
