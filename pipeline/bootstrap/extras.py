"""What the settings choose and this machine may lack: an optional package, a proxy of the environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from pipeline.bootstrap.apis import apis_of, key_of, proxy_of
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings


def lacking_here(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Key and message of each setting with which `run` would end on this machine, for `config check`."""
    for name, api in apis_of(settings).items():
        key = key_of(name)
        if api.transport == "pyreqwest" and not _is_installed("pyreqwest"):
            yield f"{key}.transport", _not_installed("pyreqwest", "pyreqwest")
        try:
            proxy_of(api, key, environ)
        except ConfigurationError as error:
            yield f"{key}.proxy_from_environment", error.message.partition(": ")[2]
    if settings.tracing.endpoint is not None and not _is_installed("opentelemetry.exporter.otlp.proto.http"):
        yield "tracing.endpoint", _not_installed("opentelemetry", "tracing")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


def _not_installed(module: str, extra: str) -> str:
    return f"{module} is not installed here; the service needs the extra: pip install 'notice-pipeline[{extra}]'"
