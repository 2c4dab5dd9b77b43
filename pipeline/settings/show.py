"""Shows the configuration: the values in force with secrets masked, their JSON Schema and their reference."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipeline.settings.model import Settings
from pipeline.settings.secrets import MASK, names_a_secret

_USER_OF_URL = re.compile(r"(://)[^/?#@]*@")


def masked(settings: Settings) -> dict[str, object]:
    """Every value in force, ready for JSON or YAML, with secrets masked."""
    shown = _mask(settings.model_dump(mode="json"))
    if not isinstance(shown, dict):
        raise TypeError("a configuration is a mapping")
    return shown


def changed(settings: Settings) -> dict[str, str]:
    """Values that differ from the defaults, and `environment`, by dotted key, with secrets masked."""
    given = _mask(settings.model_dump(mode="json", exclude_defaults=True))
    return {"environment": settings.environment, **dict(_flat(given, ""))}


def _flat(value: object, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, below in value.items():
            yield from _flat(below, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        yield key, ", ".join(map(str, value))
    else:
        yield key, value if isinstance(value, str) else json.dumps(value)


def _mask(value: object, name: str = "") -> object:
    if isinstance(value, dict):
        # The path of a file is not secret, only its content.
        keep = name.endswith("_files")
        return {key: _mask(below, "" if keep else str(key)) for key, below in value.items()}
    if isinstance(value, list):
        return [_mask(below) for below in value]
    if isinstance(value, str) and names_a_secret(name) and not name.endswith(("_file", "_url")):
        return MASK
    return _USER_OF_URL.sub(rf"\1{MASK}@", value) if isinstance(value, str) else value


def json_schema() -> str:
    """JSON Schema of the configuration file."""
    schema = Settings.model_json_schema(mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Configuration of notice-pipeline"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def as_markdown() -> str:
    """The reference of the settings, in Markdown."""
    lines = [
        "# Configuration",
        "",
        "Generated from `pipeline/settings/` and `pipeline/delivery/`; do not edit.",
        "",
        "Every key can be set by an environment variable: `kafka.group_id` by `NOTICE_PIPELINE_KAFKA__GROUP_ID`, and "
        "`kafka.topics` by `NOTICE_PIPELINE_KAFKA__TOPICS` with the value `[a, b]`. Without a file, the variables are "
        "the whole configuration. A relative path is relative to the folder of the configuration file.",
        "",
    ]
    shown: dict[type, str] = {}
    """Title of each section so far."""
    for title, model in _sections(Settings, "", {}):
        lines += [f"## {title or 'Top level'}", "", (model.__doc__ or "").strip().splitlines()[0], ""]
        if model.__base__ in shown:
            lines += [f"Besides those below it has the keys of `{shown[model.__base__]}`.", ""]
        rows = [
            f"| `{f'{title}.' if title else ''}{name}` | {_default(field)} | {field.description or ''} |"
            for name, field in _own_fields(model, shown).items()
            if _section_of(field) is None
        ]
        lines += ["| key | default | meaning |", "|---|---|---|", *rows, ""] if rows else []
        shown[model] = title
    return "\n".join(lines)


def _sections(model: type[BaseModel], title: str, shown: dict[type, str]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Each section with its dotted title; those below an inherited field are left out."""
    fields = _own_fields(model, shown)
    shown[model] = title
    yield title, model
    for name, field in fields.items():
        below = _section_of(field)
        if below is not None:
            key = f"{title}.{name}" if title else name
            yield from _sections(below, f"{key}.NAME" if get_origin(field.annotation) is dict else key, shown)


def _own_fields(model: type[BaseModel], shown: Mapping[type, str]) -> dict[str, FieldInfo]:
    """The fields of a section, without those of the section that it extends, if that is shown already."""
    base = model.__base__
    inherited = base.model_fields if base is not None and issubclass(base, BaseModel) and base in shown else {}
    return {name: field for name, field in model.model_fields.items() if name not in inherited}


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    kinds = [field.annotation, *get_args(field.annotation)]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None or value == "":
        return "—"
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"
