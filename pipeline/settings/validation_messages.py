"""Messages for pydantic's validation errors, written for the author of a YAML file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeline.model.suggestion import did_you_mean, known_keys
from pipeline.settings.model import CODE_PATH, Settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_A_LIST = "must be a list: [a, b]"
_A_MAPPING = "must be a mapping of names to values"
_A_WHOLE_NUMBER = "must be a whole number"
_A_NUMBER = "must be a number"
_A_SWITCH = "must be true or false"
_NOT_EMPTY = "must not be empty"
_SHAPES = {CODE_PATH: "must be a name, or at most 8 with dots between: result.code"}
"""The meaning of each pattern."""
_MESSAGES: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "is missing",
    "tuple_type": lambda _: _A_LIST,
    "list_type": lambda _: _A_LIST,
    "dict_type": lambda _: _A_MAPPING,
    "model_type": lambda _: _A_MAPPING,
    "model_attributes_type": lambda _: _A_MAPPING,
    "string_type": lambda fault: _text(fault["input"]),
    "string_too_short": lambda _: _NOT_EMPTY,
    "too_short": lambda _: _NOT_EMPTY,
    "int_type": lambda _: _A_WHOLE_NUMBER,
    "int_parsing": lambda _: _A_WHOLE_NUMBER,
    "int_from_float": lambda _: _A_WHOLE_NUMBER,
    "float_type": lambda _: _A_NUMBER,
    "float_parsing": lambda _: _A_NUMBER,
    "bool_type": lambda _: _A_SWITCH,
    "bool_parsing": lambda _: _A_SWITCH,
    "path_type": lambda _: "must be a path",
    "url_type": lambda _: "must be a URL",
    "url_parsing": lambda fault: _url(str(fault.get("ctx", {}).get("error", ""))),
    "string_pattern_mismatch": lambda fault: _SHAPES.get(fault["ctx"]["pattern"], "does not have the required form"),
    "url_scheme": lambda _: "must begin with http:// or https://",
    "literal_error": lambda fault: f"must be {fault['ctx']['expected']}{_meant(fault)}",
}
"""Messages by pydantic's error type (https://docs.pydantic.dev/latest/errors/validation_errors/). For other types,
pydantic's own message is used."""
_OF_THE_WHOLE = re.compile(r"Value error, `([\w.-]+)`")
_OF_A_PROPERTY = 3
"""Length of the path of one of `kafka.properties`. Pydantic appends each type of the union that the value is not."""


def location_of(fault: ErrorDetails) -> tuple[str, ...]:
    """The path of the setting in the file. For a conflict of several settings, it is the first one named."""
    parts = tuple(str(part) for part in fault["loc"]) or _first_named(fault["msg"])
    if parts[-1:] == ("[key]",):
        return parts[:-1]
    return parts[:_OF_A_PROPERTY] if _is_property(parts) else parts


def _first_named(message: str) -> tuple[str, ...]:
    found = _OF_THE_WHOLE.match(message)
    return tuple(found[1].split(".")) if found else ()


def _is_property(parts: Sequence[object]) -> bool:
    return tuple(parts[:2]) == ("kafka", "properties") and len(parts) >= _OF_A_PROPERTY


def fault_text(fault: ErrorDetails) -> str:
    """The fault in one line, without the value, which may be a secret."""
    name = ".".join(location_of(fault)) if fault["loc"] else ""
    if fault["type"] == "extra_forbidden":
        return f"unknown key `{name}`"
    if _is_property(fault["loc"]):
        return f"`{name}` must be text, a number, true or false"
    describe = _MESSAGES.get(fault["type"])
    if describe is not None:
        return f"{f'`{name}`' if name else 'the whole file'} {describe(fault)}"
    message = fault["msg"].removeprefix("Value error, ")
    if message.startswith("Input should "):
        bound = message.removeprefix("Input should ")
        bound = bound.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
        return f"`{name}` must {bound}"
    return f"`{name}`: {message}" if name else message


def without_repeats(faults: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out `must not be empty` of a list with invalid members: pydantic counts only the valid ones."""
    locations = [location_of(fault) for fault in faults]
    return [
        fault
        for fault, location in zip(faults, locations, strict=True)
        if fault["type"] != "too_short"
        or not any(other[: len(location)] == location and other != location for other in locations)
    ]


def hint_for(faults: Sequence[ErrorDetails]) -> str:
    """A similar name for an unknown key, else how to list all settings."""
    for fault in faults:
        if fault["type"] == "extra_forbidden":
            *parents, key = (str(part) for part in fault["loc"])
            hint = did_you_mean(key.lower(), known_keys(Settings, parents))
            if hint is not None:
                return hint
    return "`notice-pipeline config schema` prints every setting with its meaning"


def _url(error: str) -> str:
    if "port" in error:
        return "is not a URL: a port is a number up to 65535"
    return "is not a URL: it must begin with http:// or https://, followed by a host"


def _text(value: object) -> str:
    return "must be text" if value is None or isinstance(value, list | dict) else "must be text: put it in quotes"


def _meant(fault: ErrorDetails) -> str:
    allowed = re.findall(r"'([^']*)'", fault["ctx"]["expected"])
    hint = did_you_mean(str(fault["input"]).lower(), allowed)
    return f"; {hint}" if hint is not None else ""
