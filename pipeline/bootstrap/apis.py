"""Which APIs the configuration names, and the proxy of each. Loads no client, because `config check` uses it."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.adapters.notices_api.proxy import environment_proxy, proxy_for, read_proxy
from pipeline.errors import ConfigurationError
from pipeline.model.notice import DEFAULT_API
from pipeline.settings import Settings
from pipeline.settings.model import NoticesSettings


def apis_of(settings: Settings) -> dict[str, NoticesSettings]:
    """The settings of each API by name, those of `notices` first."""
    return {DEFAULT_API: settings.notices, **settings.apis}


def key_of(name: str) -> str:
    """The key of an API's section in the configuration."""
    return name if name == DEFAULT_API else f"apis.{name}"


def proxy_of(notices: NoticesSettings, key: str, environ: Mapping[str, str]) -> str | None:
    """The proxy for requests to the API of the section `key`; None: there is none, or the host is excluded.

    Raises:
        ConfigurationError: the environment's is not an http or https proxy; the message does not hold it.
    """
    url, found, excluded = str(notices.url), str(notices.proxy) if notices.proxy else None, list(notices.no_proxy)
    if notices.proxy_from_environment:
        found, of_environment = environment_proxy(url, environ)
        excluded += of_environment
    chosen = proxy_for(url, found, excluded)
    if chosen is not None:
        try:
            read_proxy(chosen)
        except ValueError as error:
            raise ConfigurationError(f"`{key}`: the proxy cannot be used: {error}") from None
    return chosen
