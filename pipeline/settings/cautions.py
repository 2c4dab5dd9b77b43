"""Settings that are valid and perhaps not meant: placeholders that nothing has replaced, and secrets sent in clear."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel, HttpUrl, SecretStr

from pipeline.origin import is_loopback

if TYPE_CHECKING:
    from pipeline.settings.model import Settings

_PLACEHOLDER = re.compile(
    r"\$\{[A-Za-z_]\w*(?::?[-?+][^}]*)?\}|\$\([A-Za-z_]\w*\)|\{\{[^{}]+\}\}|<[A-Z][A-Z_-]+>", re.ASCII
)
"""As shells, Compose, Kubernetes and Helm write them, and as documents do: `<TOKEN>`."""
_WRITTEN_BY_US = frozenset({"parameters"})
"""Settings whose texts have placeholders of our own."""


def unreplaced(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield key and message of each text with a placeholder: the configuration file is taken as it is."""
    for key, text in _texts(settings, ""):
        found = _PLACEHOLDER.search(text)
        if found is not None:
            yield (
                key,
                f"contains `{found[0]}`, which nothing replaces (use variables NOTICE_PIPELINE_…, or files)",
            )


def in_clear(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield key and message of each address to which a token or secret goes without TLS, beyond this machine."""
    apis = {"notices": settings.notices, **{f"apis.{name}": api for name, api in settings.apis.items()}}
    for key, api in apis.items():
        if _is_open(api.url):
            yield f"{key}.url", "is http: token, recipients and messages can be read on the way"
        if api.oauth is not None and _is_open(api.oauth.token_url):
            yield f"{key}.oauth.token_url", "is http: the client's secret can be read on the way"


def _is_open(url: HttpUrl) -> bool:
    host = url.host or ""
    return url.scheme == "http" and not is_loopback(host) and not host.endswith(".localhost")


def _texts(value: object, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields if name not in _WRITTEN_BY_US}
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _texts(one, f"{key}.{name}" if key else str(name))
    elif isinstance(value, SecretStr):
        yield key, value.get_secret_value()
    elif isinstance(value, str):
        yield key, value
