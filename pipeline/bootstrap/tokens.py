"""Makes the source of the bearer token."""

from __future__ import annotations

from pathlib import Path

from pipeline.adapters.file_watch import FileWatch
from pipeline.adapters.notices_api.tokens import FileToken, StaticToken, require_token
from pipeline.errors import ConfigurationError
from pipeline.ports import TokenSource
from pipeline.runtime.credentials import Credentials
from pipeline.settings.certificates import authorities_if_given, client_certificate_if_given
from pipeline.settings.files import paths_of
from pipeline.settings.model import NoticesSettings
from pipeline.settings.secrets import read_secret_file, reveal
from pipeline.settings.servers import OAuthSettings


def token_source(notices: NoticesSettings, key: str, credentials: Credentials) -> TokenSource:
    """The source of the token of the section `key`.

    Raises:
        ConfigurationError: the token's file, the client secret's or a certificate cannot be read.
    """
    if notices.token is not None:
        return StaticToken(notices.token.get_secret_value())
    if notices.token_file is not None:
        return _file_token(notices.token_file, key, credentials)
    if notices.oauth is not None:
        return oauth_token(notices.oauth, key, credentials)
    raise ConfigurationError(f"`{key}`: no token: give one of token, token_file and oauth")


def _file_token(path: Path, key: str, credentials: Credentials) -> TokenSource:
    watch = FileWatch(lambda: [path])  # before the file is read
    require_token(path, _read_token)  # reported at start, not at the first event
    source = FileToken(path, _read_token)
    credentials.add(f"{key}.token_file", watch.changed, source.replacement)
    return source


def _read_token(path: Path) -> str:
    return read_secret_file(path, "the token file")


def oauth_token(oauth: OAuthSettings, key: str, credentials: Credentials) -> TokenSource:
    """The token endpoint of the section `key`, whose secret and certificates `credentials` reads again.

    Raises:
        ConfigurationError: the client secret or a certificate cannot be read.
    """
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
            ca_pem=authorities_if_given(oauth.ca_file),
            client_pem=client_certificate_if_given(oauth.client_certificate_file, oauth.client_key_file),
            proxy=str(oauth.proxy) if oauth.proxy else None,
        )

    files = [path for _, path in paths_of(oauth)]
    watch = FileWatch(lambda: files)  # before the files are read
    source = OAuthToken(options())
    if files:
        credentials.add(f"{key}.oauth", watch.changed, lambda: source.replacement(options()))
    return source
