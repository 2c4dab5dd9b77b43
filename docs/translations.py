"""Collects the phrases of the source, and writes the catalogue of each language with an entry for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from pipeline import languages
from pipeline import phrases as marks

PACKAGE = Path(__file__).resolve().parent.parent / "pipeline"
_OF_PYTHON = {"phrase": None, "marked": None, "counted": (2, 3), "joined": (1,)}
"""The functions of `pipeline.phrases`, with the arguments that are templates."""
_OF_PAGES = {"_": None}
"""The function of templates of pages (`pipeline.web.pages`)."""
_HEADER = 'msgid ""\nmsgstr ""\n"Language: {}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
_WIDTH = 120
_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
"""The catalogue of one source is the same on each day."""


def phrases() -> Iterator[tuple[str, str]]:
    """Each template of the source, with the file that it is in."""
    for path in sorted(PACKAGE.rglob("*")):
        if path == Path(marks.__file__):
            continue
        match path.suffix:
            case ".py":
                found = extract_from_file("python", path, keywords=_OF_PYTHON)
            case ".html":
                found = extract_from_file("jinja2.ext:babel_extract", path, keywords=_OF_PAGES)
            case _:
                continue
        for _, templates, _, _ in found:
            for template in templates if isinstance(templates, tuple) else (templates,):
                yield template, path.relative_to(PACKAGE.parent).as_posix()


def written(language: str) -> Mapping[str, str]:
    """The entries of the language's file, which people write."""
    with (PACKAGE / "languages" / f"{language}.po").open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file) if one.id}


def for_translators(language: str) -> str:
    """The language's file as it should be: every phrase of the source, with the translation that it has."""
    catalogue, text = _catalogue(language), BytesIO()
    write_po(text, catalogue, width=_WIDTH, omit_header=True, include_lineno=False)
    return _HEADER.format(languages.LANGUAGES[language]) + text.getvalue().decode()


def for_programs(language: str) -> bytes:
    """The same in gettext's binary form, which is read forty times as fast."""
    binary = BytesIO()
    write_mo(binary, _catalogue(language))
    return binary.getvalue()


def _catalogue(language: str) -> Catalog:
    known = written(language)
    catalogue = Catalog(locale=language, creation_date=_NO_DATE, revision_date=_NO_DATE)
    for template, path in phrases():
        catalogue.add(template, known.get(template, ""), locations=[(path, 0)])
    return catalogue
