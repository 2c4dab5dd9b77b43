"""Run an audit with the service's configuration."""

from __future__ import annotations

from datetime import datetime

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.adapters.operations.audit import Expectation, KafkaAudit, Stage, Subject
from pipeline.adapters.telemetry.logging import configure_logging
from pipeline.bootstrap.events import compacted_topics, find_decoder, find_rules, service_schemas
from pipeline.bootstrap.kafka import kafka_properties
from pipeline.bootstrap.kafka_rights import care_rights, needed
from pipeline.bootstrap.outcomes import identify_recipients
from pipeline.operations.audit.findings import Report
from pipeline.settings import Settings


def run_audit(settings: Settings, start: datetime | None, end: datetime | None, *, keep: int, stage: Stage) -> Report:
    """Compare the configured topics with their outcomes and dead letters.

    Raises:
        UserError: Kafka, the registry, the rules or a topic is not available.
    """
    configure_logging(form=settings.log.format, level="warning", clock=SystemClock())
    check = TopicCheck(kafka_properties(settings), settings.kafka.start_timeout_seconds)
    check.prove(needed("audit", settings))
    schemas = service_schemas(settings)
    rules = find_rules(settings, schemas.catalogue)
    check.prove(care_rights("audit", settings, rules))
    expectation = Expectation(
        find_decoder(
            settings,
            schemas,
            compacted_topics=compacted_topics(settings, check),
        ),
        rules,
        settings.kafka.group_id,
        unmatched_too=settings.outcomes.unmatched,
        identify=identify_recipients(settings),
    )
    subject = Subject(
        settings.kafka.topics,
        settings.kafka.group_id,
        settings.outcomes.topic,
        settings.dead_letters.topic,
        start,
        end,
        settings.recipient_care.intents_topic,
        settings.recipient_care.care_topic,
    )
    return KafkaAudit(kafka_properties(settings), subject, expectation).run(keep=keep, stage=stage)
