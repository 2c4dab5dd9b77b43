"""A kind of field: what it takes, and whether a longer text may be cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pipeline.phrases import joined, phrase
from pipeline.styles.text import BREAKS, FORBIDDEN, SEEN, is_visible, shorten


@dataclass(frozen=True, eq=False)
class FieldKind:
    """The limits of one kind of field. Lengths are counted in code points unless `count` counts otherwise."""

    name: str
    most: int
    """The greatest length."""
    unit: str
    """What `most` counts, for messages."""
    shape: re.Pattern[str] | None = None
    """What the whole text must match."""
    meaning: str = ""
    """A short description of the pattern."""
    may_be_cut: bool = False
    """Whether a shorter text is still right: a cut order or phone number is a wrong one."""
    is_one_line: bool = True
    count: Callable[[str], int] = len
    beyond_ascii: FieldKind | None = None
    """Other limits for a text that is not all ASCII."""

    def __str__(self) -> str:
        return self.name

    @property
    def takes(self) -> str:
        """A short description of what the kind accepts."""
        bound = phrase("at most {most} {unit}", most=self.most, unit=self.unit)
        return phrase("{bound}: {meaning}", bound=bound, meaning=self.meaning) if self.meaning else bound

    @cached_property
    def _refused(self) -> re.Pattern[str]:
        return re.compile(f"[{self._refused_characters}]")

    @property
    def _refused_characters(self) -> str:
        return FORBIDDEN + (BREAKS if self.is_one_line else "")

    def violation(self, text: str, values: tuple[str, ...] = ()) -> str | None:
        """Why the field would not take `text`, in a message that does not contain it; None where it takes it.

        `values` are the registered values of the field; empty: any.
        """
        if not is_visible(text):
            return phrase("is empty")
        if not text.isprintable() and self._refused.search(text) is not None:
            return phrase("holds a line break or control character")
        limit = self if self.beyond_ascii is None or text.isascii() else self.beyond_ascii
        count = limit.count(text)
        if count > limit.most:
            return phrase("has {count} of at most {most} {unit}", count=count, most=limit.most, unit=limit.unit)
        if limit.shape is not None and limit.shape.fullmatch(text) is None:
            return phrase("is not what `{kind}` takes: {meaning}", kind=self.name, meaning=limit.meaning)
        if values and text not in values:
            return phrase("is none of the registered values ({values})", values=joined(", ", values))
        return None

    def cut(self, text: str) -> str:
        """`text` within the kind's limit: control characters become spaces, and an ellipsis ends a cut text.

        A text that shows anything becomes one that `violation` accepts.

        Raises:
            ValueError: a cut value of this kind would be wrong (see `may_be_cut`).
        """
        if not self.may_be_cut:
            raise ValueError(phrase("a cut `{kind}` would be a wrong one", kind=self.name))
        text = self._refused.sub(" ", text)
        if self.is_one_line:
            text = " ".join(text.split())
        return shorten(text.strip(), self.most)

    def quick_look(self, values: tuple[str, ...] = ()) -> Callable[[str], object]:
        """A check in half the time of `violation`: if it is true, the text is taken; if not, ask `violation`."""
        return _quick_look(self, values)


@lru_cache(maxsize=256)
def _quick_look(kind: FieldKind, values: tuple[str, ...]) -> Callable[[str], object]:
    if values:
        return frozenset(value for value in values if kind.violation(value, values) is None).__contains__
    limit = kind.beyond_ascii or kind
    taken = f"[{SEEN}][^{kind._refused_characters}]{{0,{limit.most - 1}}}"  # noqa: SLF001 - the other half of a method
    return re.compile(taken if limit.shape is None else rf"(?={taken}\Z){limit.shape.pattern}").fullmatch


PLAIN = FieldKind("plain", 2_000, phrase("characters"), may_be_cut=True, is_one_line=False)
"""Any text: every field of a style without typed keys."""
