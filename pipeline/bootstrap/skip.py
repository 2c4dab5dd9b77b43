"""A skip as the service's configuration has it."""

from __future__ import annotations

from confluent_kafka import KafkaException

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.identities import Identities
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.adapters.kafka.outcomes import KafkaOutcomeLog, Topics
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.adapters.operations.skip import KafkaSkip, SkippedBy, SkipPlan
from pipeline.adapters.telemetry.logging import configure_logging
from pipeline.bootstrap.events import find_schemas
from pipeline.bootstrap.kafka import kafka_properties
from pipeline.bootstrap.kafka_rights import needed
from pipeline.bootstrap.outcomes import outcome_schema_id
from pipeline.errors import Unreachable, UserError
from pipeline.model.event import Position
from pipeline.settings import Settings


class Skip:
    """One skip of the configured group."""

    def __init__(self, settings: Settings, position: Position) -> None:
        """Look at the topics.

        Raises:
            UserError: a topic or the partition does not exist, or Kafka does not answer.
        """
        configure_logging(form=settings.log.format, level="error", clock=SystemClock())
        self._settings = settings
        self._properties = kafka_properties(settings)
        check = TopicCheck(self._properties, settings.kafka.start_timeout_seconds)
        read = settings.kafka.model_copy(update={"topics": (position.topic,)})
        check.prove(needed("skip", settings.model_copy(update={"kafka": read})))
        check.require([position.topic, settings.outcomes.topic, settings.dead_letters.topic])
        partitions = check.partitions()
        if position.partition >= partitions[position.topic]:
            count = partitions[position.topic]
            raise UserError(
                f"{position.topic} has no partition {position.partition}", hint=f"it has {count}, counted from 0"
            )
        self._ledger_partitions = partitions[settings.outcomes.topic]
        try:
            group = settings.kafka.group_id
            origin = Identities(self._properties, group).origins([position.topic])[position.topic]
        except KafkaException as error:
            cause = kafka_errors.cause(error)
            hint = kafka_errors.hint({cause.code()})
            raise Unreachable(f"{position.topic} cannot be described: {cause.str()}", hint=hint) from None
        self._kafka = KafkaSkip(self._properties, group, origin)
        self._position = position

    def require_stopped(self) -> None:
        """Check that the group has no members.

        Raises:
            SkipRefused: it has.
            Unreachable: the group cannot be described.
        """
        self._kafka.require_stopped()

    def plan(self, through: int | None) -> SkipPlan:
        """Find out what is to be skipped; nothing is written.

        Raises:
            SkipRefused: the group is not stuck at this offset.
            UserError: Kafka does not answer.
        """
        return self._kafka.plan(self._position, through)

    def carry_out(self, plan: SkipPlan, by: SkippedBy) -> None:
        """Write outcomes and dead letters, then commit.

        Raises:
            SkipRefused: the group has members, or has committed something else since.
            UserError: Kafka or the registry does not take it.
        """
        settings = self._settings
        schema_id = outcome_schema_id(settings, find_schemas(settings).registry)
        log = KafkaOutcomeLog(
            self._properties,
            Topics(settings.outcomes.topic, self._ledger_partitions, settings.dead_letters.topic),
            OutcomeEncoder(schema_id, lambda _: None),
        )
        self._kafka.carry_out(plan, by, log, settings.outcomes.topic, SystemClock().now())
