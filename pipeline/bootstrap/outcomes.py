"""Create the topic of outcomes and what encodes them: their schema's id, and the form of recipients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import structlog

from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.file_watch import FileWatch
from pipeline.adapters.kafka.outcome_record import outcome_schema
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder, RecipientEncoding
from pipeline.adapters.kafka.topics import LEDGER_CONFIG, TopicCheck, TopicToMake
from pipeline.adapters.telemetry.logging import recipient_hash
from pipeline.bootstrap.events import Schemas
from pipeline.errors import ConfigurationError
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.runtime.credentials import Credentials
from pipeline.settings import Settings
from pipeline.settings.model import OutcomeSettings
from pipeline.settings.secrets import reveal

if TYPE_CHECKING:
    from pipeline.adapters.events.registry import SchemaRegistry

LEAST_PARTITIONS = 12
"""So that the topics that are read can get more partitions later: those of the outcomes topic must not change."""

REMEMBERED = 8_192
"""Hashes of recipients that are remembered where recipient care is on: more than are on their way at a time."""

log = structlog.get_logger("start")


def ensure_outcomes_topic(settings: OutcomeSettings, topics: TopicCheck, read: int) -> int:
    """Create the topic if it does not exist; return its number of partitions.

    With as many as the topic that is `read` has, the outcomes of each of that topic's partitions are apart, and a
    takeover reads no others.

    Raises:
        Unreachable: it does not exist and cannot be created, or this user may not see it.
    """
    wanted = settings.partitions or max(LEAST_PARTITIONS, read)
    made = TopicToMake(settings.topic, wanted, settings.replication_factor, settings.create)
    partitions = topics.ensure(made, LEDGER_CONFIG)
    if partitions < read:
        log.info(
            "outcomes_topic_has_fewer_partitions",
            topic=settings.topic,
            partitions=partitions,
            read=read,
            hint="a takeover reads the outcomes of several partitions: docs/scaling.md, Takeover",
        )
    return partitions


def outcome_schema_id(settings: Settings, registry: SchemaRegistry | None) -> int:
    """The id under which outcomes are framed: the registry's, or that of the shipped file."""
    schema = outcome_schema()
    if registry is not None:
        return registry.register(f"{settings.outcomes.topic}-value", schema)
    return folder_id(EventSchema(schema, "outcome.avsc").fingerprint)


def outcome_encoder(
    settings: Settings, schemas: Schemas, credentials: Credentials, *, is_fixed: bool = False
) -> OutcomeEncoder:
    """The encoder of outcomes; `credentials` reads the key of the recipients' hash again when its file changes.

    `is_fixed`: recipient care is on and knows recipients by that key, so that another one is refused.

    Raises:
        UserError: the key cannot be read, or the registry does not give the schema's id.
    """
    key_file = settings.outcomes.recipient_hash_key_file
    watch = FileWatch(lambda: [] if key_file is None else [key_file])  # before the file is read
    forms = text_encodings(settings, remembers=is_fixed)
    encoder = OutcomeEncoder(outcome_schema_id(settings, schemas.registry), *forms)

    key = hash_key(settings) if is_fixed else None

    def prepare() -> Callable[[], None]:
        if key is not None and hash_key(settings) != key:
            raise ConfigurationError(
                "recipient care knows recipients by the key at the start: to use another, restart with --accept-loss"
            )
        encodings = text_encodings(settings, remembers=is_fixed)
        return lambda: encoder.use(*encodings)

    if key_file is not None:
        credentials.add("outcomes.recipient_hash_key_file", watch.changed, prepare)
    return encoder


def text_encodings(settings: Settings, *, remembers: bool = False) -> tuple[RecipientEncoding, RecipientEncoding]:
    """Return how recipients and references are written in outcomes.

    `remembers`: whether a recipient is asked for several times, as by recipient care.
    Without a configured key the hash is keyed with the group's name, which gives little protection against guessing.
    """
    outcomes = settings.outcomes
    key = hash_key(settings).encode()
    forms: Mapping[str, RecipientEncoding] = {
        "clear": lambda text: text,
        "omit": lambda _: None,
        "hash": recipient_hash(key),
    }
    recipient = forms[outcomes.recipient]
    if remembers and outcomes.recipient == "hash":
        recipient = remembering_hash(key)
    return recipient, forms[outcomes.reference]


@lru_cache(1)
def remembering_hash(key: bytes) -> Callable[[str], str]:
    """Return `recipient_hash` of this key, one function for all that ask for it.

    With recipient care the hash of each recipient is needed four times.
    """
    return lru_cache(REMEMBERED)(recipient_hash(key))


def identify_recipients(settings: Settings) -> Callable[[str], str]:
    """Return what identifies a recipient to recipient care: the form that outcomes have.

    Raises:
        ConfigurationError: the key of the hash cannot be read.
    """
    encode, _ = text_encodings(settings, remembers=True)

    def identify(recipient: str) -> str:
        return encode(recipient) or ""  # `omit` is refused with recipient care

    return identify


def hash_key(settings: Settings) -> str:
    """The key of the hashes of recipients and references; the group's name where none is configured.

    Raises:
        ConfigurationError: its file cannot be read.
    """
    outcomes = settings.outcomes
    given = reveal(outcomes.recipient_hash_key, outcomes.recipient_hash_key_file, "the recipients' hash key")
    return given or settings.kafka.group_id
