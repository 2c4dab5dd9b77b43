"""Writes down what this release gives out of its hands: `python -m tests.upgrade.record 0.1.0`, once for each release.

Records, commits, rules and names outlive the release that made them. What is written here is never written again.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from pipeline import metrics
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.adapters.rule_files import read_rules
from pipeline.delivery import pointer
from pipeline.model import dead_letter
from pipeline.model.event import Event, Record
from pipeline.model.ledger import LedgerPosition
from pipeline.model.notice import Notice
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.rules.compile import load
from pipeline.rules.schema.examples import example
from pipeline.rules.schema.json_events import JsonReader
from tests.fakes.outcomes import BARE, WHOLE

ROOT = Path(__file__).resolve().parents[2]
RELEASES = Path(__file__).resolve().parent / "releases"
POINTERS = (LedgerPosition(0, 0), LedgerPosition(11, 2**40), LedgerPosition(2**31 - 1, 2**62))
OUTCOMES = (
    WHOLE,
    *(WHOLE._replace(kind=kind, id=f"outcome-{kind}") for kind in OutcomeKind),
    BARE,
)


def notices_of(folder: Path, events: dict[str, dict[str, object]]) -> dict[str, list[dict[str, str]]]:
    """What the folder's rules make of each event: id, rule and body of each notice."""
    catalogue = read_schemas(folder / "events")
    rules = load(read_rules(folder / "rules"), catalogue, environment="production")
    found: dict[str, list[dict[str, str]]] = {}
    for name, data in events.items():
        schema = catalogue.newest(name)
        if schema is None:
            raise LookupError(name)
        record = Record("events", 0, 7, None, None, (), 1_795_406_400_000)
        event = Event(
            name, JsonReader(schema).read(data), record, "events/0/7", None, None, 1_795_406_400_000, None, None
        )
        found[name] = [
            {"id": item.id, "rule": item.rule, "body": item.body.decode()}
            for item in rules.evaluate(event)
            if isinstance(item, Notice)
        ]
    return found


def dead_letter_headers() -> list[str]:
    """The names that redrive and other readers go by."""
    return sorted(
        {value for value in vars(dead_letter).values() if isinstance(value, str) and value.startswith("notice.")}
    )


def outcome_fields(outcome: Outcome) -> dict[str, object]:
    """Every field by its name, as JSON holds it."""
    fields = {**outcome._asdict(), "trace": outcome.trace.traceparent if outcome.trace else None}
    read: dict[str, object] = json.loads(json.dumps(fields))
    return read


def record(release: str) -> Path:
    """Write the folder of a release; refuses one that is there."""
    folder = RELEASES / release
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "rules", folder / "rules", ignore=shutil.ignore_patterns("tests"))
    shutil.copytree(ROOT / "schemas" / "events", folder / "events")
    shutil.copy(ROOT / "schemas" / "outcome.avsc", folder)
    encode = OutcomeEncoder(1, lambda recipient: recipient)
    (folder / "outcomes.hex").write_text("".join(f"{encode(outcome).hex()}\n" for outcome in OUTCOMES))
    _write(folder / "outcomes.json", [outcome_fields(outcome) for outcome in OUTCOMES])
    (folder / "pointers.txt").write_text("".join(f"{pointer.write(position, 'topic')}\n" for position in POINTERS))
    catalogue = read_schemas(folder / "events")
    events = {name: example(schema, lambda: 0.5, 3) for name in sorted(catalogue) if (schema := catalogue.newest(name))}
    _write(folder / "events.json", events)
    _write(folder / "notices.json", notices_of(folder, json.loads((folder / "events.json").read_text())))
    _write(
        folder / "names.json",
        {
            "metrics": sorted(metric.full_name for metric in metrics.CATALOGUE),
            "kinds": sorted(OutcomeKind),
            "reasons": sorted(Reason),
            "dead_letter_headers": dead_letter_headers(),
        },
    )
    return folder


def _write(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.stdout.write(f"written: {record(sys.argv[1])}\n")
