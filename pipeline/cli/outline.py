"""Reads the help of a command from its source, so that the list of commands imports none of them."""

from __future__ import annotations

import ast
from importlib.util import find_spec


def outline(module: str) -> str | None:
    """The help of the command in `module`: the docstring of `command` or the `help` of `group`, else None."""
    spec = find_spec(module)
    source = getattr(spec.loader, "get_source", None) if spec is not None else None
    text = source(module) if source is not None else None
    return next(filter(None, map(_help, ast.parse(text).body)), None) if text is not None else None


def _help(statement: ast.stmt) -> str | None:
    match statement:
        case ast.FunctionDef(name="command"):
            return ast.get_docstring(statement)
        case ast.Assign(targets=[ast.Name(id="group")], value=ast.Call(keywords=keywords)):
            found = next((one.value for one in keywords if one.arg == "help"), None)
            return found.value if isinstance(found, ast.Constant) and isinstance(found.value, str) else None
        case _:
            return None
