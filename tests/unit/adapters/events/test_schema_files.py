"""Folders of schemas."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.adapters.events.schema_files import schema_files


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
