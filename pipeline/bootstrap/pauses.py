"""What is paused, as the service's configuration has it: read it, pause, resume."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.control import ControlReader, write_controls
from pipeline.adapters.kafka.rights import Right
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.adapters.rule_files import read_rules
from pipeline.adapters.telemetry.logging import configure_logging
from pipeline.bootstrap.kafka import ensure_control_topic, kafka_properties
from pipeline.bootstrap.kafka_rights import needed
from pipeline.errors import UserError
from pipeline.model.pause import Pause, Scope, ScopeKind
from pipeline.model.suggestion import did_you_mean
from pipeline.rules.source.document import Document, parse
from pipeline.settings import Settings


class Pausing:
    """The control topic of the configured group."""

    def __init__(self, settings: Settings) -> None:
        """Create the topic if it does not exist.

        Raises:
            UserError: Kafka does not answer, or the topic can neither be found nor created.
        """
        configure_logging(form=settings.log.format, level="error", clock=SystemClock())
        self._properties = kafka_properties(settings)
        self._topic = settings.control.topic
        self._group = settings.kafka.group_id
        self._check = TopicCheck(self._properties, settings.kafka.start_timeout_seconds)
        self._check.prove(needed("pause --list", settings))
        ensure_control_topic(settings, self._check)

    def pauses(self) -> Sequence[Pause]:
        """Return all pauses, passed ones among them, the pause of everything first.

        Raises:
            Unreachable: the topic cannot be read.
        """
        reader = ControlReader(self._properties, self._topic, self._group)
        try:
            return sorted(reader.pauses())
        finally:
            reader.close()

    def change(self, changes: Mapping[Scope, Pause | None]) -> None:
        """Write pauses, and lift those whose value is None.

        Raises:
            RightsMissing: this Kafka user may not write to the topic.
            Unreachable: Kafka does not take them.
        """
        self._check.prove([Right("WRITE", "topic", self._topic)])
        write_controls(self._properties, self._topic, self._group, changes)


def require_known(settings: Settings, scopes: Collection[Scope]) -> None:
    """Check that the configured rules have what is to be paused.

    Only names are read, so that an error in a rule does not prevent a pause.

    Raises:
        UserError: they do not, or the folder cannot be read.
    """
    known = _names(settings)
    for scope in scopes:
        names = known.get(scope.kind, frozenset())
        if scope.kind is not ScopeKind.ALL and scope.name not in names:
            near = did_you_mean(scope.name, sorted(names))
            raise UserError(
                f"{settings.rules} has no {scope}",
                hint=f"{near + ' ' if near else ''}If the service runs other rules than these, add --force",
            )


def _names(settings: Settings) -> Mapping[ScopeKind, Collection[str]]:
    sources = read_rules(settings.rules)
    rules: set[str] = set()
    for path, text in sources.rules.items():
        entries = _content(path, text).get("rules")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                rules.add(str(entry.get("id")))
    templates = _content(*sources.templates).get("templates") if sources.templates else None
    return {ScopeKind.RULE: rules, ScopeKind.TEMPLATE: set(templates) if isinstance(templates, dict) else set()}


def _content(path: str, text: str) -> Mapping[str, object]:
    document = parse(path, text)
    content = document.value if isinstance(document, Document) else None
    return content if isinstance(content, dict) else {}
