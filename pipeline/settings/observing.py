"""How the service is observed: its endpoint, its traces, its logs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, HttpUrl, SecretStr, model_validator

from pipeline.settings.conflicts import at_most_one
from pipeline.settings.kinds import FilePath, Port, Seconds
from pipeline.settings.section import Section


class HttpSettings(Section):
    """Our own endpoint: page, metrics, probes."""

    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 - probes come from outside the pod
    port: Port = Field(8080, description="Port to listen on; 0: any that is free.")
    studio: bool = Field(
        False,
        description="Whether rules can be read and tried out at `/studio` (nothing is written). "
        "Authors have the command `studio` on their own machines.",
    )
    runbook_url: HttpUrl | None = Field(
        None, description="Where your copy of docs/runbook.md is published; the status page links to its sections."
    )
    user: str | None = Field(
        None,
        description="User name for the pages (HTTP basic authentication; put TLS before it). Probes stay open.",
        pattern=r"^[^:\x00-\x1f\x7f]+$",
    )
    password: SecretStr | None = Field(None, description="The user's password.", min_length=1)
    password_file: FilePath | None = Field(None, description="A file that holds the password.")
    metrics_open: bool = Field(True, description="Whether `/metrics` wants no password where the pages want one.")

    @model_validator(mode="after")
    def _whole_credentials(self) -> HttpSettings:
        if (self.user is None) != (at_most_one(self, "password", "password_file") is None):
            raise ValueError("give user together with password or password_file, or none of them")
        return self


class TracingSettings(Section):
    """OpenTelemetry traces; needs the extra `tracing`. Off, and free, where no endpoint is given."""

    endpoint: HttpUrl | None = Field(
        None, description="Collector to send spans to by OTLP over HTTP; `/v1/traces` where it has no path."
    )
    sample_ratio: float = Field(
        1.0, ge=0, le=1, description="Share of the traces that begin here. One that an event brings decides itself."
    )
    headers_files: dict[str, FilePath] = Field(
        default_factory=dict, description="Headers for the collector, each the content of a file."
    )
    ca_file: FilePath | None = Field(None, description="PEM file of the authority that signed the collector's TLS.")
    timeout_seconds: Seconds = Field(5, description="For one request to the collector.")
    service_name: str = Field("notice-pipeline", description="`service.name` of our spans.", min_length=1)


class LogSettings(Section):
    """Structured logs on standard error."""

    format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal, else JSON.")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is written.")
