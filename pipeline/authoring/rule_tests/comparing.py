"""Compares the messages of an event with the expected ones, and describes every difference."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

import orjson

from pipeline.model.notice import Notice, Refusal
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import counted, joined, phrase
from pipeline.rules.lint.case_format import Expected, ExpectedNotice
from pipeline.rules.source.document import Path
from pipeline.rules.source.format import FieldValue, duration_text


class Message(NamedTuple):
    """A message, or why a rule that matched cannot make one."""

    rule: str
    template: str = ""
    """Alias of the template."""
    to: str = ""
    url: str | None = None
    data: Mapping[str, tuple[str, str | None]] = {}
    """Text and colour by field."""
    refused: str | None = None
    """The reason of a refusal; None for a message."""
    detail: str = ""
    expires_after: int | None = None
    """Seconds after the event, by the rule; None: never."""
    category: str = ""
    reference: str | None = None
    item: int | None = None
    """Position in the list of the rule's `for_each`."""
    suppressed: str | None = None
    """The reason of recipient care for which it is not sent, in a timeline; `detail` explains it."""
    caps: tuple[str, ...] = ()
    """The caps that are reached."""

    @property
    def is_sent(self) -> bool:
        """Whether it leaves."""
        return self.refused is None and self.suppressed is None

    @property
    def not_sent(self) -> str:
        """Why it does not leave."""
        if self.suppressed is not None:
            return phrase(
                "`{rule}` matched, but its message is not sent: {suppressed}: {detail}",
                rule=self.rule,
                suppressed=self.suppressed,
                detail=self.detail,
            )
        return phrase(
            "`{rule}` matched, but cannot make its message: {refused}: {detail}",
            rule=self.rule,
            refused=self.refused,
            detail=self.detail,
        )

    @property
    def in_brief(self) -> str:
        """The message in one line."""
        if self.suppressed is not None:
            return phrase(
                "`{rule}` suppressed: {suppressed}: {detail}",
                rule=self.rule,
                suppressed=self.suppressed,
                detail=self.detail,
            )
        if self.refused is not None:
            return phrase(
                "`{rule}` refused: {refused}: {detail}", rule=self.rule, refused=self.refused, detail=self.detail
            )
        fields = joined(", ", (f"{key}: {text}" for key, (text, _) in self.data.items()))
        return phrase("`{rule}` to {to}: {fields}", rule=self.rule, to=self.to, fields=fields)


class Mismatch(NamedTuple):
    """One difference from the expectation."""

    path: Path
    """Path of the expectation in its file."""
    message: str
    expected: str | None = None
    got: str | None = None
    """Both texts, if texts differ; `got` is None if the text is absent."""
    hint: str | None = None

    @property
    def summary(self) -> str:
        """The difference in one line."""
        if self.expected is None:
            return self.message
        return phrase(
            "{message}: expected {expected}, got {got}",
            message=self.message,
            expected=self.expected,
            got=phrase("nothing") if self.got is None else self.got,
        )


class WhyNot(NamedTuple):
    """Why a rule made no message."""

    message: str
    hint: str | None = None


def messages(results: Sequence[Notice | Refusal]) -> tuple[Message, ...]:
    """The results of `RuleSet.evaluate` in a form that can be compared."""
    return tuple(_message(result) for result in results)


def _message(result: Notice | Refusal) -> Message:
    if isinstance(result, Refusal):
        return Message(result.rule, result.template, refused=str(result.reason), detail=result.detail, item=result.item)
    body = orjson.loads(result.body)
    data = {key: (str(one["value"]), one.get("color")) for key, one in body["data"].items()}
    return Message(
        result.rule,
        result.template,
        result.recipient,
        body.get("url"),
        data,
        reference=result.reference,
        item=result.item,
    )


def compare(
    expect: Expected, path: Path, came: Sequence[Message], why_not: Mapping[str, WhyNot]
) -> tuple[Mismatch, ...]:
    """Every difference.

    `why_not` has the reason for each rule that the expectation names and that does not match.
    """
    if expect.notices is not None:
        return tuple(_notices(expect.notices, (*path, "notices"), came, why_not))
    if expect.none == "no_match":
        return tuple(_no_match((*path, "none"), came))
    if expect.none == "suppressed":
        return tuple(_suppressed(expect, path, came, why_not))
    return tuple(_refused(expect, path, came, why_not))


def _notices(
    expected: Sequence[ExpectedNotice], path: Path, came: Sequence[Message], why_not: Mapping[str, WhyNot]
) -> Iterator[Mismatch]:
    left = list(came)
    paired: list[int] = []
    for number, notice in enumerate(expected):
        location = (*path, number)
        own = [one for one in left if one.rule == notice.rule]
        message = next((one for one in own if one.is_sent), own[0] if own else None)
        if message is None:
            yield _missing((*location, "rule"), notice.rule, came, why_not)
            continue
        left.remove(message)
        paired.append(list(came).index(message))
        if message.is_sent:
            yield from _message_differences(notice, location, message)
        else:
            yield Mismatch((*location, "rule"), message.not_sent, hint=_not_sent_hint(message))
    for message in left:
        if message.suppressed is None:  # what is not sent is no notice
            yield _unexpected(path, message)
    if paired != sorted(paired):
        expected_order, order = (joined(", ", names) for names in (_rules(expected), _rules(came)))
        explanation = phrase("messages are in the order of the rules in their files")
        yield Mismatch(path, explanation, expected_order, order)


def _rules(items: Sequence[ExpectedNotice | Message]) -> list[str]:
    return [item.rule for item in items]


def _missing(path: Path, rule: str, came: Sequence[Message], why_not: Mapping[str, WhyNot]) -> Mismatch:
    if rule in why_not:
        return Mismatch(
            path,
            phrase("no message of `{rule}`: {message}", rule=rule, message=why_not[rule].message),
            hint=why_not[rule].hint,
        )
    if any(message.rule == rule for message in came):
        count = sum(message.rule == rule for message in came)
        if all(message.item is None for message in came if message.rule == rule):
            return Mismatch(path, phrase("`{rule}` makes one message of an event, not several", rule=rule))
        return Mismatch(
            path,
            phrase(
                "`{rule}` makes {messages} of this event, not more",
                rule=rule,
                messages=counted(count, "{count} message", "{count} messages"),
            ),
        )
    return Mismatch(path, phrase("no message of `{rule}`", rule=rule))


def _unexpected(path: Path, message: Message) -> Mismatch:
    if message.refused is not None:
        explanation = phrase(
            "`{rule}` also matched, but cannot make its message: {refused}: {detail}",
            rule=message.rule,
            refused=message.refused,
            detail=message.detail,
        )
        return Mismatch(path, explanation, hint=_not_sent_hint(message))
    return Mismatch(path, phrase("unexpected message: {message}", message=message.in_brief))


def _not_sent_hint(message: Message) -> str:
    if message.suppressed is not None:
        cap = phrase(", cap: {caps}", caps=message.caps[0]) if message.caps else ""
        what = phrase(
            "none: suppressed, rule: {rule}, reason: {suppressed}{cap}",
            rule=message.rule,
            suppressed=message.suppressed,
            cap=cap,
        )
        return phrase("if that is right: `expect: {{{what}}}`", what=what)
    return phrase(
        "if that is right: `expect: {{none: refused, rule: {rule}, reason: {refused}}}`",
        rule=message.rule,
        refused=message.refused,
    )


def _no_match(path: Path, came: Sequence[Message]) -> Iterator[Mismatch]:
    for message in came:
        if message.is_sent:
            yield Mismatch(path, phrase("there is a message: {message}", message=message.in_brief))
        else:
            yield Mismatch(path, message.not_sent, hint=_not_sent_hint(message))


def _suppressed(
    expect: Expected, path: Path, came: Sequence[Message], why_not: Mapping[str, WhyNot]
) -> Iterator[Mismatch]:
    for message in came:
        if message.is_sent:
            yield Mismatch((*path, "none"), phrase("it is sent: {message}", message=message.in_brief))
        elif message.refused is not None:
            yield Mismatch((*path, "none"), message.not_sent, hint=_not_sent_hint(message))
    selected = [one for one in came if one.suppressed is not None and expect.rule in {None, one.rule}]
    if not selected:
        if expect.rule is not None and not any(message.rule == expect.rule for message in came):
            why = why_not.get(expect.rule)
            explanation = _because(phrase("`{rule}` makes no message", rule=expect.rule), why)
            yield Mismatch((*path, "rule"), explanation, hint=why.hint if why is not None else None)
        elif not came:
            yield Mismatch(
                (*path, "none"), phrase("no rule matched"), hint=phrase("if that is right: `expect: {none: no_match}`")
            )
        return
    message = selected[0]
    if expect.reason is not None and all(one.suppressed != expect.reason for one in selected):
        explanation = phrase(
            "`{rule}` is not sent for another reason: {detail}", rule=message.rule, detail=message.detail
        )
        yield Mismatch((*path, "reason"), explanation, expect.reason, message.suppressed)
    elif expect.cap is not None and all(expect.cap not in one.caps for one in selected):
        explanation = phrase(
            "`{rule}` is not sent because of another cap: {detail}", rule=message.rule, detail=message.detail
        )
        yield Mismatch((*path, "cap"), explanation, expect.cap, ", ".join(message.caps) or None)


def _because(what: str, why: WhyNot | None) -> str:
    return what if why is None else phrase("{what}: {why}", what=what, why=why.message)


def _refused(
    expect: Expected, path: Path, came: Sequence[Message], why_not: Mapping[str, WhyNot]
) -> Iterator[Mismatch]:
    for message in came:
        if message.suppressed is not None:
            yield Mismatch((*path, "none"), message.not_sent, hint=_not_sent_hint(message))
        elif message.refused is None:
            yield Mismatch((*path, "none"), phrase("there is a message: {message}", message=message.in_brief))
    refused = [message for message in came if message.refused is not None]
    selected = [message for message in refused if expect.rule in {None, message.rule}]
    if not selected:
        if expect.rule is not None and not any(message.rule == expect.rule for message in came):
            why = why_not.get(expect.rule)
            explanation = _because(phrase("`{rule}` was not refused", rule=expect.rule), why)
            if refused:
                others = joined(", ", (message.in_brief for message in refused))
                explanation = joined("; ", (explanation, phrase("refused was {messages}", messages=others)))
            yield Mismatch((*path, "rule"), explanation, hint=why.hint if why is not None else None)
        elif not came:
            yield Mismatch(
                (*path, "none"), phrase("no rule matched"), hint=phrase("if that is right: `expect: {none: no_match}`")
            )
    elif expect.reason is not None and all(message.refused != expect.reason for message in selected):
        for message in selected:
            explanation = phrase(
                "`{rule}` was refused for another reason: {detail}", rule=message.rule, detail=message.detail
            )
            yield Mismatch((*path, "reason"), explanation, expect.reason, message.refused)


def _message_differences(notice: ExpectedNotice, path: Path, message: Message) -> Iterator[Mismatch]:
    for name in ("to", "template", "url", "reference"):
        expected, got = getattr(notice, name), getattr(message, name)
        if expected is not None and expected != got:
            yield _text(phrase("`{name}` of `{rule}`", name=name, rule=message.rule), (*path, name), expected, got)
    if notice.expires_after is not None and notice.expires_after != message.expires_after:
        location, seconds = (*path, "expires_after"), message.expires_after
        got = "never" if seconds is None else duration_text(seconds)
        yield _text(
            phrase("`expires_after` of `{rule}`", rule=message.rule), location, duration_text(notice.expires_after), got
        )
    if notice.category is not None and notice.category != message.category:
        yield _text(
            phrase("`category` of `{rule}`", rule=message.rule), (*path, "category"), notice.category, message.category
        )
    for key, value in notice.data.items():
        yield from _field(key, value, (*path, "data", key), message)
    if notice.whole:
        for key, (text, _) in message.data.items():
            if key not in notice.data:
                explanation = phrase(
                    "`{rule}` also has `{key}`, and `whole: true` lists every field", rule=message.rule, key=key
                )
                yield Mismatch((*path, "whole"), explanation, None, text)


def _field(key: str, value: FieldValue | str, path: Path, message: Message) -> Iterator[Mismatch]:
    expected, color = (value.value, value.color) if isinstance(value, FieldValue) else (value, None)
    location = (*path, "value") if isinstance(value, FieldValue) else path
    name = phrase("`{key}` of `{rule}`", key=key, rule=message.rule)
    if key not in message.data:
        if expected:
            hint = did_you_mean(key, message.data) or phrase("its fields are {data}", data=joined(", ", message.data))
            yield Mismatch(path, phrase("{name} is not in the message", name=name), expected, None, hint)
        return
    text, got_color = message.data[key]
    if text != expected:
        yield _text(name, location, expected, text)
    if color is not None and color != got_color:
        yield Mismatch((*path, "color"), phrase("the colour of {name}", name=name), color, got_color or "none")


def _text(name: str, path: Path, expected: str, got: str | None) -> Mismatch:
    return Mismatch(path, name, expected, got, _looks_alike(expected, got or ""))


def _looks_alike(expected: str, got: str) -> str | None:
    """A hint about a difference that is hard to see: character width, spaces, composed characters."""
    if "".join(expected.split()) == "".join(got.split()):
        return phrase("only spaces differ")
    if unicodedata.normalize("NFKC", expected) == unicodedata.normalize("NFKC", got):
        pairs = enumerate(zip_longest(expected, got, fillvalue=""), 1)
        at, one, other = next((at, one, other) for at, (one, other) in pairs if one != other)
        return phrase(
            "they look alike: character {at} is {one} here, and {other} in the message",
            at=at,
            one=_named(one),
            other=_named(other),
        )
    return None


def _named(character: str) -> str:
    if not character:
        return phrase("absent")
    name = unicodedata.name(character, f"U+{ord(character):04X}").lower()
    return phrase("`{character}` ({name})", character=character, name=name)
