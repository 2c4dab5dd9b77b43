"""The settings, each declared once: the parser, its errors, the JSON Schema and the reference derive from here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

from pipeline.delivery.policy import DeliverySettings, RateSettings
from pipeline.delivery.verdicts import VerdictSettings
from pipeline.model.notice import MOST_ITEMS
from pipeline.settings.care import RecipientCareSettings
from pipeline.settings.conflicts import at_most_one, each_once, fit_for_workers, in_one_of, needs, topics_apart
from pipeline.settings.kafka_cautions import impossible
from pipeline.settings.kinds import (
    ApiName,
    ApiUrl,
    Brokers,
    FilePath,
    FreeHeaderName,
    GroupName,
    HeaderValue,
    NoProxy,
    RecipientId,
    RecipientName,
    Replicas,
    Seconds,
    Section,
    ServerUrl,
    Token,
    TopicName,
)
from pipeline.settings.observing import HistorySettings, HttpSettings, LogSettings, TracingSettings
from pipeline.settings.parameters import ParameterSettings, check_request
from pipeline.settings.servers import OAuthSettings, SchemaSettings

MOST_WORKERS = 64
CODE_PATH = r"^[^.\s]{1,64}(\.[^.\s]{1,64}){0,7}$"


def _without_default(schema: JsonDict) -> None:
    """The empty text means that no value is given; an editor must not offer it."""
    del schema["default"]


class KafkaSettings(Section):
    """The Kafka cluster that events are read from."""

    bootstrap_servers: Brokers = Field(description="Brokers to connect to first: `host:port`, separated by commas.")
    group_id: GroupName = Field(
        "",
        description="Consumer group: the name of this installation. Its members share the partitions. Required by "
        "`run`, `audit`, `find`, `history`, `redrive`, `skip` and `config check`.",
        min_length=1,
        json_schema_extra=_without_default,
    )
    topics: tuple[TopicName, ...] = Field(description="Topics to read.", min_length=1)
    group_protocol: Literal["auto", "consumer", "classic"] = Field(
        "auto",
        description="Group protocol: `consumer` (KIP-848), `classic` (cooperative), or what the broker supports.",
    )
    start_timeout_seconds: Seconds = Field(15, description="How long to wait for the broker at start.")
    drain_seconds: Seconds = Field(
        20, description="Time for requests in flight to complete when partitions are revoked or the service stops."
    )
    properties: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="librdkafka properties (TLS, SASL, …), for consumer and producer."
    )
    properties_files: dict[str, FilePath] = Field(
        default_factory=dict,
        description="librdkafka properties whose value is the content of a file: `sasl.password: /run/secrets/kafka`.",
    )

    @field_validator("topics")
    @classmethod
    def _topics_differ(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        each_once(topics, "the topic")
        return topics

    @field_validator("properties")
    @classmethod
    def _can_work(cls, properties: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        error = impossible(properties)
        if error is not None:
            raise ValueError(error)
        return properties

    @model_validator(mode="after")
    def _one_value_for_each(self) -> KafkaSettings:
        in_one_of(self.properties, self.properties_files, "both properties and properties_files")
        return self


class EventSettings(Section):
    """How events without CloudEvents attributes are identified and dated, and which records are not events."""

    id_field: str | None = Field(
        None,
        description="Field that holds the event's id, for Avro and JSON without CloudEvents attributes: `event_id`, or "
        "`meta.id` within a record. Event type and id then identify the event in place of its position in Kafka.",
        min_length=1,
    )
    time_field: str | None = Field(
        None,
        description="Field that holds the event's time, for events without CloudEvents `time`. `expires_after` counts "
        "from it in place of Kafka's timestamp.",
        min_length=1,
    )
    tombstones: Literal["auto", "ignore", "reject"] = Field(
        "auto",
        description="What becomes of records without a value: `ignore` passes over them, `reject` makes an undecodable "
        "outcome, `auto` ignores them in topics that Kafka compacts.",
    )


class NoticesSettings(Section):
    """The platform's notices API."""

    url: ApiUrl = Field(description="URL that notices are POSTed to.")
    token: Token | None = Field(None, description="Bearer token.")
    token_file: FilePath | None = Field(
        None, description="File with the bearer token. It is read again when it changes or the API refuses the token."
    )
    oauth: OAuthSettings | None = Field(None, description="Token endpoint to get the bearer token from.")
    timeout_seconds: Seconds = Field(
        5, description="Timeout of one request. A request that times out is ambiguous: it may have been accepted."
    )
    connect_timeout_seconds: Seconds = Field(2, description="Timeout of making a connection.")
    max_connection_age_seconds: Seconds = Field(
        30,
        description="Age of a connection after which it takes no further request (up to half as long again), so that a "
        "change of the host's addresses is followed.",
    )
    max_in_flight: int = Field(
        512, ge=1, le=65_536, description="Upper bound of the adaptive limit on requests in flight."
    )
    verdicts: VerdictSettings = Field(default_factory=VerdictSettings, description="Changes to the verdict table.")
    headers: dict[FreeHeaderName, HeaderValue] = Field(
        default_factory=dict, description="Headers added to every request."
    )
    secret_headers_files: dict[FreeHeaderName, FilePath] = Field(
        default_factory=dict, description="Headers whose value is the content of a file, added to every request."
    )
    query: dict[str, str] = Field(default_factory=dict, description="Query parameters added to every request.")
    parameters: ParameterSettings = Field(
        default_factory=ParameterSettings,
        description="Common request parameters: constants, timestamp, nonce, request id, signature.",
    )
    idempotency_header: FreeHeaderName | None = Field(
        "Idempotency-Key",
        description="Header that carries the notice's id. null: none, for an API that refuses unknown headers.",
    )
    max_reply_bytes: int = Field(
        65_536, ge=256, description="Longest reply that is read. A longer one with a 2xx status is ambiguous."
    )
    code_path: str = Field(
        "code",
        pattern=CODE_PATH,
        description="Where the code is in the reply's JSON: a name, or several with dots between (`errcode`, "
        "`result.code`).",
    )
    ca_file: FilePath | None = Field(
        None, description="PEM file of the authority that signed the API's TLS certificate."
    )
    client_certificate_file: FilePath | None = Field(
        None, description="PEM file with the client certificate, and its key unless `client_key_file` is given."
    )
    client_key_file: FilePath | None = Field(None, description="PEM file with the key of the client certificate.")
    proxy: ServerUrl | None = Field(
        None,
        description="HTTP proxy, reached by http or https. User and password in the URL are sent by basic "
        "authentication. Proxies of the environment are not used.",
    )
    no_proxy: tuple[NoProxy, ...] = Field(
        (),
        description="Hosts that are reached without the proxy: `*`, `example.com` (and its subdomains), `.example.com` "
        "(its subdomains), an address, `10.0.0.0/8`; each with `:port` behind a name or address to name one port.",
    )
    proxy_from_environment: bool = Field(
        False,
        description="Whether the proxy is that of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, "
        "`NO_PROXY`; names in lower case come first), instead of `proxy`.",
    )
    transport: Literal["auto", "loop", "pyreqwest", "httpx"] = Field(
        "auto",
        description="HTTP client. `loop` uses the least processor time. `pyreqwest` uses 4 to 5 times as much, and "
        "supports HTTP/2; it needs the extra `pyreqwest`. `httpx` is slower still. `auto` is `loop`.",
    )

    @model_validator(mode="after")
    def _one_token_source(self) -> NoticesSettings:
        if at_most_one(self, "token", "token_file", "oauth") is None:
            raise ValueError("no token: give one of token, token_file and oauth")
        needs(self, "client_key_file", "client_certificate_file")
        return self

    @model_validator(mode="after")
    def _one_proxy(self) -> NoticesSettings:
        if self.proxy_from_environment and self.proxy is not None:
            raise ValueError("proxy and proxy_from_environment are given: give one of them")
        if self.no_proxy and self.proxy is None and not self.proxy_from_environment:
            raise ValueError("no_proxy is given without proxy or proxy_from_environment")
        return self

    @model_validator(mode="after")
    def _each_header_once(self) -> NoticesSettings:
        names = [*self.headers, *self.secret_headers_files, *filter(None, [self.idempotency_header])]
        each_once((name.lower() for name in names), "the header")
        return self


class ApiSettings(NoticesSettings):
    """A further API of the same contract, for templates with `api: NAME`."""

    rate: RateSettings = Field(
        default_factory=RateSettings, description="Fixed limits of this API; `delivery.rate` is that of `notices`."
    )


class RuleSettings(Section):
    """Reloading of rules."""

    watch: bool = Field(True, description="Reload the rules when a file in the rules folder changes.")
    max_removed_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A reload that removes more than this share of the rules, and more than one, is refused. A rule "
        "with `enabled: false` does not count as removed.",
    )
    max_per_minute: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Notices of one rule that may leave in any 60 s, of all members together; one more pauses the rule "
        "until `notice-pipeline resume`. A rule's own `max_per_minute` replaces it. Without a value: no limit.",
    )
    none_matched_minutes: int = Field(
        60,
        ge=0,
        description="Report that no rule has matched for this long although at least 20 events were read. 0: never.",
    )
    most_items: int = Field(
        MOST_ITEMS,
        ge=1,
        le=1_000,
        description="Items of a rule's `for_each` that one event may have; an event with more makes no message of the "
        "rule.",
    )
    allow_removal: bool = Field(
        False,
        description="Whether a reload may remove any number of rules, and whole files. A restart always uses what is "
        "on disk.",
    )


class OutcomeSettings(Section):
    """The ledger: one record for the outcome of each notice."""

    topic: TopicName = Field("notice.outcomes", description="Topic for outcomes.")
    create: bool = Field(True, description="Create the topic if it does not exist.")
    partitions: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Partitions of the topic when it is created; null: as many as the topic that is read with most, "
        "but at least 12. Do not change them later.",
    )
    replication_factor: Replicas = Field(
        -1, description="Replicas of the topic when it is created. -1: the broker's default."
    )
    unmatched: bool = Field(False, description="Whether events that match no rule get an outcome.")
    recipient: Literal["clear", "hash", "omit"] = Field(
        "hash", description="Form of the recipient in outcomes: as it is, as a hash, or left out."
    )
    reference: Literal["clear", "hash", "omit"] = Field(
        "hash",
        description="Form of the business key that rules name (`reference`), in outcomes and dead letters: as it is, "
        "as a hash under the same key as the recipient's, or left out.",
    )
    recipient_hash_key: SecretStr | None = Field(
        None, description="Key of the recipient's hash, in outcomes and logs, and of the reference's.", min_length=1
    )
    recipient_hash_key_file: FilePath | None = Field(None, description="File with the key of the recipient's hash.")

    @model_validator(mode="after")
    def _one_key(self) -> OutcomeSettings:
        at_most_one(self, "recipient_hash_key", "recipient_hash_key_file")
        return self


class DeadLetterSettings(Section):
    """Records whose notice was not delivered."""

    topic: TopicName = Field("notice.dead-letters", description="Topic for dead letters.")
    redriven_topic: TopicName = Field(
        "notice.redriven", description="Topic that records which dead letters were sent again. `redrive` creates it."
    )
    create: bool = Field(True, description="Create the topic if it does not exist.")
    partitions: int = Field(4, ge=1, le=10_000, description="Partitions of the topic when it is created.")
    replication_factor: Replicas = Field(
        -1, description="Replicas of the topic when it is created. -1: the broker's default."
    )


class ControlSettings(Section):
    """The topic by which operators pause and resume sending."""

    topic: TopicName = Field(
        "notice.control",
        description="Topic with what is paused, read by every member. Several groups may share it: its records name "
        "their group.",
    )
    create: bool = Field(True, description="Create the topic if it does not exist, with one partition.")
    replication_factor: Replicas = Field(
        -1, description="Replicas of the topic when it is created. -1: the broker's default."
    )


class Settings(Section):
    """The whole configuration of `notice-pipeline run`."""

    environment: str = Field("production", description="Environment: which of a template's ids is used.", min_length=1)
    shadow: bool = Field(
        False,
        description="Read events and render notices, but send nothing. The names of consumer group, outcomes topic "
        "and dead-letter topic get the suffix `.shadow`.",
    )
    kafka: KafkaSettings = Field(description="The Kafka cluster that events are read from.")
    schemas: SchemaSettings = Field(default_factory=SchemaSettings, description="Where Avro schemas are read from.")
    events: EventSettings = Field(default_factory=EventSettings, description="Identity and time of events.")
    rules: FilePath = Field(
        Path("rules"), validate_default=True, description="Folder with rules, templates.yaml and tests."
    )
    rule_options: RuleSettings = Field(default_factory=RuleSettings, description="Reloading of rules.")
    notices: NoticesSettings = Field(description="The platform's notices API.")
    apis: dict[ApiName, ApiSettings] = Field(
        default_factory=dict,
        description="Further APIs by name. A template goes through one of them if it names it (`api: NAME` in "
        "templates.yaml).",
    )
    delivery: DeliverySettings = Field(
        default_factory=DeliverySettings, description="Retries, limits, breaker and buffers."
    )
    outcomes: OutcomeSettings = Field(default_factory=OutcomeSettings, description="The ledger of outcomes.")
    dead_letters: DeadLetterSettings = Field(default_factory=DeadLetterSettings, description="Dead letters.")
    recipient_care: RecipientCareSettings = Field(
        default_factory=RecipientCareSettings,
        description="Order across topics, caps, `once`, quiet hours and opt-outs of each recipient.",
    )
    test_recipients: dict[RecipientName, RecipientId] = Field(
        default_factory=dict,
        description="Recipients of test messages by name, such as `me: 7f3c…`: the only ones that `send --to` takes.",
    )
    control: ControlSettings = Field(default_factory=ControlSettings, description="Pausing and resuming.")
    http: HttpSettings = Field(default_factory=HttpSettings, description="HTTP endpoint: pages, metrics, probes.")
    history: HistorySettings = Field(
        default_factory=HistorySettings, description="Outcomes in a database, for search (command `history`)."
    )
    workers: int = Field(
        1,
        ge=1,
        le=MOST_WORKERS,
        description="Processes that share the work as members of one group. They share the limits of `delivery.rate`; "
        "every other limit applies to each process.",
    )
    tracing: TracingSettings = Field(default_factory=TracingSettings, description="OpenTelemetry traces.")
    log: LogSettings = Field(default_factory=LogSettings, description="Logs.")

    @model_validator(mode="after")
    def _together(self) -> Settings:
        written = {
            "outcomes.topic": self.outcomes.topic,
            "dead_letters.topic": self.dead_letters.topic,
            "dead_letters.redriven_topic": self.dead_letters.redriven_topic,
            "control.topic": self.control.topic,
            "recipient_care.intents_topic": self.recipient_care.intents_topic,
            "recipient_care.care_topic": self.recipient_care.care_topic,
        }
        if self.recipient_care.preferences_topic is not None:  # read, and not as events
            written["recipient_care.preferences_topic"] = self.recipient_care.preferences_topic
        topics_apart(self.kafka.topics, written)
        if self.recipient_care.enabled is True and self.outcomes.recipient == "omit":
            raise ValueError(
                "`outcomes.recipient`: omit leaves out whose outcomes they are, and `recipient_care` counts by it: "
                "write hash"
            )
        check_request(self.notices, "notices")
        for name, api in self.apis.items():
            check_request(api, f"apis.{name}")
        days = {"delivery": self.delivery.rate, **{f"apis.{name}": api.rate for name, api in self.apis.items()}}
        fit_for_workers(self.workers, {key: rate.per_day for key, rate in days.items()}, self.kafka.properties)
        return self
