"""Which rights each command needs in Kafka: one table, for the proof at start, the reference and its test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.adapters.kafka.rights import Right
from pipeline.bootstrap.recipient_care.needed import uses_care

if TYPE_CHECKING:
    from pipeline.rules.ruleset import RuleSet
    from pipeline.settings import Settings

HISTORY_SUFFIX = ".history"
"""What the group of `history` adds to the service's name, unless it is configured."""
TOPIC, GROUP, TRANSACTIONAL_ID = "topic", "group", "transactional-id"


class Need(NamedTuple):
    """What a command does with a resource."""

    operations: tuple[str, ...]
    resource: str
    setting: str
    """The setting that names the resource; in brackets what the command line names."""
    suffix: str = ""
    """What follows the setting's value in the resource's name."""


_SOURCES = "kafka.topics"
_OUTCOMES = "outcomes.topic"
_LETTERS = "dead_letters.topic"
_MARKS = "dead_letters.redriven_topic"
_CONTROL = "control.topic"
_GROUP = "kafka.group_id"
_HISTORY = "history.group_id"
_TOPIC = "(the topic)"

COMMANDS: Mapping[str, Sequence[Need]] = {
    "run": (
        Need(("READ",), TOPIC, _SOURCES),
        Need(("READ", "WRITE"), TOPIC, _OUTCOMES),
        Need(("WRITE",), TOPIC, _LETTERS),
        Need(("READ",), TOPIC, _CONTROL),
        Need(("READ",), GROUP, _GROUP),
    ),
    "pause --list": (Need(("READ",), TOPIC, _CONTROL),),
    "pause": (Need(("READ", "WRITE"), TOPIC, _CONTROL),),
    "resume": (Need(("READ", "WRITE"), TOPIC, _CONTROL),),
    "audit": (
        Need(("READ",), TOPIC, _SOURCES),
        Need(("READ",), TOPIC, _OUTCOMES),
        Need(("READ",), TOPIC, _LETTERS),
        Need(("DESCRIBE",), GROUP, _GROUP),
    ),
    "find": (
        Need(("READ",), TOPIC, _SOURCES),
        Need(("READ",), TOPIC, _OUTCOMES),
        Need(("READ",), TOPIC, _LETTERS),
        Need(("READ",), TOPIC, _MARKS),
        Need(("READ",), TOPIC, _CONTROL),
        Need(("DESCRIBE",), GROUP, _GROUP),
    ),
    "history": (
        Need(("READ",), TOPIC, _OUTCOMES),
        Need(("READ",), GROUP, _HISTORY),
    ),
    "redrive --dry-run": (
        Need(("READ",), TOPIC, _SOURCES),
        Need(("READ",), TOPIC, _LETTERS),
        Need(("READ",), TOPIC, _MARKS),
    ),
    "redrive": (
        Need(("READ", "WRITE"), TOPIC, _SOURCES),
        Need(("READ",), TOPIC, _LETTERS),
        Need(("READ", "WRITE"), TOPIC, _MARKS),
        Need(("WRITE",), TRANSACTIONAL_ID, _GROUP, ".redrive"),
    ),
    "replay --dry-run": (
        Need(("READ",), TOPIC, _SOURCES),
        Need(("READ",), TOPIC, _OUTCOMES),
        Need(("READ",), TOPIC, _MARKS),
        Need(("DESCRIBE",), GROUP, _GROUP),
    ),
    "replay": (
        Need(("READ", "WRITE"), TOPIC, _SOURCES),
        Need(("READ",), TOPIC, _OUTCOMES),
        Need(("READ", "WRITE"), TOPIC, _MARKS),
        Need(("DESCRIBE",), GROUP, _GROUP),
        Need(("WRITE",), TRANSACTIONAL_ID, _GROUP, ".redrive"),
    ),
    "skip": (
        Need(("READ",), TOPIC, _SOURCES),
        Need(("READ", "WRITE"), TOPIC, _OUTCOMES),
        Need(("WRITE",), TOPIC, _LETTERS),
        Need(("READ",), GROUP, _GROUP),
    ),
    "emit": (Need(("WRITE",), TOPIC, _TOPIC),),
    "explain TOPIC/PARTITION/OFFSET": (Need(("READ",), TOPIC, _TOPIC),),
    "preview TOPIC/PARTITION/OFFSET": (Need(("READ",), TOPIC, _TOPIC),),
    "diff --topic": (Need(("READ",), TOPIC, _TOPIC),),
    "studio --config": (Need(("READ",), TOPIC, _SOURCES),),
}
"""What each command cannot do without. A right to a topic or group includes DESCRIBE on it."""

_INTENTS = "recipient_care.intents_topic"
_CARE = "recipient_care.care_topic"
_PREFERENCES = "recipient_care.preferences_topic"

WITH_CARE: Mapping[str, Sequence[Need]] = {
    "run": (
        Need(("READ", "WRITE"), TOPIC, _INTENTS),
        Need(("READ", "WRITE"), TOPIC, _CARE),
        Need(("READ",), TOPIC, _PREFERENCES),
    ),
    "audit": (
        Need(("READ",), TOPIC, _INTENTS),
        Need(("READ",), TOPIC, _CARE),
    ),
    "find": (Need(("READ",), TOPIC, _INTENTS),),
    "replay --dry-run": (Need(("READ",), TOPIC, _INTENTS),),
    "replay": (Need(("READ",), TOPIC, _INTENTS),),
}
"""What a command cannot do without besides, where recipient care is on; of a topic that is not configured nothing."""

OPTIONAL: Sequence[tuple[str, str]] = (
    ("CREATE on `outcomes.topic` and `dead_letters.topic`", "`run` makes them"),
    ("CREATE on `control.topic`", "`run`, `pause` and `resume` make it"),
    ("CREATE on `recipient_care.intents_topic` and `.care_topic`", "`run` makes them where recipient care is on"),
    ("CREATE on `dead_letters.redriven_topic`", "`redrive` and `replay` make it"),
    ("WRITE on `control.topic`", "`run`, if a rule or `rule_options` has `max_per_minute`; it is then needed"),
    ("CREATE on the topic", "`emit --create`"),
    (
        "DESCRIBE_CONFIGS on `outcomes.topic`, `dead_letters.topic`",
        "`run` keeps its batches within their `max.message.bytes` (else a refused batch is written again record by "
        "record), and warns of a retention or compaction that loses outcomes",
    ),
    (
        "DESCRIBE_CONFIGS on `kafka.topics`",
        "`run` takes records without a value on a compacted topic for deletions; `redrive` and `replay` find out "
        "whether a topic is compacted, and without it write only with `--not-compacted`",
    ),
    (
        "DESCRIBE_CONFIGS on the cluster",
        "`kafka.group_protocol: auto` asks which group protocols there are; without it, it tries",
    ),
)


def needed(command: str, settings: Settings, *, topics: Sequence[str] = (), into: str | None = None) -> list[Right]:
    """The rights of a command with this configuration.

    `topics` are those that its command line names; with `into`, `redrive` writes to this topic and to no other source.
    """
    rights: list[Right] = []
    for need in COMMANDS[command]:
        names = topics if need.setting == _TOPIC else _names(settings, need.setting)
        rights += [
            Right(operation, need.resource, f"{name}{need.suffix}")
            for name in names
            for operation in need.operations
            if not (operation == "WRITE" and need.setting == _SOURCES and into not in {None, name})
        ]
    return rights


def needed_with_care(command: str, settings: Settings, *, only: str | None = None) -> list[Right]:
    """The rights of a command besides, where recipient care is on; `only` those to the topic of this setting."""
    return [
        Right(operation, need.resource, name)
        for need in WITH_CARE[command]
        if only in {None, need.setting}
        for name in _names(settings, need.setting)
        for operation in need.operations
    ]


def _names(settings: Settings, setting: str) -> Sequence[str]:
    section, _, key = setting.partition(".")
    if setting == _HISTORY and settings.history.group_id is None:
        return [f"{settings.kafka.group_id}{HISTORY_SUFFIX}"]
    value = getattr(getattr(settings, section), key)
    return [value] if isinstance(value, str) else list(value or ())


def as_markdown() -> str:
    """The reference of rights."""
    lines = [
        "# Rights in Kafka",
        "",
        "Generated from `pipeline/bootstrap/kafka_rights.py`; do not edit. Tests run each command on a Kafka with an "
        "authorizer, SASL and TLS: with exactly these rights it succeeds, and without any one of them it is refused "
        "before it changes or sends anything, with exit code 2 and a message that names user, operation and resource; "
        "`studio` shows that message on its page and continues (`tests/integration/test_kafka_rights.py`, "
        "`tests/acceptance/test_kafka_rights.py`). No command needs a right on the cluster.",
        "",
        "Names are those of Kafka's ACLs; READ and WRITE include DESCRIBE. `run --shadow` needs the same rights on the "
        "names with the suffix `.shadow`.",
        "",
        "| command | topic or group | operations |",
        "|---|---|---|",
    ]
    lines += _rows(COMMANDS)
    lines += [
        "",
        "## Where recipient care is on, besides",
        "",
        "The topic of preferences only if it is configured. Once care is switched off, `run` needs the rights to the "
        "topic of intents until nothing is left in it.",
        "",
        "| command | topic or group | operations |",
        "|---|---|---|",
        *_rows(WITH_CARE),
    ]
    lines += [
        "",
        "## What more rights give",
        "",
        "| right | for |",
        "|---|---|",
        *(f"| {right} | {purpose} |" for right, purpose in OPTIONAL),
        "",
        "Grant one with Kafka's own tool:",
        "",
        "```console",
        "$ kafka-acls --bootstrap-server broker:9092 --add --allow-principal User:pipeline \\",
        "    --operation Read --operation Write --topic notice.outcomes",
        "```",
        "",
        "`run` proves its rights at every start, before it reads: brokers report them when a topic or group is "
        "described (KIP-430, Kafka 2.3 and later). Where they do not report them, that is logged "
        "(`rights_not_reported`). Under `workers`, a worker whose rights are refused is not started again: all workers "
        "end, with exit code 2.",
    ]
    return "\n".join(lines) + "\n"


def _rows(table: Mapping[str, Sequence[Need]]) -> list[str]:
    rows: list[str] = []
    for command, needs in table.items():
        for number, need in enumerate(needs):
            named = need.setting if need.setting == _TOPIC else f"`{need.setting}`"
            name = f"{need.resource} {named}" + (f" + `{need.suffix}`" if need.suffix else "")
            shown = f"`{command}`" if number == 0 else ""
            rows.append(f"| {shown} | {name} | {', '.join(need.operations)} |")
    return rows


def care_rights(command: str, settings: Settings, rules: RuleSet) -> list[Right]:
    """The rights in Kafka that the command needs besides, because of recipient care.

    A topic that this user may not see looks like one that does not exist, and what is on its way in it like lost.
    """
    return needed_with_care(command, settings) if uses_care(settings, rules) else []
