"""What a test expects, made from the messages that came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.authoring.rule_tests.comparing import Message
from pipeline.rules.lint.case_format import ExpectedNotice
from pipeline.rules.source.format import duration_text

NO_MATCH: Mapping[str, object] = {"none": "no_match"}


def expected_of(
    came: Sequence[Message], before: Sequence[ExpectedNotice] = (), main: str | None = None
) -> dict[str, object] | None:
    """The value of `expect:` that these messages meet; None where no expectation can say it.

    Of a rule that `before` expects, the same keys are named again. Of `main`, and of others that are new if `main` is
    None, every field is.
    """
    if not came:
        return dict(NO_MATCH)
    refused = [message for message in came if message.refused is not None]
    if len(refused) == len(came):
        return {"none": "refused", "rule": refused[0].rule, "reason": refused[0].refused}
    if refused:
        return None
    sent = [message for message in came if message.suppressed is None]
    if not sent:
        first = came[0]
        found: dict[str, object] = {"none": "suppressed", "rule": first.rule, "reason": first.suppressed}
        return found | ({"cap": first.caps[0]} if first.caps else {})
    left = list(before)
    notices: list[dict[str, object]] = []
    for message in sent:
        known = next((notice for notice in left if notice.rule == message.rule), None)
        if known is not None:
            left.remove(known)  # a rule may make several messages of an event
        notices.append(_notice(message, known, main))
    return {"notices": notices}


def _notice(message: Message, before: ExpectedNotice | None, main: str | None) -> dict[str, object]:
    if before is None:
        return whole(message) if main in {None, message.rule} else {"rule": message.rule}
    named = before.model_fields_set
    found: dict[str, object] = {"rule": message.rule}
    same = {"to": message.to, "template": message.template, "url": message.url, "reference": message.reference}
    found |= {key: value for key, value in same.items() if key in named and value is not None}
    if "expires_after" in named and message.expires_after is not None:
        found["expires_after"] = duration_text(message.expires_after)
    if "category" in named:
        found["category"] = message.category
    if before.whole:
        found["whole"] = True
    keys = message.data if before.whole else before.data
    if keys:
        found["data"] = {key: _field(message, key, before) for key in keys}
    return found


def _field(message: Message, key: str, before: ExpectedNotice) -> object:
    text, color = message.data.get(key, ("", None))
    given = before.data.get(key)
    if given is None or isinstance(given, str) or given.color is None:
        return text
    return {"value": text, **({"color": color} if color is not None else {})}


def whole(message: Message) -> dict[str, object]:
    """Every part of a message."""
    found: dict[str, object] = {"rule": message.rule, "to": message.to}
    if message.url is not None:
        found["url"] = message.url
    return {**found, "whole": True, "data": {key: text for key, (text, _) in message.data.items()}}


def difference(message: Message, other: Message) -> dict[str, object]:
    """The fields of a message that differ from the other one's; an empty text for one that it does not have."""
    keys = dict.fromkeys([*other.data, *message.data])
    texts = {key: message.data.get(key, ("", None))[0] for key in keys if message.data.get(key) != other.data.get(key)}
    found: dict[str, object] = {"rule": message.rule}
    if message.url is not None and message.url != other.url:
        found["url"] = message.url
    return {**found, **({"data": texts} if texts else {})}
