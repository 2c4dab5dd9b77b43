"""`schemas export`: one type on standard output, all into a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def test_one_type_is_printed(run: Run) -> None:
    """By the last parts of its name, as JSON alone."""
    done = run("schemas", "export", "schemas", "--type", "order.paid.v1", "--json-schema")
    assert done.code == 0, done.err
    schema = json.loads(done.out)
    assert (schema["title"], schema["type"]) == ("com.example.trade.order.paid.v1", "object")


def test_all_types_are_written_to_a_folder(run: Run, shop: Path) -> None:
    """A file for each, in a folder that is made."""
    done = run("schemas", "export", "schemas", "--out", "out/json")
    assert done.code == 0, done.err
    files = sorted((shop / "out" / "json").iterdir())
    assert done.out.splitlines() == [f"written: out/json/{path.name}" for path in files]
    assert [json.loads(path.read_text(encoding="utf-8"))["title"] for path in files] == [
        path.name.removesuffix(".schema.json") for path in files
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere"),
        (["schemas", "--type", "order.pait.v1"], "order.paid.v1"),
    ],
)
def test_misuse_ends_with_2(run: Run, arguments: list[str], message: str) -> None:
    """With the reason, and a name that is close."""
    done = run("schemas", "export", *arguments)
    assert done.code == 2
    assert message in done.err


def test_a_broken_schema_is_an_error(run: Run, shop: Path) -> None:
    """Nothing is written."""
    (shop / "schemas" / "broken.avsc").write_text('{"type": "record", "name": "x"}', encoding="utf-8")
    done = run("schemas", "export", "schemas", "--out", "out")
    assert (done.code, done.out) == (1, "")
    assert "broken.avsc" in done.err
    assert not (shop / "out").exists()
