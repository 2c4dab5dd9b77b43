"""Small mistakes made by program in the example rules and templates: each changes one text as a person might.

The operators are in `OPERATORS`. They change what customers get, not what only people read: descriptions, owners,
labels, titles and examples of templates have no operator. Neither has `enabled`: a rule that is switched off is shown
as off, and its tests are skipped on purpose. The characters of a template's id cannot be checked without the platform;
ids that are swapped, copied or left out are mutants.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.schema.types import NullableType, RecordType, ScalarType
from pipeline.rules.source.files import RuleSources

SEED = 20_261_130


class Mutant(NamedTuple):
    """The files of one event type, with one mistake in them."""

    operator: str
    path: str
    line: str
    """The line that is changed, as it was."""
    before: str
    after: str
    sources: RuleSources

    @property
    def name(self) -> str:
        """The mistake in one line."""
        return f"{self.path}: {self.operator}: `{self.before}` → `{self.after}` in: {self.line}"


class Examples(NamedTuple):
    """The example files, by path."""

    rules: Mapping[str, str]
    templates: tuple[str, str]
    tests: Mapping[str, str]
    schemas: SchemaCatalogue

    @property
    def aliases(self) -> Sequence[str]:
        """The names of the templates."""
        return re.findall(r"^  (\w+):", self.templates[1], re.MULTILINE)

    def of_type(self, event_type: str) -> RuleSources:
        """The rules of one event type with their tests, and all templates: a check of all rules takes longer."""
        rules = {path: _reduced(text, _RULE, f"on: {event_type}\n") for path, text in self.rules.items()}
        tests = {path: _reduced(text, _TEST, f"type: {event_type}\n") for path, text in self.tests.items()}
        return RuleSources(
            {path: text for path, text in rules.items() if "- id: " in text},
            self.templates,
            {path: text for path, text in tests.items() if "- name: " in text},
            is_whole=False,
        )


def _reduced(text: str, block: re.Pattern[str], needed: str) -> str:
    """The text without those of its blocks that do not have a part."""
    return block.sub(lambda found: found[0] if needed in found[0] else "", text)


class Change(NamedTuple):
    """A replacement of `text[start:end]`."""

    start: int
    end: int
    text: str


Operator = Callable[[str, Examples], Iterator[Change]]


def pairs(pattern: str, *texts: str) -> Operator:
    """Replaces what the pattern's group 1 (or all of it) matches by each of the texts."""

    def changes(text: str, _: Examples) -> Iterator[Change]:
        for found in re.finditer(pattern, text, re.MULTILINE):
            group = 1 if found.re.groups else 0
            for other in texts:
                if other != found[group]:
                    yield Change(found.start(group), found.end(group), other)

    return changes


_FIELD = re.compile(r"event\.([a-z_]+)")
_RULE = re.compile(r"^  - id: .*?(?=^  - id: |\Z)", re.MULTILINE | re.DOTALL)
_TEST = re.compile(r"^  - name: .*?(?=^  - name: |\Z)", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.\"])\d+(?:\.\d+)?(?![\w.\"])")
_TEXT = re.compile(r"[\u4e00-\u9fff]{2,}")


def _rules(text: str) -> Iterator[tuple[int, str, str]]:
    """Each rule: where it begins, its text, and its event type."""
    for found in _RULE.finditer(text):
        of = re.search(r"^    on: (\S+)", found[0], re.MULTILINE)
        yield found.start(), found[0], of[1] if of is not None else ""


def _kind(root: RecordType, name: str) -> tuple[str, bool] | None:
    field = root.field(name)
    if field is None:
        return None
    kind = field.type.inner if isinstance(field.type, NullableType) else field.type
    return (f"{kind.scalar}/{bool(kind.symbols)}", True) if isinstance(kind, ScalarType) else None


def other_field(text: str, examples: Examples) -> Iterator[Change]:
    """Another field of the same type."""
    for start, rule, event_type in _rules(text):
        schema = examples.schemas.newest(event_type)
        if schema is None:
            continue
        for found in _FIELD.finditer(rule):
            kind = _kind(schema.root, found[1])
            for other in schema.root.fields:
                if other.name != found[1] and kind is not None and _kind(schema.root, other.name) == kind:
                    yield Change(start + found.start(1), start + found.end(1), other.name)


def misspelt_field(text: str, _: Examples) -> Iterator[Change]:
    """A field with one letter missing."""
    for found in _FIELD.finditer(text):
        yield Change(found.start(1) + 1, found.start(1) + 2, "")


def other_number(text: str, _: Examples) -> Iterator[Change]:
    """A number in an expression, one more, one less, or with a digit more."""
    for line in re.finditer(r"(?:when: .*|\$\{.*)$", text, re.MULTILINE):
        for found in _NUMBER.finditer(line[0]):
            whole, point, decimals = found[0].partition(".")
            for other in {int(whole) + 1, max(0, int(whole) - 1), int(whole) * 10} - {int(whole)}:
                yield Change(line.start() + found.start(), line.start() + found.end(), f"{other}{point}{decimals}")


def other_symbol(text: str, examples: Examples) -> Iterator[Change]:
    """Another value of the enum, in conditions and labels."""
    for start, rule, event_type in _rules(text):
        schema = examples.schemas.newest(event_type)
        for field in schema.root.fields if schema is not None else ():
            symbols = field.type.symbols if isinstance(field.type, ScalarType) else ()
            for symbol in symbols:
                for found in re.finditer(f'"{symbol}"', rule):
                    for other in symbols:
                        if other != symbol:
                            yield Change(start + found.start(), start + found.end(), f'"{other}"')


def line_left_out(text: str, _: Examples) -> Iterator[Change]:
    """A line of a rule that is left out: a condition, a url, a duration, a field of the card."""
    for found in re.finditer(
        r"^ +(?:when|url|expires_after|overflow|category|color|to|template|on|\w+\d|first|remark): .*\n",
        text,
        re.MULTILINE,
    ):
        if "|-" not in found[0]:
            yield Change(found.start(), found.end(), "")


def _is_catalogue(text: str) -> bool:
    return re.search(r"^templates:", text, re.MULTILINE) is not None


def two_texts_swapped(text: str, _: Examples) -> Iterator[Change]:
    """The texts of two fields that follow one another, swapped."""
    if _is_catalogue(text):
        return
    for found in re.finditer(r"^(      \w+: )(\S.*)\n(      \w+: )(\S.*)$", text, re.MULTILINE):
        if "|-" not in found[0]:
            yield Change(found.start(), found.end(), f"{found[1]}{found[4]}\n{found[3]}{found[2]}")


def labels_swapped(text: str, _: Examples) -> Iterator[Change]:
    """The labels of two values, swapped."""
    for found in re.finditer(r'(".*?": )(".*?")(,\s*)(".*?": )(".*?")', text):
        yield Change(found.start(), found.end(), f"{found[1]}{found[5]}{found[3]}{found[4]}{found[2]}")


def text_misspelt(text: str, _: Examples) -> Iterator[Change]:
    """A Chinese text with one character missing or twice."""
    if _is_catalogue(text):
        return
    for line in re.finditer(r"^(?! *(?:#|description)).*$", text, re.MULTILINE):
        for found in _TEXT.finditer(line[0].partition(" #")[0]):
            at = line.start() + found.start() + len(found[0]) // 2
            yield Change(at, at + 1, "")
            yield Change(at, at, text[at])


def other_template(text: str, examples: Examples) -> Iterator[Change]:
    """The template of another rule."""
    for found in re.finditer(r"^    template: (\w+)", text, re.MULTILINE):
        yield from (Change(found.start(1), found.end(1), name) for name in examples.aliases if name != found[1])


def other_type(text: str, examples: Examples) -> Iterator[Change]:
    """The event type of another rule."""
    for found in re.finditer(r"^    on: (\S+)", text, re.MULTILINE):
        yield from (Change(found.start(1), found.end(1), name) for name in examples.schemas if name != found[1])


def without_function(text: str, _: Examples) -> Iterator[Change]:
    """The first argument of a function alone."""
    for found in re.finditer(r"\b(?:money|local_time|local_date|items|truncate|string)\((event\.\w+)[^()]*\)", text):
        yield Change(found.start(), found.end(), found[1])


def url_misspelt(text: str, _: Examples) -> Iterator[Change]:
    """A part of a url's path with one letter missing, or left out."""
    for line in re.finditer(r"^    url: .*$", text, re.MULTILINE):
        for found in re.finditer(r"(?<=[a-z])/([a-z]+)|\}/([a-z]+)", line[0]):
            begin = line.start() + found.end()
            yield Change(begin - 1, begin, "")
            yield Change(line.start() + found.start() + found[0].index("/"), begin, "")
        for found in re.finditer(r"https|example", line[0]):
            yield Change(line.start() + found.end() - 1, line.start() + found.end(), "")


def indented_more(text: str, _: Examples) -> Iterator[Change]:
    """A line with one blank too many, one too few, or a tab."""
    for found in re.finditer(r"^ {4,}(?=[\w-]+:)", text, re.MULTILINE):
        for other in (found[0] + " ", found[0][:-1], "\t" + found[0]):
            yield Change(found.start(), found.end(), other)


def ids_confused(text: str, _: Examples) -> Iterator[Change]:
    """The ids of a template: swapped, one for both, one left out, or those of the template before."""
    before = None
    for found in re.finditer(r"ids: \{production: (\S+), staging: (\S+)\}", text):
        one, other = found[1], found[2]
        for ids in (f"production: {other}, staging: {one}", f"production: {one}, staging: {one}", f"production: {one}"):
            yield Change(found.start(), found.end(), f"ids: {{{ids}}}")
        if before is not None:
            yield Change(found.start(), found.end(), before)
        before = found[0]


def field_of_template(text: str, _: Examples) -> Iterator[Change]:
    """A field of a template: left out, or its number one more."""
    for found in re.finditer(r"^      (\w+?)(\d+): .*\n", text, re.MULTILINE):
        yield Change(found.start(), found.end(), "")
        yield Change(found.start(2), found.end(2), str(int(found[2]) + 1))


OPERATORS: Mapping[str, Operator] = {
    "another field": other_field,
    "a field misspelt": misspelt_field,
    "another number": other_number,
    "another value of the enum": other_symbol,
    "a line left out": line_left_out,
    "two texts swapped": two_texts_swapped,
    "two labels swapped": labels_swapped,
    "a text misspelt": text_misspelt,
    "another template": other_template,
    "another event type": other_type,
    "a function left out": without_function,
    "a url misspelt": url_misspelt,
    "an indentation": indented_more,
    "a comparison": pairs(r" (==|!=|<=|>=|<|>) ", "==", "!=", "<", "<=", ">", ">="),
    "and for or": pairs(r"&&", "||", "&", "and"),
    "letters of a pattern": pairs(
        r'"YYYY年M月D日[^"]*"', '"YYYY年M月D日"', '"YYYY年m月D日 HH:mm"', '"YYYY年M月D日 HH:MM"',
        '"YYYY年M月D日 hh:mm"',
        '"YY年M月D日 HH:mm"', '"yyyy-MM-dd HH:mm"', '"M月D日 HH:mm"', '"YYYY年MM月DD日 HH:mm"', '"YYYY年D月M日 HH:mm"',
    ),
    "a zone": pairs(r'HH:mm("\))', '", "UTC")', '", "Etc/GMT+8")', '", "Beijing")'),
    "a currency": pairs(r'event\.currency|"CNY"', '"RMB"', '"USD"', "currency", '"¥"'),
    "full-width characters": pairs(r"(?<=\w)[(,]|[)](?=\})", "（", "，", "）"),
    "curly quotes": pairs(r'"(?=\w)', "“", "'", "＂"),
    "braces": pairs(r"\$\{", "{", "$", "${{", "$(", "#{"),
    "a brace not closed": pairs(r"\}(?=$)", "", ")"),
    "a colon": pairs(r"(?<=[a-z0-9])(: )(?=\S)", ":", "： ", " "),
    "a duration": pairs(r"expires_after: (\S+)", "24m", "1d", "24", "1天", "3h", "30d"),
    "a category": pairs(r"category: (\S+)", "marketing", "security", "transactional", "marketting"),
    "an overflow": pairs(r"overflow: \{\w+: (truncate)\}", "reject", "cut"),
    "a colour": pairs(r'color: ("#000")', '"#0000"', "#000", "black", '"#00f"'),
    "ids confused": ids_confused,
    "a field of a template": field_of_template,
    "an optional field": pairs(r"(optional: true)", "optional: false", "optinal: true"),
    "a needed field": pairs(r"(?<=\{)(?=label: )", "optional: true, "),
    "a style": pairs(r"style: (\w+)", "category", "history", "alipay", "categroy"),
}  # fmt: skip
"""By name; each gives every change of its kind."""


_READ_BY_PEOPLE = re.compile(r" *(?:#|description:|title:|owner:)")
"""Lines that change no message."""


def mutants(examples: Examples, count: int, operators: Mapping[str, Operator] | None = None) -> Sequence[Mutant]:
    """`count` of all mutants, spread over the operators: of each in turn one, in an order that never changes."""
    rng = random.Random(SEED)  # noqa: S311 - a sample
    queues: list[list[Mutant]] = []
    for name, operator in (operators or OPERATORS).items():
        made = {one.name: one for one in _made(name, operator, examples)}
        queue = [*made.values()]
        rng.shuffle(queue)
        queues.append(queue)
    chosen: list[Mutant] = []
    while len(chosen) < count and any(queues):
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.append(queue.pop())
    return chosen


def _made(name: str, operator: Operator, examples: Examples) -> Iterator[Mutant]:
    path, catalogue = examples.templates
    used: dict[str, RuleSources] = {}
    for event_type in examples.schemas:
        sources = examples.of_type(event_type)
        for rules_path, text in sources.rules.items():
            used.setdefault("", sources)
            used |= dict.fromkeys(re.findall(r"^    template: (\w+)", text, re.MULTILINE), sources)
            for change in _meaningful(text, operator(text, examples)):
                changed = {**sources.rules, rules_path: _applied(text, change)}
                yield _mutant(name, rules_path, text, change, sources._replace(rules=changed))
    for change in _meaningful(catalogue, operator(catalogue, examples)):
        alias = re.findall(r"^  (\w+):", catalogue[: change.start], re.MULTILINE)[-1:]
        sources = used.get(alias[0] if alias else "", used[""])
        yield _mutant(name, path, catalogue, change, sources._replace(templates=(path, _applied(catalogue, change))))


def _meaningful(text: str, changes: Iterator[Change]) -> Iterator[Change]:
    """Those that change what customers get, not only what people read in the file."""
    for change in changes:
        line = text[text.rfind("\n", 0, change.start) + 1 : change.start]
        is_read = _READ_BY_PEOPLE.match(line) is not None or " # " in line or "   # " in line
        if (
            not is_read
            and not re.search(r"(?:label|example): [^,{}]*$", line)
            and change.text != text[change.start : change.end]
        ):
            yield change


def _applied(text: str, change: Change) -> str:
    return text[: change.start] + change.text + text[change.end :]


def _mutant(name: str, path: str, text: str, change: Change, sources: RuleSources) -> Mutant:
    begin, end = text.rfind("\n", 0, change.start) + 1, text.find("\n", change.start)
    before, after = (one.strip() for one in (text[change.start : change.end], change.text))
    return Mutant(name, path, text[begin:end].strip(), before, after, sources)
