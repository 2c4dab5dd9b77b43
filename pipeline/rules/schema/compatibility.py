"""Whether events written with an older schema can be read with a newer one.

Source: Avro specification 1.12, "Schema Resolution". Beyond it, a changed logical type is reported: numbers would
be read with another meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.phrases import joined, phrase
from pipeline.rules.schema.event_schema import EventSchema

_PROMOTIONS = {
    ("int", "long"),
    ("int", "float"),
    ("int", "double"),
    ("long", "float"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("bytes", "string"),
}
"""Writer's type to reader's."""


def incompatibilities(new: EventSchema, old: EventSchema) -> list[str]:
    """The reasons that `new` cannot read some of `old`'s events, each with its location; empty if it reads all."""
    return list(_Comparison(_named(new.avro), _named(old.avro)).compare(new.avro, old.avro, "$"))


class _Comparison:
    def __init__(self, readers: Mapping[str, Any], writers: Mapping[str, Any]) -> None:
        self._readers = readers
        self._writers = writers

    def compare(self, new: Any, old: Any, location: str) -> Iterator[str]:  # noqa: ANN401 - a schema's JSON
        reader, writer = _plain(new, self._readers), _plain(old, self._writers)
        if isinstance(writer, list):
            for branch in writer:
                yield from self.compare(reader, branch, location)
            return
        if isinstance(reader, list):
            if all(any(self.compare(branch, writer, location)) for branch in reader):
                yield phrase(
                    "{location}: {writer} is none of {word}",
                    location=location,
                    writer=_word(writer),
                    word=joined(", ", map(_word, reader)),
                )
            return
        kind, was = _kind(reader), _kind(writer)
        if kind != was:
            if (was, kind) not in _PROMOTIONS:
                yield phrase(
                    "{location}: was {writer}, is {reader}",
                    location=location,
                    writer=_word(writer),
                    reader=_word(reader),
                )
        elif isinstance(reader, dict) and isinstance(writer, dict):
            yield from self._same_kind(kind, reader, writer, location)
        if _meaning(reader) != _meaning(writer):
            before, now = (_meaning(schema) or phrase("a plain value") for schema in (writer, reader))
            yield phrase("{location}: meant {before}, means {now}", location=location, before=before, now=now)

    def _same_kind(self, kind: str, reader: dict[str, Any], writer: dict[str, Any], location: str) -> Iterator[str]:
        match kind:
            case "record" | "error":
                yield from self._record(reader, writer, location)
            case "array":
                yield from self.compare(reader["items"], writer["items"], f"{location}[]")
            case "map":
                yield from self.compare(reader["values"], writer["values"], f"{location}.*")
            case "enum":
                gone = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
                if gone and "default" not in reader:
                    yield phrase(
                        "{location}: the enum has no {gone} any more, and no default",
                        location=location,
                        gone=joined(", ", gone),
                    )
            case "fixed" if reader["size"] != writer["size"]:
                yield phrase(
                    "{location}: was {before} bytes, is {now}",
                    location=location,
                    before=writer["size"],
                    now=reader["size"],
                )

    def _record(self, reader: dict[str, Any], writer: dict[str, Any], location: str) -> Iterator[str]:
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            names = [field["name"], *field.get("aliases", ())]
            found = next((written[name] for name in names if name in written), None)
            if found is not None:
                yield from self.compare(field["type"], found["type"], f"{location}.{field['name']}")
            elif "default" not in field:
                yield phrase(
                    "{location}.{name}: is not in those events, and has no default",
                    location=location,
                    name=field["name"],
                )


def _named(avro: Mapping[str, Any]) -> dict[str, Any]:
    """Every named type by its full name and, as a schema may well use it, by its own."""
    found: dict[str, Any] = {}

    def walk(node: Any, namespace: str) -> None:  # noqa: ANN401 - a schema's JSON
        if isinstance(node, list):
            for part in node:
                walk(part, namespace)
        elif isinstance(node, dict):
            space = namespace
            if node.get("type") in ("record", "error", "enum", "fixed"):
                name = str(node["name"])
                space = name.rpartition(".")[0] if "." in name else str(node.get("namespace", namespace))
                found[f"{space}.{name}" if space and "." not in name else name] = node
                found.setdefault(name, node)
            for key in ("type", "items", "values", "fields"):
                walk(node.get(key), space)

    walk(avro, "")
    return found


def _plain(node: Any, named: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a schema's JSON
    """Names looked up, and `{"type": {…}}` unwrapped, so that kinds can be compared."""
    if isinstance(node, str):
        return named.get(node, node)
    if isinstance(node, dict) and not isinstance(node["type"], str):
        return _plain(node["type"], named)
    return node


def _kind(node: Any) -> str:  # noqa: ANN401 - a schema's JSON
    return str(node["type"] if isinstance(node, dict) else node)


def _meaning(node: Any) -> str:  # noqa: ANN401 - a schema's JSON
    """What a logical type makes of a number; a uuid stays a text."""
    if not isinstance(node, dict) or node.get("logicalType") in {None, "uuid"}:
        return ""
    if node["logicalType"] == "decimal":
        return phrase("a decimal of {places} places", places=node.get("scale", 0))
    return str(node["logicalType"])


def _word(node: Any) -> str:  # noqa: ANN401 - a schema's JSON
    return phrase("a union") if isinstance(node, list) else _kind(node)
