"""The test vectors of cel-spec (`conformance/NOTICE`), run through both evaluators."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.rules.cel.compiling import CompileError
from pipeline.rules.cel.engine import Environment, Expression, ExpressionFailed
from pipeline.rules.cel.operations import GIVE_UP_ERRORS

ENVIRONMENT = Environment()
Vector = Mapping[str, Any]
VECTORS: list[Vector] = json.loads((Path(__file__).parent / "conformance" / "vectors.json").read_text(encoding="utf-8"))

_UNCHECKED = "compiles only without a type check, which rules always have"
_PROTOBUF = "needs the message TestAllTypes of cel-spec; events are the only messages of rules"
_WORDS = (
    "as break const continue else for function if import let loop package namespace return var void while"  # reserved
)
UNSUPPORTED: Mapping[str, str] = {
    "basic/variables/unbound_is_runtime_error": _UNCHECKED,
    "basic/functions/unbound_is_runtime_error": _UNCHECKED,
    "comparisons/eq_literal/not_eq_list_length": _UNCHECKED,
    "comparisons/eq_literal/eq_mixed_types": _UNCHECKED,
    "comparisons/eq_literal/eq_list_elem_mixed_types": _UNCHECKED,
    "comparisons/ne_literal/ne_mixed_types": _UNCHECKED,
    "logic/conditional/mixed_type": _UNCHECKED,
    "logic/AND/short_circuit_type_left": _UNCHECKED,
    "logic/AND/short_circuit_type_right": _UNCHECKED,
    "logic/OR/short_circuit_type_left": _UNCHECKED,
    "logic/OR/short_circuit_type_right": _UNCHECKED,
    **dict.fromkeys((f"parse/receiver_function_names/{word}" for word in _WORDS.split()), _UNCHECKED),
    **dict.fromkeys(
        (f"parse/whitespace/{name}" for name in ("spaces", "tabs", "new_lines", "new_pages", "carriage_returns")),
        _PROTOBUF,
    ),
    "parse/comments/new_line_terminated": _PROTOBUF,
}
"""Vectors that do not evaluate here, and why. One that starts to evaluate fails a test until it is removed here."""
REFUSED = 22
"""Vectors whose error the type check finds, before anything is evaluated."""


def name(vector: Vector) -> str:
    """The vector's name; unique."""
    return f"{vector['file']}/{vector['section']}/{vector['name']}"


def compiled() -> Iterator[tuple[Vector, Expression]]:
    """Each vector that compiles."""
    for vector in VECTORS:
        try:
            yield vector, ENVIRONMENT.compile(vector["expr"])
        except CompileError:
            continue


COMPILED = list(compiled())


def plain(kind: str, value: Any) -> tuple[str, object]:  # noqa: ANN401 - JSON
    """A vector's value and its type, in a form in which NaN equals itself and 1 does not equal true."""
    if kind == "list":
        return kind, [plain(*item) for item in value]
    if kind == "double":
        number = float(value)
        return kind, "nan" if math.isnan(number) else (number, math.copysign(1, number))
    return kind, int(value) if kind in {"int", "uint"} else value


_CLASSES = {"double": float, "int": int, "uint": int, "bool": bool, "string": str, "list": list, "null": type(None)}


def outcome(expression: Expression, kind: str) -> tuple[str, object]:
    """CEL's value in the same form, or `failed`."""
    try:
        value = expression.by_cel(ENVIRONMENT.bind({}))
    except ExpressionFailed:
        return "failed", None
    assert type(value) is _CLASSES[kind]
    if isinstance(value, list):
        names = {float: "double", int: "int", str: "string"}
        return kind, [plain(names[type(item)], item) for item in value]
    return plain(kind, value)


def test_every_vector_has_a_name_of_its_own_and_each_exception_is_one() -> None:
    """932 vectors, 34 of them not supported."""
    names = [name(vector) for vector in VECTORS]
    assert len(set(names)) == len(names) == 932
    assert len(UNSUPPORTED) == 34
    assert set(names) >= UNSUPPORTED.keys()


@pytest.mark.parametrize(("vector", "expression"), COMPILED, ids=[name(vector) for vector, _ in COMPILED])
def test_cel_gives_the_value_of_the_vector(vector: Vector, expression: Expression) -> None:
    """Value and type, or an error where the vector expects one."""
    expected = ("failed", None) if "error" in vector else plain(vector["type"], vector["value"])
    assert outcome(expression, vector.get("type", "")) == expected


def test_the_vectors_that_do_not_compile_are_those_that_must_not_and_those_listed() -> None:
    """A vector with an error may be refused beforehand; one with a value only if it is listed, with the reason."""
    right = {name(vector) for vector, _ in COMPILED}
    refused = [vector for vector in VECTORS if name(vector) not in right]
    assert {name(vector) for vector in refused if "error" not in vector} == UNSUPPORTED.keys()
    assert len([vector for vector in refused if "error" in vector]) == REFUSED
    assert len(right) == 876


def test_generated_python_gives_what_cel_gives() -> None:
    """Of the vectors that it evaluates, every one; for the others it gives up and CEL is asked."""
    evaluated = 0
    for vector, expression in COMPILED:
        if expression.generated is None:
            continue
        try:
            value = expression.generated({})
        except GIVE_UP_ERRORS:
            continue
        evaluated += 1
        assert "error" not in vector, vector
        assert type(value) is _CLASSES[vector["type"]], vector
        assert plain(vector["type"], value) == plain(vector["type"], vector["value"]), vector
    assert evaluated >= 240
