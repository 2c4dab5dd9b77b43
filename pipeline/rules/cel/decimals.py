"""Exact numbers in CEL: a type for those that no double holds, and functions that calculate with decimals.

CEL has only doubles. A number that no double holds exactly is passed to it as a message of the type `Decimal`, for
which the operators and conversions get overloads here. CEL's arithmetic on doubles cannot be overloaded;
`rewriting.py` calls the functions whose names begin with `@` in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2, timestamp_pb2, wrappers_pb2

from pipeline.phrases import phrase
from pipeline.rules import numbers
from pipeline.rules.functions import FUNCTIONS, FunctionFailed
from pipeline.rules.numbers import Number

MIN_INT, MAX_INT, MAX_UINT = -(2**63), 2**63 - 1, 2**64 - 1
"""CEL's int and uint (cel-spec, langdef.md, "Numeric Values")."""
_NAME = "notice_pipeline.Decimal"
_DECIMAL = cel.Type(_NAME)
_TYPES = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "uint": cel.Type.UINT,
    "double": cel.Type.DOUBLE,
    "decimal": _DECIMAL,
    "string": cel.Type.STRING,
    "bytes": cel.Type.BYTES,
    "timestamp": cel.Type.TIMESTAMP,
    "null": cel.Type.NULL,
    "dyn": cel.Type.DYN,
    "list<dyn>": cel.Type.List(cel.Type.DYN),
    "list<string>": cel.Type.List(cel.Type.STRING),
    "map<dyn, dyn>": cel.Type.Map(cel.Type.DYN, cel.Type.DYN),
    "map<string, string>": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    "map<string, map<string, string>>": cel.Type.Map(cel.Type.STRING, cel.Type.Map(cel.Type.STRING, cel.Type.STRING)),
}
Implementation = Callable[..., object]


class _Overload(NamedTuple):
    function: str
    parameters: tuple[str, ...]
    result: str
    implementation: Implementation


def function_declarations() -> list[cel.FunctionDecl]:
    """The functions of rules as CEL declarations, for the type check."""
    return _declared(_of_rules())


def exact_declarations() -> list[cel.FunctionDecl]:
    """The same for evaluation: also with decimals as arguments, and the `@` functions."""
    return _declared([*map(_exact_result, _of_rules()), *_with_decimals(_of_rules()), *_INTERNAL])


def operators() -> cel.CelExtension:
    """CEL's operators and conversions for decimals."""
    return cel.CelExtension("decimals", _declared([*_operators()]))


@lru_cache(maxsize=1)
def pool() -> descriptor_pool.DescriptorPool:
    """The message types that evaluation knows."""
    file = descriptor_pb2.FileDescriptorProto(
        name="notice_pipeline/decimal.proto", package=_NAME.partition(".")[0], syntax="proto3"
    )
    message = file.message_type.add(name=_NAME.partition(".")[2])
    kind = descriptor_pb2.FieldDescriptorProto
    message.field.add(name="digits", number=1, type=kind.TYPE_STRING, label=kind.LABEL_OPTIONAL)
    made = descriptor_pool.DescriptorPool()
    for module in (timestamp_pb2, wrappers_pb2, struct_pb2):
        known = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(known)
        made.Add(known)
    made.Add(file)
    return made


@lru_cache(maxsize=1)
def _message_class() -> type[Any]:
    found: type[Any] = message_factory.GetMessageClass(pool().FindMessageTypeByName(_NAME))
    return found


def for_cel(value: object) -> object:
    """A number as CEL takes it. Equal decimals have equal messages, so CEL's `==` and `in` are right for them."""
    found = numbers.number(value) if isinstance(value, Decimal) else value
    return _message_class()(digits=numbers.text_of(found)) if isinstance(found, Decimal) else found


def from_cel(value: object) -> object:
    """A plain value of CEL with decimals as `Decimal`."""
    if isinstance(value, list):
        return [from_cel(item) for item in value]
    if isinstance(value, dict):
        return {key: from_cel(item) for key, item in value.items()}
    return numbers.number(Decimal(value.digits)) if isinstance(value, _message_class()) else value


def _declared(overloads: Sequence[_Overload]) -> list[cel.FunctionDecl]:
    by_name: dict[str, list[cel.Overload]] = {}
    for one in overloads:
        parameters = [_TYPES[name] for name in one.parameters]
        identity = f"{one.function}_{'_'.join(one.parameters)}"
        by_name.setdefault(one.function, []).append(
            cel.Overload(identity, _TYPES[one.result], parameters, impl=one.implementation)
        )
    return [cel.FunctionDecl(name, declared) for name, declared in by_name.items()]


def _of_rules() -> list[_Overload]:
    return [
        _Overload(function.name, one.parameters, one.result, function.implementation)
        for function in FUNCTIONS
        for one in function.overloads
    ]


def _exact_result(one: _Overload) -> _Overload:
    """The overload where its result may be a decimal: a function may give a number that no double holds."""
    if one.result != "double":
        return one
    return one._replace(result="dyn", implementation=_converting(one.implementation))


def _with_decimals(overloads: Sequence[_Overload]) -> Iterator[_Overload]:
    """Each overload with a decimal in the place of one or more of its doubles."""
    for one in overloads:
        choices = [("double", "decimal") if name == "double" else (name,) for name in one.parameters]
        for parameters in product(*choices):
            if "decimal" in parameters:
                result = "dyn" if one.result == "double" else one.result
                yield _Overload(one.function, parameters, result, _converting(one.implementation))


def _converting(implementation: Implementation) -> Implementation:
    def call(*values: object) -> object:
        try:
            return for_cel(implementation(*map(from_cel, values)))
        except numbers.InexactResult as error:
            raise FunctionFailed(str(error)) from None

    return call


def _operators() -> Iterator[_Overload]:
    for sign, calculate in ARITHMETIC.items():
        for pair in (("decimal", "decimal"), ("decimal", "double"), ("double", "decimal")):
            yield _Overload(sign, pair, "dyn", _converting(calculate))
    for sign, holds in _COMPARISONS.items():
        for other in ("decimal", "double", "int", "uint"):
            yield _Overload(sign, ("decimal", other), "bool", _comparing(holds))
            if other != "decimal":
                yield _Overload(sign, (other, "decimal"), "bool", _comparing(holds))
    yield _Overload("-_", ("decimal",), "dyn", _converting(numbers.negate))
    yield _Overload("string", ("decimal",), "string", _converting(string))
    yield _Overload("double", ("decimal",), "dyn", _converting(lambda value: value))
    yield _Overload("int", ("decimal",), "int", _converting(integer))
    yield _Overload("uint", ("decimal",), "uint", _converting(unsigned))


def _comparing(holds: Callable[[int], bool]) -> Implementation:
    def compare(one: Number | int, other: Number | int) -> bool:
        order = numbers.compare(one, other)
        return order is not None and holds(order)

    return _converting(compare)


def string(value: Number) -> str:
    """CEL's `string()` of a number: its digits.

    Raises:
        FunctionFailed: the value is infinite or not a number.
    """
    try:
        return numbers.text_of(value)
    except ValueError as error:
        raise FunctionFailed(str(error)) from None


def double(value: str | int) -> Number:
    """CEL's `double()` of a text or an integer, with all digits.

    Raises:
        FunctionFailed: the text is not a number.
    """
    if isinstance(value, int):
        return numbers.number(Decimal(value))
    try:
        return numbers.parse(value)
    except ValueError:
        if value.strip("+-").casefold() in _NOT_FINITE:
            return float(value)
        raise FunctionFailed(phrase("double: the text is not a number")) from None


def integer(value: Number) -> int:
    """CEL's `int()` of a number: without its decimals.

    Raises:
        FunctionFailed: it is beyond 64 bits.
    """
    return _whole(value, MIN_INT, MAX_INT)


def unsigned(value: Number) -> int:
    """CEL's `uint()` of a number: without its decimals.

    Raises:
        FunctionFailed: it is beyond 64 bits, or negative.
    """
    return _whole(value, 0, MAX_UINT)


def _whole(value: Number, lowest: int, highest: int) -> int:
    order = numbers.compare(value, lowest - 1), numbers.compare(value, highest + 1)
    if order != (1, -1):
        raise FunctionFailed(phrase("a number out of range"))
    return int(numbers.exact(value))


def _sorted_keys(keys: Mapping[Any, object]) -> list[object]:
    """A map's keys in one order: by type, then by value."""
    return sorted(keys, key=lambda key: (type(key).__name__, key))


ARITHMETIC: Mapping[str, Callable[[Number, Number], Number]] = {
    "_+_": numbers.add,
    "_-_": numbers.subtract,
    "_*_": numbers.multiply,
    "_/_": numbers.divide,
}
_COMPARISONS: Mapping[str, Callable[[int], bool]] = {
    "_<_": lambda order: order < 0,
    "_<=_": lambda order: order <= 0,
    "_>_": lambda order: order > 0,
    "_>=_": lambda order: order >= 0,
}
_NOT_FINITE = frozenset({"inf", "infinity", "nan"})
_INTERNAL: tuple[_Overload, ...] = (
    *(_Overload(f"@{sign}", ("double", "double"), "dyn", _converting(one)) for sign, one in ARITHMETIC.items()),
    _Overload("@string", ("double",), "string", string),
    _Overload("@int", ("double",), "int", integer),
    _Overload("@uint", ("double",), "uint", unsigned),
    *(_Overload("@double", (kind,), "dyn", _converting(double)) for kind in ("string", "int", "uint")),
    _Overload("@sorted_keys", ("map<dyn, dyn>",), "list<dyn>", _sorted_keys),
)
