"""Makes the common request parameters of the configuration: reads secrets and keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from pipeline.adapters.notices_api.parameters import AttemptParameters
from pipeline.errors import ConfigurationError
from pipeline.parameters.request import Definition, RequestParameters, Signature, Timestamp
from pipeline.parameters.signature import signer
from pipeline.parameters.timestamp import zone
from pipeline.settings.model import NoticesSettings
from pipeline.settings.parameters import SignSettings
from pipeline.settings.secrets import read_secret_file, read_secret_header, reveal

BELOW = "parameters"
"""Of a section `notices` or `apis.NAME`."""


class Constants(NamedTuple):
    """What is the same in every request. Values may be secret."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, object]

    def __repr__(self) -> str:
        """Without values."""
        return f"Constants(headers={sorted(self.headers)}, query={sorted(self.query)}, body={sorted(self.body)})"


def constants(notices: NoticesSettings) -> Constants:
    """The constant headers, query parameters and keys of the body, in the order of sending.

    Raises:
        ConfigurationError: a secret's file cannot be read.
    """
    parameters = notices.parameters

    def read(files: Mapping[str, object], what: str) -> dict[str, str]:
        return {name: read_secret_file(path, f"{what} {name}") for name, path in files.items()}  # type: ignore[arg-type]

    secret_headers = {name: read_secret_header(path, name) for name, path in notices.secret_headers_files.items()}
    return Constants(
        {**notices.headers, **secret_headers, **parameters.headers},
        {**notices.query, **parameters.query, **read(parameters.secret_query_files, "query parameter")},
        {**parameters.body, **read(parameters.secret_body_files, "constant of the body")},
    )


def definition(notices: NoticesSettings, key: str, fixed: Constants) -> Definition:
    """What is computed for each attempt of the section `key`, with its secrets.

    Raises:
        ConfigurationError: a secret or key cannot be read or used.
    """
    parameters = notices.parameters
    url = urlsplit(str(notices.url))
    timestamp, nonce, request_id, sign = (
        parameters.timestamp,
        parameters.nonce,
        parameters.request_id,
        parameters.sign,
    )
    return Definition(
        path=url.path or "/",
        query="&".join(part for part in (url.query, urlencode(fixed.query, quote_via=quote)) if part),
        headers=fixed.headers,
        body=fixed.body,
        timestamp=None if timestamp is None else Timestamp(timestamp.place, timestamp.format, zone(timestamp.zone)),
        nonce=None if nonce is None else nonce.place,
        request_id=None if request_id is None else request_id.place,
        signature=None if sign is None else _signature(sign, key),
    )


def request_parameters(found: Definition, key: str) -> RequestParameters:
    """The builder of a definition, which is that of the section `key`.

    Raises:
        ConfigurationError: a placeholder of `over` has no value.
    """
    try:
        return RequestParameters(found)
    except ValueError as error:
        raise ConfigurationError(f"`{key}.{BELOW}.sign.over`: {error}") from None


def attempt_parameters(
    notices: NoticesSettings, key: str, fixed: Constants, wall_clock: Callable[[], float]
) -> AttemptParameters | None:
    """What computes the parameters of each attempt of the section `key`; None if nothing has to be computed.

    Raises:
        ConfigurationError: as `definition` and `request_parameters`.
    """
    parameters = notices.parameters
    if not parameters.is_computed:
        return None
    found = definition(notices, key, fixed)
    secret = found.signature.secret if found.signature is not None else None
    return AttemptParameters(
        request_parameters(found, key),
        wall_clock=wall_clock,
        random_bytes=secrets.token_bytes,
        nonce_length=parameters.nonce.length if parameters.nonce is not None else 32,
        confidential=[
            *(value for value in fixed.body.values() if isinstance(value, str)),
            *([secret] if secret else ()),
        ],
    )


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for below in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(below)


def parameter_faults(notices: NoticesSettings, key: str) -> list[tuple[str, str]]:
    """Key and message of what is wrong with the signature's secret or key, for `config check`.

    Files that are not on this machine are left out: they are reported as missing.
    """
    sign = notices.parameters.sign
    path = None if sign is None else sign.key_file or sign.secret_file
    if sign is not None and path is not None and path.is_file():
        try:
            _signature(sign, key)
        except ConfigurationError as error:
            return [(f"{key}.{BELOW}.sign.{'key_file' if sign.key_file else 'secret_file'}", error.message)]
    return []


def _signature(sign: SignSettings, key: str) -> Signature:
    secret = reveal(sign.secret, sign.secret_file, "the signing secret")
    private = None if sign.key_file is None else read_secret_file(sign.key_file, "the signing key")
    try:
        compute = signer(sign.algorithm, sign.encode, secret, private)
    except ValueError as error:
        raise ConfigurationError(f"{sign.key_file or f'`{key}.{BELOW}.sign`'}: {error}") from None
    return Signature(
        sign.place,
        sign.over,
        compute,
        secret,
        encoded=sign.query_values == "encoded",
        keep_empty=sign.empty_values == "keep",
        body_as=sign.body_as,
    )
