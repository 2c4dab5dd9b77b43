"""A file of events compared in shares, here and in other processes, gives what one comparison of all gives."""

from __future__ import annotations

import gzip
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.adapters.authoring.compared_files import (
    MOST_FAULTS,
    UNREADABLE,
    Found,
    Recording,
    RuleSetPair,
    compare_file,
)
from pipeline.authoring.diff.changes import Change
from pipeline.errors import RulesRefused, UserError
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from tests.unit.cli.conftest import PAID as DATA
from tests.unit.rules.shop import PAID, RULE, SCHEMA, TEMPLATES

CATALOGUE = SchemaCatalogue([EventSchema(SCHEMA, "paid.avsc")])
TEA = RULE.replace("data: {thing1: 豆}", "data: {thing1: 茶}\n    when: event.count > 2")


def sides(new: str = TEA, *, examples: int = 3) -> RuleSetPair:
    """The shop's rule against another."""
    old, other = (RuleSources({"shop.yaml": text}, ("templates.yaml", TEMPLATES)) for text in (RULE, new))
    return RuleSetPair.of((old, CATALOGUE), (other, CATALOGUE), None, examples)


def lines(number: int) -> list[str]:
    """Events of which a quarter changes and the others go, an hour apart."""
    times = [f"2026-11-{1 + one // 24:02d}T{one % 24:02d}:00:00Z" for one in range(number)]
    return [
        json.dumps({"type": PAID, "time": time, "data": DATA | {"count": one % 4}}) for one, time in enumerate(times)
    ]


def written(folder: Path, texts: Sequence[str]) -> Path:
    path = folder / "events.jsonl"
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


def compared(path: Path, *, jobs: int = 1, share: int = 7, alone: int = 2, given: RuleSetPair | None = None) -> Found:
    counts: list[int] = []
    recording = Recording(path, None)
    found = compare_file(given or sides(), recording, jobs=jobs, counted=counts.append, share=share, alone=alone)
    assert counts == sorted(counts)
    assert counts[-1:] == [found.diff.events][: len(counts)]
    return found


@pytest.mark.parametrize(("jobs", "share", "alone"), [(1, 1, 0), (1, 500, 12), (2, 7, 2), (3, 1, 0)])
def test_it_is_the_same_in_shares_of_any_size(tmp_path: Path, jobs: int, share: int, alone: int) -> None:
    """Figures, examples, faults and their order; records that are not events are between them."""
    texts = lines(60)
    for at in (50, 31, 30, 3):
        texts.insert(at, '{"type": 7}' if at % 2 else "{")
    path = written(tmp_path, texts)
    found = compared(path, jobs=jobs, share=share, alone=alone)
    assert found == compared(path, share=1_000)
    assert found.diff.events == 60
    assert found.diff.rules["paid"].counts == {Change.GONE: 45, Change.CHANGED: 15}
    assert str(found.diff.rules["paid"].examples[0].position) == f"{path}/0/0"
    assert found.diff.undecodable == {UNREADABLE: 4}
    assert [message.split(":")[1] for message in found.faults] == ["4", "32", "34"]
    assert len(found.faults) == MOST_FAULTS


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_that_breaks_off(tmp_path: Path, jobs: int) -> None:
    """What stands before the break counts, wherever in a share it comes; that it breaks is reported."""
    whole = gzip.compress("\n".join(lines(600)).encode())
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    found = compared(path, jobs=jobs)
    assert 0 < found.diff.events < 600
    assert found.diff.undecodable[UNREADABLE] == 1
    assert "the rest was not read" in found.faults[-1]
    assert found == compared(path, share=1_000)


def test_a_file_of_which_nothing_can_be_read(tmp_path: Path) -> None:
    """Is misuse, not an empty comparison."""
    with pytest.raises(UserError, match="cannot be read"):
        compared(tmp_path / "nowhere.jsonl", jobs=2)


def test_no_process_is_started_for_a_short_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for an empty one."""
    monkeypatch.setattr("pipeline.adapters.authoring.compared_files.ProcessPoolExecutor", None)
    assert compared(written(tmp_path, lines(14)), jobs=2, share=7, alone=2).diff.events == 14
    assert compared(written(tmp_path, []), jobs=2).diff.events == 0


def test_rules_with_errors_are_refused_before_a_process_is_started(tmp_path: Path) -> None:
    """With their findings."""
    with pytest.raises(RulesRefused):
        compared(written(tmp_path, lines(3)), given=sides("rules:\n  - {id: a}\n"))


def test_a_process_that_is_ended_is_reported_clearly(tmp_path: Path) -> None:
    """As by the kernel, when memory runs out."""
    parent = os.getpid()
    children = Path(f"/proc/{parent}/task/{parent}/children")
    if not children.exists():
        pytest.skip("nothing here tells of child processes")
    before = children.read_text().split()

    def kill(_: int) -> None:
        for child in children.read_text().split():
            if child not in before and b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)

    path = written(tmp_path, lines(600))
    with pytest.raises(UserError, match="was killed") as raised:
        compare_file(sides(), Recording(path, None), jobs=2, counted=kill, share=5, alone=0)
    assert raised.value.hint == "try --jobs 1"
