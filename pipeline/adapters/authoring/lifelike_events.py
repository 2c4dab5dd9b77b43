"""Makes life-like example events: Faker's names, towns and addresses where it is installed (extra `authors`)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pipeline.authoring.examples.lifelike import MOST_TEXT, Wanted, lifelike
from pipeline.authoring.examples.meanings import Meaning
from pipeline.authoring.examples.words import Chance, Language, PlainWords, Words
from pipeline.rules.schema.event_schema import EventSchema

if TYPE_CHECKING:
    from faker.generator import Generator

DEFAULT_SEED = 1
MOST_TRIES = 8
"""Faker's texts that are tried until one is short enough."""
_LOCALES: Mapping[Language, str] = {"zh": "zh_CN", "en": "en_US"}
_METHODS: Mapping[Meaning, str] = {
    Meaning.PERSON: "name",
    Meaning.TOWN: "city",
    Meaning.PROVINCE: "administrative_unit",
    Meaning.ADDRESS: "street_address",
    Meaning.COMPANY: "company",
}
"""Faker's method for each meaning that it has more words of than this package."""
_MOST: Mapping[Meaning, int] = {Meaning.PERSON: 10}


def example_event(
    schema: EventSchema,
    seed: int = DEFAULT_SEED,
    language: Language = "zh",
    *,
    given: Mapping[str, str] | None = None,
    nulls: float = 0.0,
) -> dict[str, object]:
    """An event of this type as JSON; the same seed gives the same event.

    `given` and `nulls` are those of `Wanted`.
    """
    return lifelike(schema, chances(seed), Wanted(words_of(language), given or {}, nulls))


def chances(seed: int) -> Callable[[str], Chance]:
    """The random numbers of each path."""
    return lambda path: random.Random(f"{seed}:{path}").random  # noqa: S311 - examples, not secrets


@lru_cache(maxsize=2)
def words_of(language: Language) -> Words:
    """Faker's words where it is installed, else those of this package alone."""
    return FakerWords(language) if find_spec("faker") is not None else PlainWords(language)


class FakerWords:
    """Names, towns, addresses and companies by Faker; everything else from this package."""

    def __init__(self, language: Language) -> None:
        self._locale = _LOCALES[language]
        self._plain = PlainWords(language)

    @cached_property
    def _faker(self) -> Generator:
        """Loaded for the first name: it takes a tenth of a second, which many events need not spend."""
        return _generator(self._locale)

    def word(self, meaning: Meaning, chance: Chance) -> str | None:
        """One that is short enough, else one of this package's."""
        method = _METHODS.get(meaning)
        if method is not None:
            for _ in range(MOST_TRIES):
                self._faker.seed_instance(int(chance() * 2**53))
                word = str(getattr(self._faker, method)())
                if len(word) <= _MOST.get(meaning, MOST_TEXT):
                    return word
        return self._plain.word(meaning, chance)


def _generator(locale: str) -> Generator:
    """With three of Faker's providers: all of them take three times as long."""
    from importlib import import_module  # noqa: PLC0415 - only for these

    from faker.generator import Generator  # noqa: PLC0415 - an extra

    generator = Generator()
    for provider in ("person", "address", "company"):
        generator.add_provider(import_module(f"faker.providers.{provider}.{locale}").Provider)
    return generator
