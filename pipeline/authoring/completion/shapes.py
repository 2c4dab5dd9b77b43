"""The formats of the files as a tree of keys, with what each key takes; derived from their declaration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import BaseModel

from pipeline.authoring.completion.outline import Path
from pipeline.rules.lint.case_format import TestFile
from pipeline.rules.source.care_format import CareFile
from pipeline.rules.source.format import RuleFile, TemplateFile
from pipeline.styles.registry import STYLES

TEMPLATE_FILES = ("templates.yaml", "templates.yml")
CARE_FILES = ("care.yaml", "care.yml")


class FileKind(StrEnum):
    """What a file holds."""

    RULES = "rules"
    TEMPLATES = "templates"
    TESTS = "tests"
    CARE = "care"

    @classmethod
    def of(cls, name: str) -> FileKind:
        """The kind of the file with that name within the folder of rules."""
        parts = name.replace("\\", "/").split("/")
        if "tests" in parts[:-1]:
            return cls.TESTS
        if parts[-1] in CARE_FILES:
            return cls.CARE
        return cls.TEMPLATES if parts[-1] in TEMPLATE_FILES else cls.RULES


_MODELS: Mapping[FileKind, type[BaseModel]] = {
    FileKind.RULES: RuleFile,
    FileKind.TEMPLATES: TemplateFile,
    FileKind.TESTS: TestFile,
    FileKind.CARE: CareFile,
}


class Key(NamedTuple):
    """One key that a mapping may have."""

    name: str
    doc: str
    is_required: bool
    is_mapping: bool
    """Whether its value has keys of its own."""
    is_list: bool
    """Whether its value is a list and nothing else."""


class Shape:
    """What may be at one place of a file."""

    def __init__(self, root: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> None:
        """`root` is the whole JSON Schema, `parts` the alternatives for this place."""
        self._root = root
        self._parts = tuple(_alternatives(root, parts))

    def below(self, part: str | int) -> Shape:
        """What may be at a key or an item of it."""
        found: list[Mapping[str, Any]] = []
        for one in self._parts:
            if isinstance(part, int):
                found += [one["items"]] if isinstance(one.get("items"), dict) else []
            elif part in one.get("properties", {}):
                found.append(one["properties"][part])
            elif isinstance(one.get("additionalProperties"), dict):
                found.append(one["additionalProperties"])
            else:
                found += one.get("patternProperties", {}).values()
        return Shape(self._root, found)

    def at(self, path: Path) -> Shape:
        """What may be at a path below it."""
        shape = self
        for part in path:
            shape = shape.below(part)
        return shape

    def declared(self) -> list[Key]:
        """The keys that the format declares here."""
        found: dict[str, Key] = {}
        for one in self._parts:
            for name, schema in one.get("properties", {}).items():
                inner = Shape(self._root, [schema])
                doc = str(schema.get("description", ""))
                required = name in one.get("required", ())
                found.setdefault(name, Key(name, doc, required, inner.is_mapping, inner.is_list))
        return list(found.values())

    @property
    def is_mapping(self) -> bool:
        """Whether only keys can be here."""
        return bool(self._parts) and all(one.get("type") == "object" for one in self._parts)

    @property
    def is_list(self) -> bool:
        """Whether only a list can be here."""
        return bool(self._parts) and all(one.get("type") == "array" for one in self._parts)

    def values(self) -> list[str]:
        """The values that the format allows, where they are few."""
        found: list[str] = []
        for one in self._parts:
            if one.get("type") == "boolean":
                found += ["true", "false"]
            elif "enum" in one:
                found += [str(value) for value in one["enum"]]
            elif "const" in one:
                found.append(str(one["const"]))
        return found


def shape_of(kind: FileKind) -> Shape:
    """What a whole file of that kind holds."""
    return _shape(kind, tuple(STYLES))


@lru_cache(maxsize=8)
def _shape(kind: FileKind, styles: tuple[str, ...]) -> Shape:
    """`styles` are the names that the schema depends on."""
    del styles
    schema = _MODELS[kind].model_json_schema(by_alias=True)
    return Shape(schema, [schema])


def _alternatives(root: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for part in parts:
        if "$ref" in part:
            yield from _alternatives(root, [root["$defs"][str(part["$ref"]).rpartition("/")[2]]])
        elif "anyOf" in part:
            yield from _alternatives(root, part["anyOf"])
        elif part.get("type") != "null":
            yield part
