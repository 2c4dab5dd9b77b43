"""Makes the client of each API, with the configured transport."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.adapters.file_watch import FileWatch
from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.replaceable import ReplaceableNoticesApi
from pipeline.adapters.notices_api.shadow import WithheldNoticesApi
from pipeline.adapters.notices_api.tokens import StaticToken
from pipeline.bootstrap.apis import apis_of, key_of, proxy_of
from pipeline.bootstrap.parameters import attempt_parameters, constants
from pipeline.errors import ConfigurationError
from pipeline.ports import Api, Clock, NoticesApi, TokenSource
from pipeline.runtime.credentials import Credentials
from pipeline.settings import Settings
from pipeline.settings.certificates import authorities_if_given, client_certificate_if_given
from pipeline.settings.files import paths_of
from pipeline.settings.model import NoticesSettings

LINGER_SECONDS = 5.0
"""Beyond the timeout of a request, until a client that was replaced is closed."""


def make_apis(
    settings: Settings, tokens: Mapping[str, TokenSource], credentials: Credentials, clock: Clock
) -> tuple[Api, ...]:
    """Every API of the configuration with its source of `tokens`; for a shadow, ones that send nothing.

    Raises:
        ConfigurationError: as `notices_api`.
    """
    if settings.shadow:
        return tuple(Api(name, WithheldNoticesApi(), StaticToken("none")) for name in apis_of(settings))
    return tuple(
        Api(name, notices_api(api, key_of(name), credentials, clock), tokens[name])
        for name, api in apis_of(settings).items()
    )


def notices_api(notices: NoticesSettings, key: str, credentials: Credentials, clock: Clock) -> NoticesApi:
    """The HTTP client of the configured transport of the section `key`.

    If it reads any file (certificates, headers), it is made again when one of them changes.

    Raises:
        ConfigurationError: a certificate, a secret or a key cannot be read or used.
    """
    files = _transport_files(notices)
    if not files:
        return _client(notices, key, clock)
    watch = FileWatch(lambda: files)  # before the files are read
    api = ReplaceableNoticesApi(_client(notices, key, clock), notices.timeout_seconds + LINGER_SECONDS)

    def prepare() -> Callable[[], None]:
        client = _client(notices, key, clock)
        return lambda: api.use(client)

    credentials.add(key, watch.changed, prepare)
    return api


def _transport_files(notices: NoticesSettings) -> list[Path]:
    """Every file of the section but those of the token, which has its own source."""
    of_token = ("token_file", "oauth.")
    return [path for name, path in paths_of(notices) if not name.startswith(of_token)]


def _client(notices: NoticesSettings, key: str, clock: Clock) -> NoticesApi:
    fixed = constants(notices)
    options = HttpOptions(
        url=str(notices.url),
        timeout_seconds=notices.timeout_seconds,
        connect_timeout_seconds=notices.connect_timeout_seconds,
        headers=fixed.headers,
        query=fixed.query,
        parameters=attempt_parameters(notices, key, fixed, lambda: clock.now() + clock.correction()),
        idempotency_header=notices.idempotency_header,
        max_reply_bytes=notices.max_reply_bytes,
        code_path=notices.code_path,
        max_connections=notices.max_in_flight,
        max_connection_age_seconds=notices.max_connection_age_seconds,
        ca_pem=authorities_if_given(notices.ca_file),
        client_pem=client_certificate_if_given(notices.client_certificate_file, notices.client_key_file),
        proxy=proxy_of(notices, key, os.environ),
    )
    if notices.transport in {"auto", "loop"}:
        return LoopNoticesApi(options)
    if notices.transport == "httpx":
        from pipeline.adapters.notices_api.httpx import HttpxNoticesApi  # noqa: PLC0415 - loaded only where it is chosen

        return HttpxNoticesApi(options)
    try:
        from pipeline.adapters.notices_api.pyreqwest import PyreqwestNoticesApi  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"`{key}.transport` is pyreqwest, but {error.name} is not installed",
            hint="install the extra: pip install 'notice-pipeline[pyreqwest]'; the default transport needs none",
        ) from None
    return PyreqwestNoticesApi(options)
