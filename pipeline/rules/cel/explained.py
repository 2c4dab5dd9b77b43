"""CEL's messages about an expression that does not compile, as an author of rules understands them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.model.suggestion import closest, did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.cel import mismatches, type_names
from pipeline.rules.cel.compiling import CompileError
from pipeline.rules.cel.fields import Fields, records
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.other_languages import instead
from pipeline.rules.cel.syntax import syntax
from pipeline.rules.functions import FUNCTIONS
from pipeline.rules.schema.types import RecordType, ScalarType, without_null

PACKAGE = "event_types"
"""Of CEL's names of an event's records: flat, so that a namespace clashes neither with Google's nor with another."""


def explained(
    source: str, error: CompileError, fields: Fields | None = None, record_types: Mapping[str, str] | None = None
) -> list[Fault]:
    """CEL's messages about an expression as ours, without those that follow from others.

    `fields` are those of the event, None where they are not known; `record_types` has the names of CEL's records.
    """
    known = fields or _NO_FIELDS
    explain = _Explain(source, known, record_types or {})
    faults = [
        explain.fault(at, text) for at, text in _without_consequences(source, error.faults) if _TAINTED not in text
    ]
    is_first_alone = faults[0].code == "expression-syntax" or "no function" in faults[0].message
    return faults[:1] if is_first_alone else faults  # the others follow from it


_NO_FIELDS = Fields(RecordType("", ()))


class _Explain(NamedTuple):
    source: str
    fields: Fields
    record_types: Mapping[str, str]

    def fault(self, at: int, text: str) -> Fault:
        """CEL's message as one of ours."""
        source = self.source
        if match := _UNDEFINED_FIELD.search(text):
            return self._unknown_field(at, match[1], self.record_types.get(match[2], ""))
        if match := _UNDECLARED.search(text):
            return _unknown_name(source, at, match[1], self.fields)
        if match := _NO_OVERLOAD.search(text):
            types = re.sub(rf"{PACKAGE}\.\w+", lambda found: self.record_types.get(found[0], found[0]), match[2])
            return _mismatch(source, at, match[1], types)
        if match := _NO_RECORD.search(text):
            return self._no_record(at, match[1])
        if match := _NO_RANGE.search(text):
            return _no_range(source, at, match[1])
        return Fault(at, "expression-syntax", *syntax(text, source, at))

    def _no_record(self, at: int, kind: str) -> Fault:
        """A field of what is not a record: `event.passengers.name`, `event.order_no.length`."""
        found = re.compile(r"\.\s*(\w+)").match(self.source, at)
        name = found[1] if found is not None else ""
        holder = _before(self.source, at + 1) or "event.…"
        inner = self.record_types.get(kind.removeprefix("list(").removesuffix(")"))
        record = next((one for one in records(self.fields.root) if one.name == inner), None)
        if record is not None and record.field(name) is not None:
            hint = phrase(
                'write {holder}[0].{name} for the first, or join({holder}.map(one, one.{name}), "、") for all',
                holder=holder,
                name=name,
            )
        else:
            hint = instead(name, holder, [function.name for function in FUNCTIONS], is_method=True) or ""
            if name == "event":
                hint = phrase("join texts with `+`")
            elif kind == "string" and "[" in hint:
                hint = phrase("write substring({holder}, 0, 1) for the first character", holder=holder)
        message = phrase(
            "`{holder}` is {kind}, which has no field `{name}`", holder=holder, kind=type_names.named(kind), name=name
        )
        return Fault(at + 1, "type-mismatch", message, hint or None)

    def _unknown_field(self, at: int, name: str, record_name: str) -> Fault:
        record = next(one for one in records(self.fields.root) if one.name == record_name)
        names = [field.name for field in record.fields]
        hint = did_you_mean(name, names) or phrase("it has {names}", names=joined(", ", names[:12]))
        start = self.source.find(name, at)
        return Fault(
            start if start >= 0 else at,
            "unknown-field",
            phrase("`{record_name}` has no field `{name}`", record_name=record_name, name=name),
            hint,
        )


_TAINTED = "*error*"
"""CEL's name of an unknown type: a message about one follows from another fault."""
_UNDEFINED_FIELD = re.compile(r"undefined field '([^']*)' not found in struct '([^']*)'")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_NO_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")
_NO_RECORD = re.compile(r"expression of type '([^']*)' cannot be the operand of a select operation")
_NO_RANGE = re.compile(r"expression of type '([^']*)' cannot be the range of a comprehension")
_MACRO_CALL = re.compile(r"\.\s*(all|exists|exists_one|map|filter)\s*\(")
_BUILT_IN = ("event", "size", "has", "string", "int", "double", "timestamp", "duration")


_OTHER_WORDS = {
    **dict.fromkeys(("none", "nil", "nul", "null", "undefined", "empty"), "null"),
    **dict.fromkeys(("true", "yes", "是"), "true"),
    **dict.fromkeys(("false", "no", "否"), "false"),
}
"""Names in other languages, in lower case, and CEL's names."""
_CLOCKS = frozenset({"now", "today", "sysdate", "current_timestamp", "currenttime", "currentdate"})


def _without_consequences(source: str, faults: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """The faults without those inside the call of an unknown function: the names that it was to declare, for example.

    `event.tags.any(one, one == "x")` has one fault, not three.
    """
    calls = [_extent(source, at) for at, text in faults if source[at : at + 1] == "(" and _UNDECLARED.search(text)]
    return [
        (at, text)
        for at, text in faults
        if _UNDECLARED.search(text) is None or not any(begin <= at < end and at != own for begin, own, end in calls)
    ]


def _extent(source: str, bracket: int) -> tuple[int, int, int]:
    """Where the call with this bracket begins, its bracket, and where it ends, with methods called on its result."""
    begins = _CALLED.search(source[:bracket])
    end = bracket
    while source[end : end + 1] == "(":
        end = _closing(source, end)
        further = _METHOD.match(source, end)
        end = further.end() - 1 if further is not None else end
    return (begins.start() if begins is not None else bracket, bracket, end)


_CALLED = re.compile(r"[A-Za-z_][\w.]*\s*$")
_METHOD = re.compile(r"\s*\.\s*\w+\(")


def _no_range(source: str, at: int, kind: str) -> Fault:
    """A macro over what has no items: `event.order_no.exists(…)`."""
    call = _MACRO_CALL.search(source, at)
    start = call.start(1) if call is not None else at
    name = call[1] if call is not None else "exists"
    holder = _before(source, start) or "event.…"
    hint = (
        phrase('write {holder}.contains("…")', holder=holder)
        if kind == "string"
        else phrase("name a list or a map of the event")
    )
    return Fault(
        start,
        "type-mismatch",
        phrase("`{name}` goes through a list or a map, not {kind}", name=name, kind=type_names.named(kind)),
        hint,
    )


def _unknown_name(source: str, at: int, name: str, fields: Fields) -> Fault:
    name = name.partition(".")[0]
    start = max(0, source.find(name, max(0, at - len(name))))
    behind = source[start + len(name) :].lstrip()
    if not name:  # `.urgent`
        field = _AFTER_POINT.match(source, start)
        hint = phrase(
            "a field is named after a point: event.{field}", field=field[1] if field is not None else "order_no"
        )
        return Fault(start, "unknown-name", phrase("a name is missing before the point"), hint)
    if not behind.startswith("("):
        hint = _other_holder(behind, fields) or _of_the_item(source[:start], name, fields) or _near_name(name, fields)
        return Fault(start, "unknown-name", phrase("there is no `{name}` here", name=name), hint)
    is_method = source[:start].rstrip().endswith(".")
    subject = _before(source, start) if is_method else _first_argument(behind)
    declared = next((one for one in FUNCTIONS if one.name == name), None)
    if declared is not None and not is_method:
        return mismatches.of_call(start, name, [""] * _count(behind))
    names = [function.name for function in FUNCTIONS]
    if name == "event":
        hint = phrase("a field is named after a point: event.order_no")
        return Fault(start, "unknown-name", phrase("`event` is not a function"), hint)
    if name in _BUILT_IN and not is_method:
        hint = phrase("write {name}(event.…)", name=name)
        return Fault(
            start,
            "type-mismatch",
            phrase("`{name}` takes 1 argument, not {behind}", name=name, behind=_count(behind)),
            hint,
        )
    if subject == "event" and fields.root.field(name) is not None:
        return Fault(
            start,
            "unknown-name",
            phrase("`{name}` is a field, not a function", name=name),
            phrase("write event.{name}, without brackets", name=name),
        )
    known = did_you_mean(name, [*names, *_BUILT_IN]) or phrase(
        "there are {names}, and those of the reference", names=joined(", ", names)
    )
    hint = instead(name, subject, names, is_method=is_method) or known
    return Fault(start, "unknown-name", phrase("there is no function `{name}`", name=name), hint)


_AFTER_POINT = re.compile(r"\s*\.?\s*([A-Za-z_]\w*)")
_ITEM = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")


def _other_holder(behind: str, fields: Fields) -> str | None:
    """Of a field that is read from something else: `data.order_no`, `this.order_no`, `Channel.WECHAT`."""
    found = _AFTER_POINT.match(behind) if behind.startswith(".") else None
    if found is None:
        return None
    if fields.root.field(found[1]) is not None:
        return phrase("did you mean `event.{own}`?", own=found[1])
    return phrase('write "{symbol}"', symbol=found[1]) if found[1] in _symbols(fields) else None


def _symbols(fields: Fields) -> frozenset[str]:
    """The values of all enums of the event."""
    kinds = (field.type for record in records(fields.root) for field in record.fields)
    plain = (without_null(kind) for kind in kinds)
    return frozenset[str]().union(*(kind.symbols for kind in plain if isinstance(kind, ScalarType)))


def _of_the_item(before: str, name: str, fields: Fields) -> str | None:
    """Of a field of the item that is named alone: `event.people.exists(person, age > 17)`."""
    items = _ITEM.findall(before)
    is_field = any(record.field(name) is not None for record in records(fields.root) if record is not fields.root)
    return phrase("did you mean `{item}.{name}`?", item=items[-1], name=name) if items and is_field else None


_SUBJECT = re.compile(r"[A-Za-z_][\w.]*(?:\[[^\]]*\])?\.$")


def _before(source: str, start: int) -> str:
    """What a method is called on, where it is a path of names."""
    found = _SUBJECT.search(source[:start].rstrip())
    return found[0][:-1] if found is not None else ""


def _first_argument(behind: str) -> str:
    found = re.match(r"\(\s*([A-Za-z_][\w.]*)\s*[,)]", behind)
    return found[1] if found is not None else ""


def _count(behind: str) -> int:
    """How many arguments a call has; `behind` begins with its bracket."""
    inner = behind[1 : _closing(behind, 0) - 1]
    return len(type_names.split(_without_texts(inner))) if inner.strip() else 0


def _closing(source: str, bracket: int) -> int:
    """The index behind the bracket that closes the one at `bracket`; the end of the source where none does."""
    depth = 0
    for index, character in enumerate(_without_texts(source[bracket:]), bracket):
        depth += (character in "([{") - (character in ")]}")
        if not depth:
            return index + 1
    return len(source)


def _without_texts(source: str) -> str:
    """The source with the characters of each text replaced, so that a bracket or comma in it does not count."""
    return _TEXT.sub(lambda found: "x" * len(found[0]), source)


_TEXT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")


def _near_name(name: str, fields: Fields) -> str:
    if name.casefold() in _OTHER_WORDS:
        return phrase("write `{other_words}`", other_words=_OTHER_WORDS[name.casefold()])
    if name.casefold() in _CLOCKS:
        return instead(name, "", (), is_method=False) or ""
    declared = did_you_mean(name, [*(function.name for function in FUNCTIONS), *_BUILT_IN])
    if (variable := closest(name, fields.variables)) is not None:
        return phrase("did you mean `{variable}`?", variable=variable)
    own = closest(name, [field.name for field in fields.root.fields])
    if own is not None and (own == name or declared is None):
        return phrase("did you mean `event.{own}`?", own=own)
    if declared is not None:
        return declared
    return phrase('a text is in quotes: "{name}"; fields are read from `event`: event.order_no', name=name)


def _mismatch(source: str, at: int, function: str, types: str) -> Fault:
    kinds = [type_names.plain(kind) for kind in type_names.split(types)]
    if function == "_?_:_":
        return mismatches.of_choice(at, kinds)
    if function.startswith("_") or function in {"@in", "!_", "-_"}:
        sign = "[]" if function == "_[_]" else function.strip("_@")
        return mismatches.of_operator(at, sign, kinds, (source[:at], source[at + len(sign.rstrip("]")) :]))
    start = max(0, source.rfind(function, 0, at + len(function)))
    declared = next((one for one in FUNCTIONS if one.name == function), None)
    if declared is not None and source[:start].rstrip().endswith("."):
        subject = _before(source, start)
        return Fault(
            start,
            "type-mismatch",
            phrase("`{function}` is not a method", function=function),
            phrase("write {function}({subject})", function=function, subject=subject or "…"),
        )
    return mismatches.of_call(start, function, kinds)
