"""Create what processes events: schemas from folder and registry, the decoder, and the rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.cloudevents import UnreadableTime
from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.events.event_fields import EventFields
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.file_watch import FileWatch
from pipeline.adapters.rule_files import read_rules
from pipeline.bootstrap.recipient_care.needed import omitted_recipient
from pipeline.errors import ConfigurationError, RegistryAway, RulesRefused, SchemaError, Unreachable
from pipeline.model.notice import DEFAULT_API
from pipeline.rules.compile import compile_rules, in_order
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.settings import Settings
from pipeline.settings.certificates import authorities_if_given, client_certificate_if_given
from pipeline.settings.files import paths_of
from pipeline.settings.secrets import reveal
from pipeline.settings.servers import SchemaSettings

if TYPE_CHECKING:
    from pipeline.adapters.events.registry import SchemaRegistry
    from pipeline.adapters.kafka.topics import TopicCheck
    from pipeline.runtime.credentials import Credentials


MAX_NAMED = 20

log = structlog.get_logger("schemas")


class Schemas(NamedTuple):
    """The schemas that are known before events come."""

    catalogue: SchemaCatalogue
    known: Mapping[int, EventSchema]
    """The folder's, by id."""
    registry: SchemaRegistry | None
    registered: Sequence[EventSchema] = ()
    """The registry's newest of event types that the rules may name."""


def find_schemas(settings: Settings, credentials: Credentials | None = None) -> Schemas:
    """Return the schemas of the folder, and the registry's client, whose secrets `credentials` reads again.

    Raises:
        UserError: a schema or a secret cannot be read.
    """
    chosen = settings.schemas
    schemas = _with_folder(chosen, None)
    return schemas if chosen.registry_url is None else schemas._replace(registry=_registry(chosen, credentials))


def _with_folder(chosen: SchemaSettings, registry: SchemaRegistry | None) -> Schemas:
    catalogue = read_schemas(chosen.directory) if chosen.directory is not None else SchemaCatalogue()
    known = {
        folder_id(schema.fingerprint): schema for event_type in catalogue for schema in catalogue.versions(event_type)
    }
    return Schemas(catalogue, known, registry)


def _registry(chosen: SchemaSettings, credentials: Credentials | None) -> SchemaRegistry:
    from pipeline.adapters.events.registry import (  # noqa: PLC0415 - its client is loaded only where there is one
        RegistryOptions,
        SchemaRegistry,
    )

    def options() -> RegistryOptions:
        return RegistryOptions(
            url=str(chosen.registry_url).rstrip("/"),
            user=chosen.registry_user,
            password=reveal(chosen.registry_password, chosen.registry_password_file, "the registry's password"),
            token=reveal(chosen.registry_token, chosen.registry_token_file, "the registry's token"),
            ca_pem=authorities_if_given(chosen.registry_ca_file),
            client_pem=client_certificate_if_given(
                chosen.registry_client_certificate_file, chosen.registry_client_key_file
            ),
            proxy=str(chosen.registry_proxy) if chosen.registry_proxy else None,
        )

    files = [path for key, path in paths_of(chosen) if key != "directory"]
    watch = FileWatch(lambda: files)  # before the files are read
    registry = SchemaRegistry(options())
    if files and credentials is not None:
        credentials.add("schemas", watch.changed, lambda: registry.replacement(options()))
    return registry


def service_schemas(settings: Settings, credentials: Credentials | None = None) -> Schemas:
    """The same, with the registry's newest schema of each event type that the folder lacks and the rules may name.

    Only subjects that the topics or the rules' texts name are asked for: a registry may have thousands.

    Raises:
        UserError: as `find_schemas`; or the rules or the registry cannot be read.
    """
    schemas = find_schemas(settings, credentials)
    return schemas if schemas.registry is None else _with_registered(schemas, _registered(settings, schemas.registry))


def reread_schemas(settings: Settings, before: Schemas) -> Schemas:
    """The same as folder and registry have them now. What the registry does not give now stays as it was `before`.

    Raises:
        UserError: the rules or a schema of the folder cannot be read.
    """
    schemas = _with_folder(settings.schemas, before.registry)
    if schemas.registry is None:
        return schemas
    try:
        found = _registered(settings, schemas.registry)
    except Unreachable as error:
        log.warning("registry_not_read_again", error=error.message, hint="its schemas stay as they were")
        found = []
    return _with_registered(schemas, [*before.registered, *found])


def _registered(settings: Settings, registry: SchemaRegistry) -> list[EventSchema]:
    text = "\n".join(read_rules(settings.rules).rules.values())
    found: list[EventSchema] = []
    for subject in _subjects(registry, settings.kafka.topics):
        if _may_be_of_rules(subject, settings.kafka.topics, text):
            found += _newest(registry, subject)
    return found


def _with_registered(schemas: Schemas, registered: Sequence[EventSchema]) -> Schemas:
    """Add those of event types that the folder lacks; of several of one type the last."""
    known = [version for name in schemas.catalogue for version in schemas.catalogue.versions(name)]
    added = {schema.name: schema for schema in registered if schema.name not in schemas.catalogue}
    return schemas._replace(catalogue=SchemaCatalogue([*known, *added.values()]), registered=tuple(added.values()))


def _subjects(registry: SchemaRegistry, topics: Collection[str]) -> Collection[str]:
    """The registry's subjects; those of the topics where it does not list them to us."""
    try:
        return registry.subjects()
    except RegistryAway:
        raise
    except Unreachable as error:
        log.warning("registry_subjects_not_listed", error=error.message)
        return [f"{topic}-value" for topic in topics]


def _may_be_of_rules(subject: str, topics: Collection[str], rules: str) -> bool:
    """Whether the subject is a topic's own, or a record's (Confluent's three strategies) that the rules' texts name."""
    for topic in topics:
        if subject == f"{topic}-value" or (subject.startswith(f"{topic}-") and subject[len(topic) + 1 :] in rules):
            return True
    return subject in rules


def _newest(registry: SchemaRegistry, subject: str) -> list[EventSchema]:
    try:
        return [EventSchema(avro, f"{subject} in the registry") for avro in registry.newest(subject)]
    except RegistryAway:
        raise
    except (SchemaError, Unreachable) as error:
        log.warning("registry_schema_unusable", subject=subject, error=error.message)
        return []


def report_untyped(rules: RuleSet, catalogue: SchemaCatalogue) -> None:
    """Warn of event types of rules that have no schema: their JSON events are not typed, nor are the rules checked."""
    untyped = sorted(event_type for event_type in rules.event_types if event_type not in catalogue)
    if untyped:
        log.warning(
            "event_types_without_schema",
            types=untyped[:MAX_NAMED],
            count=len(untyped),
            hint="JSON events of these types reach rules as they are: numbers and times are not those of the schema",
        )


def find_decoder(
    settings: Settings,
    schemas: Schemas,
    *,
    compacted_topics: Collection[str] = (),
    unreadable_time: UnreadableTime | None = None,
) -> EventDecoder:
    """The decoder; `compacted_topics` are those of the configured topics that Kafka compacts, as far as known.

    Raises:
        SchemaError: fastavro refuses a schema of the folder.
    """
    return EventDecoder(
        look_up=schemas.registry.by_id if schemas.registry else None,
        known=schemas.known,
        catalogue=schemas.catalogue,
        json_types=settings.schemas.json_types,
        max_bytes=settings.schemas.max_event_bytes,
        fields=EventFields.of(settings.events.id_field, settings.events.time_field),
        tombstone_topics=tombstone_topics(settings, compacted_topics),
        unreadable_time=unreadable_time,
    )


def compacted_topics(settings: Settings, topics: TopicCheck) -> Collection[str]:
    """The configured topics that Kafka compacts, where the configuration makes a difference of it."""
    if settings.events.tombstones != "auto":
        return ()
    return [topic for topic in settings.kafka.topics if topics.is_compacted(topic)]


def tombstone_topics(settings: Settings, compacted_topics: Collection[str]) -> Collection[str]:
    """The topics in which a record without a value is not an event."""
    match settings.events.tombstones:
        case "ignore":
            return settings.kafka.topics
        case "reject":
            return ()
        case _:
            return compacted_topics


def find_rules(settings: Settings, catalogue: SchemaCatalogue) -> RuleSet:
    """The rules of the folder, compiled. The files of tests are not compiled: an error there must not stop messages.

    Raises:
        RulesRefused: with findings of level error.
        ConfigurationError: recipient care needs another setting.
        UserError: the folder cannot be read.
    """
    if (conflict := omitted_recipient(settings)) is not None:
        raise ConfigurationError(f"`outcomes.recipient`: {conflict}")
    apis = (DEFAULT_API, *settings.apis)
    compilation = compile_rules(
        read_rules(settings.rules),
        catalogue,
        environment=settings.environment,
        apis=apis,
        most_items=settings.rule_options.most_items,
    )
    if compilation.ruleset is None or compilation.errors:
        raise RulesRefused(in_order(compilation.errors))
    return compilation.ruleset
