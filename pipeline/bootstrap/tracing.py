"""Add tracing to the service's parts if it is configured."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline import __version__
from pipeline.adapters.file_watch import FileWatch
from pipeline.bootstrap.apis import apis_of
from pipeline.errors import ConfigurationError
from pipeline.settings.certificates import read_authorities
from pipeline.settings.files import paths_of
from pipeline.settings.secrets import read_secret_file

if TYPE_CHECKING:
    from pipeline.ports import Clock
    from pipeline.runtime.credentials import Credentials
    from pipeline.runtime.service import Parts
    from pipeline.settings import Settings

TRACES_PATH = "/v1/traces"
"""OTLP/HTTP's default path, for an endpoint without a path."""


def traced(parts: Parts, settings: Settings, clock: Clock, credentials: Credentials) -> Parts:
    """Return the parts, wrapped in tracing if it is configured; `credentials` reads the collector's headers again.

    Raises:
        ConfigurationError: the extra is not installed, or a header's file cannot be read.
    """
    chosen = settings.tracing
    if chosen.endpoint is None:
        return parts
    try:
        from pipeline.adapters.telemetry import tracing  # noqa: PLC0415 - an extra, loaded only if configured
    except ImportError as error:
        raise ConfigurationError(
            f"`tracing.endpoint` is set, but {error.name} is not installed",
            hint="install the extra: pip install 'notice-pipeline[tracing]'",
        ) from None
    endpoint = str(chosen.endpoint)
    if urlsplit(endpoint).path in {"", "/"}:
        endpoint = endpoint.rstrip("/") + TRACES_PATH

    def options() -> tracing.TracingOptions:
        if chosen.ca_file is not None:
            read_authorities(chosen.ca_file)  # the exporter reads it itself, and later
        return tracing.TracingOptions(
            endpoint=endpoint,
            sample_ratio=chosen.sample_ratio,
            timeout_seconds=chosen.timeout_seconds,
            headers={name: read_secret_file(path, f"header {name}") for name, path in chosen.headers_files.items()},
            ca_file=str(chosen.ca_file) if chosen.ca_file else None,
            service_name=chosen.service_name,
            version=__version__,
            group=settings.kafka.group_id,
        )

    files = [path for _, path in paths_of(chosen)]
    watch = FileWatch(lambda: files)  # before the files are read
    made = tracing.Tracing(options(), clock, random.getrandbits, socket.gethostname())
    if files:
        credentials.add("tracing", watch.changed, lambda: made.replacement(options()))
    urls = {name: str(api.url) for name, api in apis_of(settings).items()}
    apis = tuple(api._replace(client=tracing.TracedNoticesApi(api.client, made, urls[api.name])) for api in parts.apis)
    return parts._replace(apis=apis, outcomes=tracing.TracedOutcomeLog(parts.outcomes, made))
