"""A rule, its template and its tests for an event type, as texts to be added to files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pipeline.authoring.drafting.drafted_template import Filled, fields_of, fields_of_new, new_template
from pipeline.authoring.drafting.expectations import NO_MATCH, difference, expected_of
from pipeline.authoring.drafting.recipient import Recipient, find_recipient
from pipeline.authoring.drafting.shown_fields import Variant, shown_fields
from pipeline.authoring.drafting.yaml_text import block, flow, scalar
from pipeline.authoring.examples.words import Language
from pipeline.authoring.rule_tests.comparing import Message
from pipeline.authoring.rule_tests.running import Result, run
from pipeline.errors import UserError
from pipeline.phrases import Say, phrase
from pipeline.rules.lint.cases import read_cases
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.source.templates import Template

MOST_HINTS = 12
"""Further fields of the event that a comment in the rule lists."""
_MAIN = phrase("every field is given")
_WHEN = phrase("which of the events get a message; without it, all")
_URL = phrase("where a tap on the card leads")
_ALSO = phrase("the event also has:")


class Wish(NamedTuple):
    """What the author wants."""

    id: str
    alias: str
    template: Template | None
    """None: a new one, under `alias`."""
    to: str | None
    language: Language
    environments: Sequence[str]
    say: Say
    """The language of comments and of the tests' names."""


class Draft:
    """A rule for an event type."""

    def __init__(self, schema: EventSchema, wish: Wish) -> None:
        """Choose the recipient and the fields.

        Raises:
            UserError: the event has no recipient, or nothing that the template needs.
        """
        self._schema = schema
        self._wish = wish
        self._recipient: Recipient = find_recipient(schema, wish.to)
        self._shown = [one for one in shown_fields(schema, wish.language) if one.path != self._recipient.path]
        new = wish.template is None
        self._filled = fields_of_new(self._shown) if wish.template is None else fields_of(wish.template, self._shown)
        if not self._filled:
            if new:
                raise UserError(phrase("`{type}` has no field that a card can show", type=schema.name))
            raise UserError(phrase("the template has no fields"))

    @property
    def rule(self) -> list[str]:
        """The lines of the rule, unindented."""
        return list(self._rule())

    def _rule(self) -> Iterator[str]:
        doc = " ".join(str(self._schema.avro.get("doc") or "").split())
        yield f"- id: {scalar(self._wish.id)}"
        if doc:
            yield f"  description: {scalar(doc)}"
        yield f"  on: {scalar(self._schema.name)}"
        if self._recipient.condition is not None:
            yield f"  when: {scalar(self._recipient.condition)}"
        else:
            yield f"  # when: event.…  # {self._wish.say(_WHEN)}"
        yield f"  to: {scalar(self._recipient.text)}"
        yield f"  template: {scalar(self._wish.alias)}"
        yield f"  # url: https://…  # {self._wish.say(_URL)}"
        yield "  category: transactional"
        yield "  expires_after: 24h"
        yield "  data:"
        for field in self._filled:
            yield f"    {field.key}: {scalar(field.source)}"
        yield from self._more()
        cut = {field.key: "truncate" for field in self._filled if self._may_be_cut(field)}
        if cut:
            yield f"  overflow: {flow(cut)}"

    def _more(self) -> Iterator[str]:
        used = {field.shown.path for field in self._filled if field.shown is not None}
        left = sorted((one for one in self._shown if one.path not in used), key=lambda one: one.rank)[:MOST_HINTS]
        if left:
            yield f"    # {self._wish.say(_ALSO)}"
        for one in left:
            yield f"    #   {one.label}: {scalar(f'${{{one.expression}}}')}"

    def _may_be_cut(self, field: Filled) -> bool:
        if field.shown is None or not field.shown.may_be_cut:
            return False
        if self._wish.template is None:
            return field.shown.kinds[0] == "thing"
        declared = self._wish.template.field(field.key)
        return declared is not None and declared.kind.name == "thing"

    def template(self, texts: Mapping[str, str]) -> list[str]:
        """The lines of the new template, unindented; `texts` are examples by field."""
        doc = " ".join(str(self._schema.avro.get("doc") or "").split()).rstrip(".。")
        title = doc or self._wish.id.replace("-", " ").replace("_", " ").capitalize()
        return list(new_template(self._wish.alias, title, self._filled, texts, self._wish.environments))

    def tests(self, event: Mapping[str, object], rules: RuleSet, schemas: SchemaCatalogue) -> _Tests:
        """The tests: the event with every field, and one case for each other branch of the rule.

        Raises:
            UserError: the rule makes no message of the event.
        """
        variants = [Variant(_MAIN, {}), *self._variants(event)]
        text = "\n".join(["tests:", *(f"  {line}" for line in self._test(event, variants, [dict(NO_MATCH)] * 999))])
        cases, findings = read_cases("tests.yaml", text)
        if findings:
            cause = findings[0].message
            raise UserError(phrase("the test of `{id}` cannot be written: {cause}", id=self._wish.id, cause=cause))
        results = [run(case, rules, schemas, {}) for case in cases]
        expected = [self._expected(result, results[0]) for result in results]
        kept = [(variant, value) for variant, value in zip(variants, expected, strict=True) if value is not None]
        lines = list(self._test(event, [one for one, _ in kept], [value for _, value in kept]))
        main = self._own(results[0])
        return _Tests(lines, {key: text for key, (text, _) in main.data.items()})

    def _own(self, result: Result) -> Message:
        """The message of the rule."""
        found = next((one for one in result.came if one.rule == self._wish.id), None)
        if found is None:
            reason = next((one.message for one in result.mismatches), phrase("another rule stops before it"))
            hint = phrase(
                "do `defaults:` of its file, or a rule with `stop: true`, keep it from its events? --file names another"
            )
            message = phrase(
                "rule `{id}` would make no message of an example: {reason}", id=self._wish.id, reason=reason
            )
            raise UserError(message, hint=hint)
        if found.refused is not None:
            message = phrase(
                "rule `{id}` cannot make its message of an example: {reason}: {detail}",
                id=self._wish.id,
                reason=found.refused,
                detail=found.detail,
            )
            raise UserError(message, hint=phrase("try another example: --seed 2; or another template"))
        return found

    def _expected(self, result: Result, main: Result) -> Mapping[str, object] | None:
        if result is main:
            self._own(main)
            return expected_of(result.came, main=self._wish.id)
        own, first = (
            next((one for one in each.came if one.rule == self._wish.id and one.refused is None), None)
            for each in (result, main)
        )
        value = expected_of(result.came, main=self._wish.id)
        if value is None or own is None or first is None or "notices" not in value:
            return value
        notices = [difference(own, first) if one.rule == self._wish.id else {"rule": one.rule} for one in result.came]
        return {"notices": notices}

    def _variants(self, event: Mapping[str, object]) -> Iterator[Variant]:
        """Each change of the event that takes a branch which the event itself does not take."""
        every = [*self._recipient.variants]
        for field in self._filled:
            every += field.shown.variants if field.shown is not None else ()
        seen: set[str] = set()
        for variant in every:
            if variant.name not in seen and not _has(event, variant.change):
                seen.add(variant.name)
                yield variant

    def _test(
        self, event: Mapping[str, object], variants: Sequence[Variant], expected: Sequence[Mapping[str, object]]
    ) -> Iterator[str]:
        yield f"- name: {scalar(self._wish.id)}"
        yield "  event:"
        yield f"    type: {scalar(self._schema.name)}"
        yield "    data:"
        yield from block(event, 6)
        yield "  cases:"
        for variant, value in zip(variants, expected, strict=False):
            yield f"    - name: {scalar(self._wish.say(variant.name))}"
            if variant.change:
                yield f"      with: {flow(variant.change)}"
                yield f"      expect: {flow(value)}"
            else:
                yield "      expect:"
                yield from block(value, 8)


class _Tests(NamedTuple):
    """The lines of the test, unindented, and the text of each field for the example."""

    lines: list[str]
    texts: Mapping[str, str]


def _has(event: object, change: object) -> bool:
    """Whether the event is as the change makes it."""
    if isinstance(change, Mapping) and isinstance(event, Mapping):
        return all(key in event and _has(event[key], value) for key, value in change.items())
    return event == change
