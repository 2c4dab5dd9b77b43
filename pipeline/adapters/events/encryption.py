"""Refuses schemas whose writers encrypt fields, or whole values: rules would send ciphertext to customers.

Source: Confluent's API reference, "ruleSet" and "metadata", and "Client-Side Field Level Encryption".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.errors import SchemaError


def require_plain(answer: object, documents: Iterable[object], name: str) -> None:
    """Refuse a registry's `answer` with a rule that encrypts what its schema, one of `documents`, marks by tags.

    Raises:
        SchemaError: `name` and the rule are named.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("ruleSet"), dict):
        return
    marked: set[str] | None = None
    for kind in ("domainRules", "encodingRules"):
        rules = answer["ruleSet"].get(kind)
        for rule in rules if isinstance(rules, list) else ():
            if not isinstance(rule, dict) or rule.get("disabled") is True:
                continue
            if not str(rule.get("type", "")).upper().startswith("ENCRYPT"):
                continue
            if marked is None:
                marked = {*_tags_of_metadata(answer), *(tag for avro in documents for tag in _tags(avro))}
            tags = rule.get("tags")
            if kind == "encodingRules" or not isinstance(tags, list) or marked.intersection(_texts(tags)):
                raise SchemaError(f"{name}: its fields are encrypted by their writer, rule `{rule.get('name')}`")


def _tags_of_metadata(answer: dict[str, object]) -> Iterator[str]:
    """Tags that stand beside the schema, by the paths of fields."""
    metadata = answer.get("metadata")
    by_path = metadata.get("tags") if isinstance(metadata, dict) else None
    for tags in by_path.values() if isinstance(by_path, dict) else ():
        yield from _texts(tags)


def _tags(avro: object) -> Iterator[str]:
    """Every `confluent:tags` in a schema, however deep."""
    waiting = [avro]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield from _texts(node.get("confluent:tags"))
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _texts(found: object) -> Iterator[str]:
    return (one for one in found if isinstance(one, str)) if isinstance(found, list) else iter(())
