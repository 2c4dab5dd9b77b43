"""Collects the phrases of the source, and writes the catalogue of each language with an entry for each."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment
from jinja2.ext import extract_from_ast
from typer.main import get_command

from pipeline import languages
from pipeline import phrases as marks
from pipeline.cli import app as cli
from pipeline.cli.help import Command, is_example, paragraphs

PACKAGE = Path(__file__).resolve().parent.parent / "pipeline"
_ARGUMENTS = {"phrase": (0,), "marked": (0,), "counted": (1, 2), "joined": (0,)}
"""The functions of `pipeline.phrases`, with their arguments that are templates."""
_OF_PAGES = "_"
"""The function of templates of pages (`pipeline.web.pages`)."""
_HEADER = 'msgid ""\nmsgstr ""\n"Language: {}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
_WIDTH = 120
_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
"""The catalogue of one source is the same on each day."""


def phrases() -> Iterator[tuple[str, str]]:
    """Each template of the source, with the file that it is in."""
    for path in sorted(PACKAGE.rglob("*")):
        if path == Path(marks.__file__) or path.suffix not in {".py", ".html"}:
            continue
        source = path.read_text(encoding="utf-8")
        for template in _of_python(source) if path.suffix == ".py" else _of_page(source):
            yield template, path.relative_to(PACKAGE.parent).as_posix()
    yield from _of_commands()


def _of_commands() -> Iterator[tuple[str, str]]:
    """The help of commands: all of those that speak several languages, the summaries of the others."""
    app = "pipeline/cli/app.py"
    root: Command = get_command(cli.app)
    yield from ((text, app) for text in (*_help(root), *cli.PANELS))
    for name, command in root.commands.items():
        texts = [text for one in (command, *getattr(command, "commands", {}).values()) for text in _help(one)]
        for text in texts if name in cli.SPOKEN else texts[:1]:
            yield text, f"pipeline/cli/{cli.FOLDERS[name]}/{name}.py"


def _help(command: Command) -> list[str]:
    of_parameters = [one.help for one in command.params if getattr(one, "help", None) and one.name != "help"]
    return [*(text for text in paragraphs(command.help) if not is_example(text)), *of_parameters]


def _of_python(source: str) -> Iterator[str]:
    """Babel's own extractor misses calls within the brackets of another one."""
    calls = [one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)]
    for call in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
        for index in _ARGUMENTS.get(call.func.id, ()) if isinstance(call.func, ast.Name) else ():
            argument = call.args[index] if index < len(call.args) else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def _of_page(source: str) -> Iterator[str]:
    for _, _, found in extract_from_ast(Environment(autoescape=True).parse(source), [_OF_PAGES]):
        yield from (one for one in (found if isinstance(found, tuple) else (found,)) if one is not None)


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
