"""A hint names the closest known name."""

from __future__ import annotations

from pipeline.model.suggestion import did_you_mean, known_keys
from pipeline.rules.source.format import RuleFile, TemplateFile
from pipeline.settings.model import Settings


def test_the_closest_name_is_suggested() -> None:
    """And none where none is alike, whatever the length of what is given."""
    assert did_you_mean("amuont", ["count", "amount"]) == "did you mean `amount`?"
    assert did_you_mean("x" * 1_000_000, ["count", "amount"]) is None


def test_an_invisible_character_is_named() -> None:
    """The suggestion would look the same as what is written."""
    assert did_you_mean("order\u200b.paid", ["order.paid"]) == "it has an invisible character: type `order.paid` again"


def test_the_keys_of_a_format_at_a_path() -> None:
    """Through lists, free keys of mappings, optional parts and choices."""
    assert "when" in known_keys(RuleFile, ("rules", 0))
    assert known_keys(RuleFile, ("rules", 0, "data", "thing1")) == ["value", "color"]
    assert "optional" in known_keys(TemplateFile, ("templates", "paid", "fields", "thing1"))
    assert "bootstrap_servers" in known_keys(Settings, ("kafka",))
