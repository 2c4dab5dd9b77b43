"""Makes the client of the notices API, with the configured transport, and the source of its token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.adapters.file_watch import FileWatch
from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.replaceable import ReplaceableNoticesApi
from pipeline.adapters.notices_api.shadow import WithheldNoticesApi
from pipeline.adapters.notices_api.tokens import FileToken, StaticToken, require_token
from pipeline.errors import ConfigurationError
from pipeline.ports import NoticesApi, TokenSource
from pipeline.runtime.credentials import Credentials
from pipeline.settings import Settings
from pipeline.settings.certificates import read_authorities, read_client_certificate
from pipeline.settings.files import paths_of
from pipeline.settings.model import NoticesSettings
from pipeline.settings.secrets import read_secret_file, reveal
from pipeline.settings.servers import OAuthSettings

LINGER_SECONDS = 5.0
"""Beyond the timeout of a request, until a client that was replaced is closed."""


def notices_api(settings: Settings, credentials: Credentials) -> NoticesApi:
    """The HTTP client of the configured transport; for a shadow, one that sends nothing.

    If it reads any file (certificates, headers), it is made again when one of them changes.

    Raises:
        ConfigurationError: a certificate or a header's file cannot be read.
    """
    if settings.shadow:
        return WithheldNoticesApi()
    notices = settings.notices
    files = _transport_files(notices)
    if not files:
        return _client(notices)
    watch = FileWatch(lambda: files)  # before the files are read
    api = ReplaceableNoticesApi(_client(notices), notices.timeout_seconds + LINGER_SECONDS)

    def prepare() -> Callable[[], None]:
        client = _client(notices)
        return lambda: api.use(client)

    credentials.add("notices", watch.changed, prepare)
    return api


def _transport_files(notices: NoticesSettings) -> list[Path]:
    """Every file of the section but those of the token, which has its own source."""
    of_token = ("token_file", "oauth.")
    return [path for key, path in paths_of(notices) if not key.startswith(of_token)]


def _client(notices: NoticesSettings) -> NoticesApi:
    secret_headers = {
        name: read_secret_file(path, f"header {name}") for name, path in notices.secret_headers_files.items()
    }
    options = HttpOptions(
        url=str(notices.url),
        timeout_seconds=notices.timeout_seconds,
        connect_timeout_seconds=notices.connect_timeout_seconds,
        headers={**notices.headers, **secret_headers},
        query=notices.query,
        idempotency_header=notices.idempotency_header,
        max_reply_bytes=notices.max_reply_bytes,
        code_path=notices.code_path,
        max_connections=notices.max_in_flight,
        ca_pem=read_authorities(notices.ca_file) if notices.ca_file else None,
        client_pem=(
            read_client_certificate(notices.client_certificate_file, notices.client_key_file)
            if notices.client_certificate_file
            else None
        ),
        proxy=str(notices.proxy) if notices.proxy else None,
    )
    transport = notices.transport
    if transport == "auto":
        transport = "loop" if options.proxy is None else "pyreqwest"
    if transport == "loop":
        return LoopNoticesApi(options)
    if transport == "httpx":
        from pipeline.adapters.notices_api.httpx import HttpxNoticesApi  # noqa: PLC0415 - loaded only where it is chosen

        return HttpxNoticesApi(options)
    from pipeline.adapters.notices_api.pyreqwest import PyreqwestNoticesApi  # noqa: PLC0415 - as above

    return PyreqwestNoticesApi(options)


def token_source(settings: Settings, credentials: Credentials) -> TokenSource:
    """The source of the token.

    Raises:
        ConfigurationError: the token's file, the client secret's or a certificate cannot be read.
    """
    if settings.shadow:
        return StaticToken("none")  # never sent; fetching a real one may end the live service's
    notices = settings.notices
    if notices.token is not None:
        return StaticToken(notices.token.get_secret_value())
    if notices.token_file is not None:
        return _file_token(notices.token_file, credentials)
    if notices.oauth is not None:
        return _oauth_token(notices.oauth, credentials)
    raise ConfigurationError("`notices`: no token: give one of token, token_file and oauth")


def _file_token(path: Path, credentials: Credentials) -> TokenSource:
    watch = FileWatch(lambda: [path])  # before the file is read
    require_token(path, _read_token)  # reported at start, not at the first event
    source = FileToken(path, _read_token)
    credentials.add("notices.token_file", watch.changed, source.replacement)
    return source


def _read_token(path: Path) -> str:
    return read_secret_file(path, "the token file")


def _oauth_token(oauth: OAuthSettings, credentials: Credentials) -> TokenSource:
    from pipeline.adapters.notices_api.oauth import (  # noqa: PLC0415 - its client is loaded only if used
        OAuthOptions,
        OAuthToken,
    )

    def options() -> OAuthOptions:
        return OAuthOptions(
            token_url=str(oauth.token_url),
            client_id=oauth.client_id,
            client_secret=reveal(oauth.client_secret, oauth.client_secret_file, "the client secret"),
            scope=oauth.scope,
            timeout_seconds=oauth.timeout_seconds,
            client_auth=oauth.client_auth,
            parameters=oauth.parameters,
            ca_pem=read_authorities(oauth.ca_file) if oauth.ca_file else None,
            client_pem=(
                read_client_certificate(oauth.client_certificate_file, oauth.client_key_file)
                if oauth.client_certificate_file
                else None
            ),
            proxy=str(oauth.proxy) if oauth.proxy else None,
        )

    files = [path for _, path in paths_of(oauth)]
    watch = FileWatch(lambda: files)  # before the files are read
    source = OAuthToken(options())
    if files:
        credentials.add("notices.oauth", watch.changed, lambda: source.replacement(options()))
    return source
