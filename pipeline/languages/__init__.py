"""The languages that texts for people are shown in: which there are, and their catalogues.

A catalogue has gettext's form: NAME.po is for translators; NAME.mo is made of it by `make generated`, and is read when
it is first needed.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pipeline.phrases import Catalogue, Say, shown

ENGLISH = "en"
VARIABLE = "NOTICE_PIPELINE_LANG"
"""The variable of the environment that chooses the language of commands; it is no setting of the service."""
LANGUAGES: Mapping[str, str] = {"zh": "zh-CN"}
"""The languages besides English, with their tags for HTML (BCP 47)."""
SWITCH: Mapping[str, str] = {"en": "English", "zh": "中文"}
"""The languages of a page's switch, by their names in themselves."""


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of a language; of English, and one that is not known, the texts as they are."""
    if language not in LANGUAGES:
        return str
    with files(__package__).joinpath(f"{language}.mo").open("rb") as file:
        return gettext.GNUTranslations(file).gettext


def language_of(tag: str) -> str:
    """The language of a tag such as `zh-CN` or a locale such as `zh_CN.UTF-8`; English where there is none for it."""
    return next((name for name in LANGUAGES if re.match(rf"{name}(?![a-z])", tag.lower())), ENGLISH)


def speaking(language: str) -> Say:
    """Shows a text in that language; in English as it is, small and capital letters included."""
    if language not in LANGUAGES:
        return str
    known = catalogue(language)
    return lambda text: str(shown(text, known))
