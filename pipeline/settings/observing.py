"""Settings of HTTP endpoints, the history, traces and logs."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator

from pipeline.settings.conflicts import at_most_one
from pipeline.settings.kinds import FilePath, Port, Seconds, Section, ServerUrl


class PageAccess(Section):
    """User and password of pages."""

    user: str | None = Field(
        None,
        description="User name for the pages (HTTP basic authentication; use it behind TLS). Probes need no password.",
        pattern=r"^[^:\x00-\x1f\x7f]+$",
    )
    password: SecretStr | None = Field(None, description="Password for the pages.", min_length=1)
    password_file: FilePath | None = Field(None, description="File with the password for the pages.")
    metrics_open: bool = Field(True, description="Whether `/metrics` needs no password if the pages need one.")

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        if (self.user is None) != (at_most_one(self, "password", "password_file") is None):
            raise ValueError("give user together with password or password_file, or none of them")
        return self


class HttpSettings(PageAccess):
    """The HTTP endpoint: pages, metrics, probes."""

    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 - probes come from outside the pod
    port: Port = Field(8080, description="Port to listen on. 0: any free port.")
    studio: bool = Field(
        False,
        description="Whether `/studio` shows the rules and lets users try changes. Nothing is written. "
        "On their own machines, authors use the command `studio`.",
    )
    rule_histograms: bool = Field(
        True,
        description="Whether `/metrics` has a histogram of the delay for each rule. false: one for all rules, with an "
        "empty `rule`, which saves 18 series for each rule.",
    )
    runbook_url: HttpUrl | None = Field(
        None, description="URL of your copy of docs/runbook.md. The status page links to its sections."
    )
    search_url: HttpUrl | None = Field(
        None, description="URL of the search page of `history`. The status page links its events to it."
    )


class HistoryHttpSettings(PageAccess):
    """The HTTP endpoint of `history`: the search page, metrics, probes."""

    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 - probes come from outside the pod
    port: Port = Field(8082, description="Port to listen on. 0: any free port.")


class HistorySettings(Section):
    """The history: outcomes in a database, for search. It needs the extra `history`."""

    url: SecretStr | None = Field(
        None,
        description="Database: `sqlite:///history.db` (a file of this machine), or `postgresql://user@host/database`. "
        "Without it and `url_file` there is no history.",
        min_length=1,
    )
    url_file: FilePath | None = Field(None, description="File with the database's URL.")
    group_id: str | None = Field(
        None, description="Consumer group of `history`. Default: `kafka.group_id` with `.history`.", min_length=1
    )
    days: int = Field(90, ge=1, le=3_650, description="Days for which outcomes are kept.")
    batch: int = Field(5_000, ge=1, le=100_000, description="Most outcomes of one transaction.")
    http: HistoryHttpSettings = Field(default_factory=HistoryHttpSettings, description="HTTP endpoint of `history`.")

    @property
    def is_on(self) -> bool:
        """Whether there is a history."""
        return self.url is not None or self.url_file is not None

    @model_validator(mode="after")
    def _one_url(self) -> HistorySettings:
        at_most_one(self, "url", "url_file")
        return self


class TracingSettings(Section):
    """OpenTelemetry traces. They need the extra `tracing`, and are off unless an endpoint is given."""

    endpoint: ServerUrl | None = Field(
        None, description="URL of the collector for spans (OTLP over HTTP). A URL without a path gets `/v1/traces`."
    )
    sample_ratio: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the traces recorded, for events without a trace context of their own.",
    )
    headers_files: dict[str, FilePath] = Field(
        default_factory=dict, description="Headers for the collector, whose value is the content of a file."
    )
    ca_file: FilePath | None = Field(
        None, description="PEM file of the authority that signed the collector's TLS certificate."
    )
    timeout_seconds: Seconds = Field(5, description="Timeout of one request to the collector.")
    service_name: str = Field("notice-pipeline", description="`service.name` of the spans.", min_length=1)


class LogSettings(Section):
    """Structured logs on standard error."""

    format: Literal["auto", "json", "console"] = Field(
        "auto", description="Format of the logs. auto: console on a terminal, else JSON."
    )
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is written.")
