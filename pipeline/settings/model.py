"""Every setting, declared once: the parser, its errors, the JSON Schema and the reference derive from here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import (
    Field,
    HttpUrl,
    SecretStr,
    field_validator,
    model_validator,
)

from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.verdicts import VerdictSettings
from pipeline.settings.conflicts import at_most_one, each_once, fit_for_workers, in_one_of, topics_apart
from pipeline.settings.group_times import impossible
from pipeline.settings.kinds import (
    ApiUrl,
    Brokers,
    FilePath,
    FreeHeaderName,
    HeaderName,
    HeaderValue,
    Replicas,
    Seconds,
    Token,
    TopicName,
)
from pipeline.settings.observing import HttpSettings, LogSettings, TracingSettings
from pipeline.settings.section import Section

MOST_WORKERS = 64


class KafkaSettings(Section):
    """Where events come from."""

    bootstrap_servers: Brokers = Field(description="Brokers to ask first, `host:port` with commas between.")
    group_id: str = Field("notice-pipeline", description="Consumer group; members share the partitions.", min_length=1)
    topics: tuple[TopicName, ...] = Field(description="Topics to read.", min_length=1)
    group_protocol: Literal["auto", "consumer", "classic"] = Field(
        "auto", description="Group protocol: `consumer` (KIP-848), `classic` (cooperative), or what the broker has."
    )
    start_timeout_seconds: Seconds = Field(15, description="How long to wait for the broker at start.")
    drain_seconds: Seconds = Field(
        20, description="How long requests in flight may take to end when partitions are given up or the service stops."
    )
    properties: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Any librdkafka setting (TLS, SASL, …), for consumer and producer alike."
    )
    properties_files: dict[str, FilePath] = Field(
        default_factory=dict,
        description="librdkafka settings whose value is a file's content: `sasl.password: /run/secrets/kafka`.",
    )

    @field_validator("topics")
    @classmethod
    def _topics_differ(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        each_once(topics, "the topic")
        return topics

    @field_validator("properties")
    @classmethod
    def _can_work(cls, properties: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        why_not = impossible(properties)
        if why_not is not None:
            raise ValueError(why_not)
        return properties

    @model_validator(mode="after")
    def _one_value_for_each(self) -> KafkaSettings:
        in_one_of(self.properties, self.properties_files, "properties and in properties_files")
        return self


class SchemaSettings(Section):
    """Where Avro schemas come from: a registry or a folder."""

    registry_url: HttpUrl | None = Field(None, description="Schema registry with the Confluent HTTP dialect.")
    registry_user: str | None = Field(None, description="User name for the registry, where it wants one.")
    registry_password: SecretStr | None = Field(None, description="Its password.")
    registry_password_file: FilePath | None = Field(None, description="A file that holds the password.")
    registry_ca_file: FilePath | None = Field(
        None, description="PEM file of the authority that signed the registry's TLS."
    )
    directory: FilePath | None = Field(None, description="Folder with *.avsc files, instead of or beside a registry.")
    json_types: dict[TopicName, str] = Field(
        default_factory=dict,
        description="Event type of plain JSON records, by topic, where neither header nor envelope names one.",
    )
    max_event_bytes: int = Field(1_048_576, ge=1_024, description="Larger record values are refused undecoded.")

    @model_validator(mode="after")
    def _one_password(self) -> SchemaSettings:
        given = at_most_one(self, "registry_password", "registry_password_file")
        if given and self.registry_user is None:
            raise ValueError(f"{given} is given without registry_user")
        return self


class OAuthSettings(Section):
    """A token endpoint, asked with the client credentials grant (RFC 6749, section 4.4)."""

    token_url: HttpUrl = Field(description="The token endpoint.")
    client_id: str = Field(description="Our client id.", min_length=1)
    client_secret: SecretStr | None = Field(None, description="Our client secret.")
    client_secret_file: FilePath | None = Field(None, description="A file that holds the client secret.")
    scope: str | None = Field(None, description="The scope to ask for, where the endpoint wants one.")

    @model_validator(mode="after")
    def _one_secret(self) -> OAuthSettings:
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("give one of client_secret and client_secret_file")
        return self


class NoticesSettings(Section):
    """The platform's notices API."""

    url: ApiUrl = Field(description="Where notices are POSTed to.")
    token: Token | None = Field(None, description="The bearer token itself.")
    token_file: FilePath | None = Field(None, description="A file that holds the token; read again when it is refused.")
    oauth: OAuthSettings | None = Field(None, description="A token endpoint to get the token from.")
    timeout_seconds: Seconds = Field(5, description="For one whole request. Later it counts as ambiguous.")
    connect_timeout_seconds: Seconds = Field(2, description="For making the connection.")
    max_in_flight: int = Field(512, ge=1, le=65_536, description="Upper bound for the adaptive limit on requests.")
    verdicts: VerdictSettings = Field(
        default_factory=VerdictSettings, description="Changes to the table of what a reply means."
    )
    headers: dict[FreeHeaderName, HeaderValue] = Field(
        default_factory=dict, description="Headers to add to every request."
    )
    secret_headers_files: dict[FreeHeaderName, FilePath] = Field(
        default_factory=dict, description="Headers whose value is a file's content."
    )
    query: dict[str, str] = Field(default_factory=dict, description="Query parameters to add to every request.")
    idempotency_header: HeaderName | None = Field(
        "Idempotency-Key", description="Header for the notice's id; null where the API refuses unknown headers."
    )
    max_reply_bytes: int = Field(65_536, ge=256, description="A longer reply is cut off and counts as transient.")
    ca_file: FilePath | None = Field(
        None, description="PEM file of the authority that signed the API's TLS certificate."
    )
    client_certificate_file: FilePath | None = Field(None, description="PEM file with our certificate and its key.")
    proxy: HttpUrl | None = Field(None, description="HTTP proxy to go through; the environment's is never used.")
    transport: Literal["auto", "loop", "pyreqwest", "httpx"] = Field(
        "auto",
        description="HTTP client: `loop` costs the least, `pyreqwest` twice as much and speaks HTTP/2 and through any "
        "proxy, httpx is far slower. `auto`: loop, or pyreqwest where there is a proxy.",
    )

    @model_validator(mode="after")
    def _one_token_source(self) -> NoticesSettings:
        if at_most_one(self, "token", "token_file", "oauth") is None:
            raise ValueError("no token: give one of token, token_file and oauth")
        return self

    @model_validator(mode="after")
    def _each_header_once(self) -> NoticesSettings:
        names = [*self.headers, *self.secret_headers_files, *filter(None, [self.idempotency_header])]
        each_once((name.lower() for name in names), "the header")
        return self


class RuleSettings(Section):
    """How rules are read and reloaded."""

    watch: bool = Field(True, description="Reload by itself when a file in the rules folder changes.")


class OutcomeSettings(Section):
    """The ledger: one record for every notice's end."""

    topic: TopicName = Field("notice.outcomes", description="Topic for outcomes.")
    create: bool = Field(True, description="Make the topic when it is missing.")
    partitions: int = Field(12, ge=1, le=10_000, description="Its partitions when we make it; never change them later.")
    replication_factor: Replicas = Field(-1, description="Its replicas when we make it; -1: the broker's default.")
    unmatched: bool = Field(False, description="Publish an outcome for events that match no rule, too.")
    recipient: Literal["clear", "hash", "omit"] = Field("hash", description="How an outcome names the recipient.")
    recipient_hash_key: SecretStr | None = Field(
        None, description="Key of the recipients' hash, in logs as well.", min_length=1
    )
    recipient_hash_key_file: FilePath | None = Field(None, description="A file that holds the key of the hash.")

    @model_validator(mode="after")
    def _one_key(self) -> OutcomeSettings:
        at_most_one(self, "recipient_hash_key", "recipient_hash_key_file")
        return self


class DeadLetterSettings(Section):
    """Where records go whose notice could not be delivered."""

    topic: TopicName = Field("notice.dead-letters", description="Topic for dead letters.")
    redriven_topic: TopicName = Field(
        "notice.redriven", description="Topic that remembers which dead letters were sent again; `redrive` makes it."
    )
    create: bool = Field(True, description="Make the topic when it is missing.")
    partitions: int = Field(4, ge=1, le=10_000, description="Its partitions when we make it.")
    replication_factor: Replicas = Field(-1, description="Its replicas when we make it; -1: the broker's default.")


class Settings(Section):
    """The whole configuration of `notice-pipeline run`."""

    environment: str = Field("production", description="Which of a template's ids to use.", min_length=1)
    shadow: bool = Field(
        False,
        description="Read and render, send nothing; group, outcomes and dead letters get names that end in `.shadow`.",
    )
    kafka: KafkaSettings = Field(description="Where events come from.")
    schemas: SchemaSettings = Field(default_factory=SchemaSettings, description="Where Avro schemas come from.")
    rules: FilePath = Field(
        Path("rules"), validate_default=True, description="Folder with rules, templates.yaml and tests."
    )
    rule_options: RuleSettings = Field(default_factory=RuleSettings, description="How rules are read and reloaded.")
    notices: NoticesSettings = Field(description="The platform's notices API.")
    delivery: DeliverySettings = Field(
        default_factory=DeliverySettings, description="Retries, limits, breaker and buffers."
    )
    outcomes: OutcomeSettings = Field(default_factory=OutcomeSettings, description="The ledger of outcomes.")
    dead_letters: DeadLetterSettings = Field(default_factory=DeadLetterSettings, description="Dead letters.")
    http: HttpSettings = Field(default_factory=HttpSettings, description="Our own endpoint.")
    workers: int = Field(
        1,
        ge=1,
        le=MOST_WORKERS,
        description="Processes that share the work as members of one group. `delivery.rate` is for all together, "
        "every other limit for each.",
    )
    tracing: TracingSettings = Field(default_factory=TracingSettings, description="OpenTelemetry traces.")
    log: LogSettings = Field(default_factory=LogSettings, description="Logs.")

    @model_validator(mode="after")
    def _together(self) -> Settings:
        written = {
            "outcomes.topic": self.outcomes.topic,
            "dead_letters.topic": self.dead_letters.topic,
            "dead_letters.redriven_topic": self.dead_letters.redriven_topic,
        }
        topics_apart(self.kafka.topics, written)
        fit_for_workers(self.workers, self.delivery.rate.per_day, self.kafka.properties)
        return self
