"""CEL's own form of a compiled expression: the protobuf message `cel.expr.CheckedExpr`.

The binding has no Python classes for it, and no package on PyPI ships them, so the few messages that are needed are
declared here. Names and field numbers are those of cel-spec, proto/cel/expr/checked.proto and syntax.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

Message = Any  # messages of a descriptor made at run time: no static type can know their fields
_Type = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "notice_pipeline.cel"


def read(serialized: bytes) -> Message:
    """The message; `serialized` is what the binding's `Expression.serialize()` gives."""
    return _message_class().FromString(any_pb2.Any.FromString(serialized).value)


def cut(serialized: bytes, number: int) -> bytes:
    """The serialized form of the one part that has the id `number`."""
    checked = read(serialized)
    found = next(expr for expr in everything(checked.expr) if expr.id == number)
    only = type(checked)()
    only.CopyFrom(checked)
    only.expr.CopyFrom(found)
    return pack(only)


def pack(checked: Message) -> bytes:
    """The message in the serialized form that the binding's `Env.deserialize` takes."""
    packed = any_pb2.Any(type_url="type.googleapis.com/cel.expr.CheckedExpr", value=checked.SerializeToString())
    return packed.SerializeToString()


def children(expr: Message) -> list[Message]:
    """The expressions directly below one."""
    match expr.WhichOneof("kind"):
        case "select_expr":
            return [expr.select_expr.operand]
        case "call_expr":
            call = expr.call_expr
            return [*([call.target] if call.HasField("target") else ()), *call.args]
        case "list_expr":
            return list(expr.list_expr.elements)
        case "struct_expr":
            return [one for entry in expr.struct_expr.entries for one in (entry.map_key, entry.value)]
        case "comprehension_expr":
            loop = expr.comprehension_expr
            return [loop.iter_range, loop.accu_init, loop.loop_condition, loop.loop_step, loop.result]
        case _:
            return []


def everything(expr: Message) -> Iterator[Message]:
    """The expression and all below it."""
    yield expr
    for child in children(expr):
        yield from everything(child)


_SHAPES: Mapping[str, tuple[str, ...]] = {
    "Constant": (
        "null_value 1 int64 kind",
        "bool_value 2 bool kind",
        "int64_value 3 int64 kind",
        "uint64_value 4 uint64 kind",
        "double_value 5 double kind",
        "string_value 6 string kind",
        "bytes_value 7 bytes kind",
    ),
    "Ident": ("name 1 string",),
    "Select": ("operand 1 Expr", "field 2 string", "test_only 3 bool"),
    "Call": ("target 1 Expr", "function 2 string", "args 3 Expr*"),
    "List": ("elements 1 Expr*",),
    "Entry": ("id 1 int64", "map_key 3 Expr", "value 4 Expr"),
    "Struct": ("message_name 1 string", "entries 2 Entry*"),
    "Comprehension": (
        "iter_var 1 string",
        "iter_range 2 Expr",
        "accu_var 3 string",
        "accu_init 4 Expr",
        "loop_condition 5 Expr",
        "loop_step 6 Expr",
        "result 7 Expr",
        "iter_var2 8 string",
    ),
    "Expr": (
        "id 2 int64",
        "const_expr 3 Constant kind",
        "ident_expr 4 Ident kind",
        "select_expr 5 Select kind",
        "call_expr 6 Call kind",
        "list_expr 7 List kind",
        "struct_expr 8 Struct kind",
        "comprehension_expr 9 Comprehension kind",
    ),
    "Place": ("key 1 int64", "value 2 int32"),
    "SourceInfo": ("positions 4 Place*",),
    "CheckedExpr": ("expr 4 Expr", "source_info 5 SourceInfo"),
}
"""Message to its fields: name, number, type (`*`: repeated), and the choice it belongs to.

protobuf keeps fields that are not declared (references, types), and writes them again.
"""


@lru_cache(maxsize=1)
def _message_class() -> type[Message]:
    """The class of `CheckedExpr`, made from the table above at first use."""
    file = descriptor_pb2.FileDescriptorProto(name="notice_pipeline/cel.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _SHAPES.items():
        message = file.message_type.add(name=name)
        for field in fields:
            _declare(message, *field.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.CheckedExpr"))


def _declare(message: descriptor_pb2.DescriptorProto, name: str, number: str, kind: str, choice: str = "") -> None:
    label = _Type.LABEL_REPEATED if kind.endswith("*") else _Type.LABEL_OPTIONAL
    field = message.field.add(name=name, number=int(number), label=label)
    kind = kind.rstrip("*")
    if kind in _SHAPES:
        field.type = _Type.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
    else:
        field.type = _Type.Type.Value(f"TYPE_{kind.upper()}")
    if choice:
        if not message.oneof_decl:
            message.oneof_decl.add(name=choice)
        field.oneof_index = 0
