"""Makes the named tuples of the hot path."""

from __future__ import annotations

make = tuple.__new__
"""Makes a `NamedTuple` of its class and a tuple of all its values, optional ones included.

A call of the class does the same by Python code, which costs 1,300 instructions more, and 2,700 for an outcome
(docs/decisions/hot-path.md).
"""
