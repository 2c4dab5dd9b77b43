"""Folders of schemas."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.adapters.events.schema_files import schema_files, schema_of
from pipeline.errors import SchemaError


@pytest.mark.parametrize(
    "names",
    [
        ["coupon.v9.avsc", "coupon.v10.avsc", "coupon.v11.avsc"],
        ["1.avsc", "2.avsc", "10.avsc"],
        ["v2/order.avsc", "v10/order.avsc"],
        ["order-v1.2.avsc", "order-v1.10.avsc", "order.avsc"],
        ["a.avsc", "a1.avsc", "b.avsc"],
    ],
    ids=str,
)
def test_versions_are_in_their_natural_order(tmp_path: Path, names: list[str]) -> None:
    """Numbers in the names of files and folders are compared as numbers."""
    for name in reversed(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in schema_files(tmp_path)] == names


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"", ": not JSON: the file is empty", "write a record schema"),
        (b"\xef\xbb\xbf \n", ": not JSON: the file is empty", "write a record schema"),
        (b'{"type": "record",\n "name": }', ":2:10: not JSON: a value is missing", ""),
        (b'{"type": "record",\n}', ":2:1: not JSON: a name in double quotes is missing", "remove the comma"),
        (b'{"fields": [1,\n ]}', ":2:2: not JSON: a value is missing", "remove the comma"),
        (b'{"type": "record"', ":1:18: not JSON: a comma or a closing bracket is missing", "ends too early"),
        (b'{"type" "record"}', ":1:9: not JSON: a colon is missing", ""),
        (b'{"type": "record}', ":1:10: not JSON: the text that begins here has no closing quote", ""),
        (b'{"type": "rec\nord"}', ":1:14: not JSON: a line break", ""),
        (b'{"type": "\\x"}', ":1:11: not JSON: an escape that JSON does not have", ""),
        (b"// a schema\n{}", ":1:1: not JSON: a value is missing", "no comments"),
        (b"{'type': 1}", ":1:2: not JSON: a name in double quotes is missing", "double quotes"),
        (b"{} {}", ":1:4: not JSON: the file continues after the schema's end", ""),
        (b'{"doc": "\xff"}', ": not JSON: byte 9 is not UTF-8", "UTF-8"),
        (b"[" * 100_000, ": not JSON: nested too deeply", ""),
    ],
)
def test_a_file_that_is_not_json_is_refused_with_location_and_hint(content: bytes, message: str, hint: str) -> None:
    """In the words of JSON, not of Python's parser."""
    with pytest.raises(SchemaError) as refused:
        schema_of("paid.avsc", content)
    assert refused.value.message.startswith("paid.avsc" + message)
    assert hint in (refused.value.hint or "")
