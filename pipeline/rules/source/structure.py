"""From a document to the format's own values: what does not fit becomes findings with their locations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.model.finding import Finding
from pipeline.model.suggestion import closest, did_you_mean, known_keys
from pipeline.phrases import joined, phrase
from pipeline.rules.source.document import Document
from pipeline.rules.source.format import LATER, LATER_KEYS, SHAPES
from pipeline.rules.source.misplaced import first_misplaced
from pipeline.styles.registry import STYLES

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_OBJECTS = frozenset({"FieldValue", "TemplateByValue"})
"""What may stand in the place of a text."""
Model = TypeVar("Model", bound=BaseModel)


def validate(document: Document, model: type[Model]) -> tuple[Model | None, list[Finding]]:
    """The document as a `model`, or the findings that say why it does not fit."""
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        misplaced = first_misplaced(document)
        faults = [
            fault for fault in _clear(error.errors()) if misplaced is None or not misplaced.explains(fault["loc"])
        ]
        own = [] if misplaced is None else [misplaced.finding(document)]
        return None, [*own, *dict.fromkeys(_finding(document, model, fault) for fault in faults)]


def _clear(faults: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Of a choice between a text and an object, only the errors about the one that was meant."""
    objects = {
        fault["loc"][:-1] if fault["loc"][-1] not in _OBJECTS else fault["loc"]
        for fault in faults
        if _OBJECTS.intersection(fault["loc"]) and fault["type"] != "model_type"
    }
    chosen = {
        loc[: loc.index("TemplateByValue")]
        for loc in (*objects, *(fault["loc"] for fault in faults))
        if "TemplateByValue" in loc
    }
    unknown = [fault["loc"] for fault in faults if fault["type"] == "extra_forbidden"]
    for fault in faults:
        location = fault["loc"]
        if fault["type"] == "missing" and any(
            other[:-1] == location[:-1] and closest(str(other[-1]), [str(location[-1])]) for other in unknown
        ):  # it is misspelt, which is a finding of its own
            continue
        if location and location[-1] in _OBJECTS and fault["type"] == "model_type":
            continue
        if location[-1:] == ("str",) and location[:-1] in chosen and isinstance(fault["input"], dict):
            continue
        is_text = bool(location) and str(location[-1]).startswith(("function-", "constrained-str"))
        if is_text and any(path[: len(location) - 1] == location[:-1] for path in objects):
            continue
        if location[-2:-1] == ("on",) and location[-1] == "str":  # of a choice of a text and a list
            continue
        yield fault


def _finding(document: Document, model: type[BaseModel], fault: ErrorDetails) -> Finding:
    path = tuple(
        part
        for part in fault["loc"]
        if isinstance(part, int) or (part not in _OBJECTS and "[" not in part and part not in {"str", "tuple"})
    )
    match fault["type"]:
        case "extra_forbidden" if path[-1] in LATER_KEYS or path[-2:] == ("expect", "until"):
            return document.finding(
                path, "not-in-release", phrase("`{key}` is not in this release", key=path[-1]), _LATER
            )
        case kind if kind == LATER:
            found = document.finding(
                path,
                "not-in-release",
                phrase("{name}: `{key}` is not in this release", name=_called(path), key=fault["msg"]),
                _LATER,
            )
            location = document.value_location(path)
            return found._replace(line=location.line, column=location.column)
        case "extra_forbidden":
            return _unknown_key(document, path, known_keys(model, path[:-1]))
        case "missing":
            return document.finding(path, "missing-key", phrase("{name} is missing", name=_called(path)))
        case _:
            message, hint = _message(fault)
            if not path:
                begins = next(key for key, field in model.model_fields.items() if field.is_required())
                hint = phrase("it must begin with `{begins}:`", begins=begins)
            if fault["input"] is None and (comment := _comment_behind(document, path)) is not None:
                message, hint = (
                    phrase("the value is a comment, because it begins with `#`"),
                    phrase('put it in quotes: "{comment}"', comment=comment),
                )
            location = document.location(path) if fault["input"] is None else document.value_location(path)
            finding = document.finding(
                path,
                "wrong-value",
                phrase("{name}: {message}", name=_called(path), message=message)
                if path
                else phrase("the file {message}", message=message),
                hint,
            )
            return finding._replace(line=location.line, column=location.column)


def _called(path: tuple[str | int, ...]) -> str:
    if not path:
        return phrase("the file")
    *above, last = path
    return (
        f"`{last}`"
        if isinstance(last, str)
        else phrase("entry {number} of {list}", number=last + 1, list=_called(tuple(above)))
    )


_LATER = phrase("leave it out; a later release carries it out")
_FORM = phrase("does not have the required form")


def _comment_behind(document: Document, path: tuple[str | int, ...]) -> str | None:
    """What stands as a comment where a key's value is: `color: #ff0000`."""
    lines = document.text.split("\n")
    line, column = document.location(path)
    found = re.match(r"[^:#]*:\s+(#[^\s#]\S*)", lines[line - 1][column - 1 :]) if line <= len(lines) else None
    return found[1] if found is not None else None


def _unknown_key(document: Document, path: tuple[str | int, ...], known: list[str]) -> Finding:
    name = str(path[-1])
    hint = _colon_hint(name, known) or did_you_mean(name, known)
    if hint is None and "data" in known and any(style.owns(name) for style in STYLES.values()):
        hint = phrase("put the fields of the card below `data:`")
    elif "until" in known:
        hint = phrase("the last day is `until`, the first one `from`")
    elif hint is None and name[:1] in "–—－•·*":
        hint = phrase("an entry of a list begins with `- `: a plain hyphen and a space")
    elif hint is None and not name.isidentifier():
        hint = phrase("inside { } a comma begins the next key: put a text with a comma in quotes")
    return document.finding(path, "unknown-key", phrase("unknown key `{name}`", name=name), hint)


def _colon_hint(name: str, known: list[str]) -> str | None:
    """About a known key with its value: within { } `label:备注` and `label：备注` are keys without one."""
    key, colon, _ = name.replace("：", ":").partition(":")
    if not colon or key not in known:
        return None
    if "：" in name:
        return phrase("`：` is a full-width colon: write `:` and a space")
    return phrase("write a space after the colon")


_KINDS: Mapping[str, tuple[str, str | None]] = {
    "tuple_type": (phrase("should be a list"), phrase("begin each entry with `- ` on a line of its own")),
    "string_type": (phrase("should be a text"), None),
    "bool_type": (phrase("is true or false"), None),
    "bool_parsing": (phrase("is true or false"), None),
    "dict_type": (phrase("should have keys below it, each with its value"), None),
    "model_type": (phrase("should have keys below it, each with its value"), None),
    "too_short": (phrase("is empty"), None),
}
"""Pydantic's kinds of errors as an author of YAML would say them, with a hint."""
_OF_KEYS: Mapping[tuple[str, str], str] = {
    ("dict_type", "ids"): phrase("an id for each environment: {production: …}"),
    ("string_type", "to"): phrase("a message goes to one recipient: write to: ${event.sub}"),
    ("string_type", "when"): phrase("join conditions with `&&` or `||` in one text"),
    ("string_type", "template"): phrase(
        'one rule has one template; by a value: {by: event.locale, of: {zh: …, "*": …}}'
    ),
    ("dict_type", "of"): phrase('a template for each value: {zh: …, en: …, "*": …}'),
    ("string_type", "url"): phrase("a message has one url"),
    ("string_type", "reference"): phrase("a message has one reference: join several fields in one text"),
    ("too_short", "of"): phrase('a template for each value: {zh: …, en: …, "*": …}'),
    ("model_type", "active"): phrase("write {from: 2026-11-01, until: 2026-12-31}"),
    ("model_type", "once"): phrase('write {by: "${event.order_no}", within: 24h}'),
    ("model_type", "quiet"): phrase("write {hours: night, then: drop}"),
    ("model_type", "of"): phrase("write all, or {category: marketing}"),
    ("tuple_type", "caps"): phrase("write a list of names: [marketing-a-day]"),
    ("dict_type", "data"): phrase("a field of the card and its text on each line: thing1: ${event.order_no}"),
    ("dict_type", "overflow"): phrase("write {thing3: truncate}"),
    ("tuple_type", "tuple[str, ...]"): phrase("write an event type, or a list of them: [a, b]"),
}
"""Hints for keys whose values are often of another kind."""


def _in_form(given: str, pattern: str) -> str | None:
    """The text in small letters and with hyphens, if it then has the form."""
    likely = re.sub(r"[\s_.]+", "-", given.strip().lower())
    return phrase("write {likely}", likely=likely) if re.fullmatch(pattern, likely) is not None else None


def _message(fault: ErrorDetails) -> tuple[str, str | None]:
    kind, given = fault["type"], fault.get("ctx", {})
    if fault["input"] is None and fault["loc"][-1:] != ("ids",):
        return phrase("has no value"), phrase("write one, or leave the line out")
    if kind in _KINDS:
        message, hint = _KINDS[kind]
        name = next((str(part) for part in reversed(fault["loc"]) if part != "str"), "")
        value = fault["input"]
        if kind == "string_type" and isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
            hint = phrase("write it without brackets: {value}", value=value[0])
        elif kind == "string_type" and isinstance(value, dict | list):
            hint = phrase("put a text that begins with a bracket in quotes: '…'")
        elif kind == "string_type":
            hint = phrase("put it in quotes: '…'")
        elif kind == "model_type" and "fields" in fault["loc"][-2:-1]:
            hint = phrase("write its label: {label: …}")
        return message, _OF_KEYS.get((kind, name), hint)
    if kind == "greater_than":
        return phrase("must be longer than 0, or no message is ever sent"), phrase(
            "write a duration like 30m, 24h or 7d"
        )
    if kind in {"literal_error", "enum"}:
        choices = re.findall(r"'([^']+)'", str(given.get("expected", "")))
        return phrase("is one of {choices}", choices=joined(", ", choices)), did_you_mean(str(fault["input"]), choices)
    if kind in {"too_long", "string_too_long"}:
        most = given.get("max_length", 0)
        if isinstance(fault["input"], list):
            return phrase("more than {most:,} entries", most=most), None
        return phrase("more than {most:,} characters", most=most), None
    if kind == "string_pattern_mismatch":
        shape = SHAPES.get(str(given.get("pattern")), _FORM)
        return shape, _in_form(str(fault["input"]), str(given.get("pattern")))
    own = given.get("error")
    return own.args[0] if isinstance(own, ValueError) else f"{fault['msg'][:1].lower()}{fault['msg'][1:]}", None
