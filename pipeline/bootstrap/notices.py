"""Makes the client of the notices API, with the configured transport, and the source of its token."""

from __future__ import annotations

from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.shadow import WithheldNoticesApi
from pipeline.adapters.notices_api.tokens import FileToken, StaticToken
from pipeline.errors import ConfigurationError
from pipeline.ports import NoticesApi, TokenSource
from pipeline.settings import Settings
from pipeline.settings.secrets import read_secret_file, reveal


def notices_api(settings: Settings) -> NoticesApi:
    """The HTTP client of the configured transport; for a shadow, one that sends nothing.

    Raises:
        ConfigurationError: a certificate or a header's file cannot be read.
    """
    if settings.shadow:
        return WithheldNoticesApi()
    notices = settings.notices
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
        ca_pem=read_secret_file(notices.ca_file, "the CA file").encode() if notices.ca_file else None,
        client_pem=(
            read_secret_file(notices.client_certificate_file, "the client certificate").encode()
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


def token_source(settings: Settings) -> TokenSource:
    """The source of the token.

    Raises:
        ConfigurationError: the client secret's file cannot be read.
    """
    if settings.shadow:
        return StaticToken("none")  # never sent; fetching a real one may end the live service's
    notices = settings.notices
    if notices.token is not None:
        return StaticToken(notices.token.get_secret_value())
    if notices.token_file is not None:
        read_secret_file(notices.token_file, "the token file")  # reported at start, not at the first event
        return FileToken(notices.token_file, lambda path: read_secret_file(path, "the token file"))
    if notices.oauth is not None:
        from pipeline.adapters.notices_api.oauth import (  # noqa: PLC0415 - its client is loaded only if used
            OAuthOptions,
            OAuthToken,
        )

        oauth = notices.oauth
        secret = reveal(oauth.client_secret, oauth.client_secret_file, "the client secret")
        return OAuthToken(OAuthOptions(str(oauth.token_url), oauth.client_id, secret or "", oauth.scope))
    raise ConfigurationError("`notices`: no token: give one of token, token_file and oauth")
