"""Texts for people: English, and able to be shown in another language.

A phrase is its English text and behaves as such: it is compared, printed and written as JSON like any other. It also
keeps the template and the values that it was made of, with which a catalogue shows it in another language. Only what is
marked with `phrase` is ever translated: what an author or an event says stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Self

Catalogue = Callable[[str], str]
"""The template of a language for an English one; the English one where there is none."""
Say = Callable[[str], str]
"""Shows a text in one language."""

_NO_VALUES: Mapping[str, object] = {}


class Phrase(str):
    """An English text made of a template, whose placeholders are those of `str.format`."""

    __slots__ = ("_template", "_values")
    _template: str
    _values: Mapping[str, object]

    def __new__(cls, text: str, template: str, values: Mapping[str, object]) -> Self:
        """`text` is the English result of `template` and `values`."""
        self = super().__new__(cls, text)
        self._template = template
        self._values = values
        return self

    def __getnewargs__(self) -> tuple[str, str, Mapping[str, object]]:  # type: ignore[override]  # that of `str` is for one argument
        return str(self), self._template, self._values

    def __getstate__(self) -> None:
        """All is in the arguments of `__new__`."""

    def __add__(self, other: str) -> str:
        return joined("", (self, other))

    def __radd__(self, other: str) -> str:
        return joined("", (other, self))

    def within(self, catalogue: Catalogue) -> str:
        """The text in the catalogue's language; in English where the catalogue lacks it."""
        template = catalogue(self._template)
        if not self._values:
            return template
        return template.format(**{name: shown(value, catalogue) for name, value in self._values.items()})


class _Joined(Phrase):
    """Texts with one separator between them, which may have another form in another language."""

    __slots__ = ()

    def within(self, catalogue: Catalogue) -> str:
        parts = (str(shown(value, catalogue)) for value in self._values.values())
        return (self._template and catalogue(self._template)).join(parts)


class _Rest(Phrase):
    """A text without its beginning, which is a value and thus the same in every language."""

    __slots__ = ()

    def within(self, catalogue: Catalogue) -> str:
        return _rest(str(shown(self._values["text"], catalogue)), self._template)


def phrase(template: str, /, **values: object) -> str:
    """The text of a template. Without values it is the text itself, braces included."""
    return Phrase(template.format(**values) if values else template, template, values or _NO_VALUES)


def joined(separator: str, parts: Iterable[str]) -> str:
    """What `separator.join(parts)` is, of which each part and the separator have another language."""
    values = {str(number): part for number, part in enumerate(parts)}
    return _Joined(separator.join(values.values()), separator, values)


def without_beginning(text: str, beginning: str) -> str:
    """The text without its beginning, such as the name of a file, and without the colon that follows."""
    return _Rest(_rest(text, beginning), beginning, {"text": text})


def _rest(text: str, beginning: str) -> str:
    rest = text.removeprefix(beginning)
    return next((rest[len(colon) :] for colon in (": ", "：") if rest.startswith(colon)), text)


def counted(count: int, one: str, many: str) -> str:
    """The template for one thing or the one for several, with the number as `count`."""
    return phrase(one if count == 1 else many, count=count)


def shown(value: object, catalogue: Catalogue) -> object:
    """The value, in the catalogue's language if it is a phrase."""
    return value.within(catalogue) if isinstance(value, Phrase) else value


def marked(template: str) -> str:
    """The template itself, for `phrase` to take later; a catalogue must have it."""
    return template
