"""`send`: a test message to oneself, through the real API."""

from __future__ import annotations

import json
import time
from typing import Annotated, Literal

import typer

from pipeline.authoring.cards.preview import Preview
from pipeline.bootstrap.apis import apis_of
from pipeline.bootstrap.test_sends import OUTCOME, TestSend, addressed, recipient_of, send
from pipeline.cli.app import FINDINGS, FINE
from pipeline.cli.authors.example_previews import WantedExample, from_examples, made_of
from pipeline.cli.authors.examples import DEFAULT_SEED, LanguageOption, SeedOption
from pipeline.cli.authors.explain import EventArgument, NumberOption, TypeOption
from pipeline.cli.authors.one_event import find_or_exit, select_event
from pipeline.cli.authors.rule_set import ConfigOption, Named, RulesOption, SchemasOption, SoundRules
from pipeline.cli.printing import paragraph, plain, print_json, say
from pipeline.cli.registry import find_settings, find_settings_without_kafka
from pipeline.errors import UserError
from pipeline.model.notice import Notice, Refusal
from pipeline.phrases import phrase
from pipeline.settings import Settings


def command(
    event: EventArgument = None,
    to: Annotated[
        str,
        typer.Option("--to", help="Name of a recipient under `test_recipients` of the configuration.", metavar="ME"),
    ] = "me",
    rule: Annotated[
        str | None, typer.Option("--rule", help="Only this rule; without EVENT, an example is used.", metavar="ID")
    ] = None,
    rules: RulesOption = None,
    seed: SeedOption = DEFAULT_SEED,
    language: LanguageOption = "zh",
    event_type: TypeOption = None,
    number: NumberOption = 1,
    config: ConfigOption = None,
    schemas: SchemasOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the requests, and send nothing.")] = False,
    output: Annotated[Literal["text", "json"], typer.Option(help="Output format.")] = "text",
) -> None:
    """Send the messages of one event to yourself, through the API of the configuration, to see them on a phone.

    The event is named as for **explain**, or is an example (`--rule`). The recipient is always the test recipient
    `--to`, never the event's; others are refused. Each message is one request, without retries, and is logged as
    `test_notice_sent`. It counts as `test`: no outcome is published, and no metric of the service counts it. The API
    may count it against its quota.

    Exit 0: accepted by the API; 1: a message cannot be made or is not accepted; 2: misuse.

    Examples: `notice-pipeline send --to me --rule order-paid --config staging.yaml` ·
    `notice-pipeline send recorded.jsonl:3 --to me --dry-run`
    """
    named = Named(rules, schemas, None, config)
    selection = None if event is None and rule is not None else select_event(event, number, event_type)
    is_in_kafka = selection is not None and selection.position is not None
    settings = find_settings(config) if is_in_kafka else find_settings_without_kafka(config)
    if settings is None:
        raise UserError(
            phrase("sending needs the API of a configuration"), hint=phrase("give --config, or write a pipeline.yaml")
        )
    recipient = recipient_of(settings, to)
    sound = SoundRules.of(named, settings, tests=False)
    only = sound.rule(rule) if rule is not None else None
    if selection is None:
        _, made = from_examples(sound, None, only, WantedExample(seed, language))
    else:
        found = find_or_exit(selection, sound, settings, as_json=output == "json")
        made = made_of(sound, found.event, only)
    notices = [addressed(one, recipient, time.time_ns()) for one in _ready(made)]
    if dry_run:
        _show_requests(settings, notices, output)
        return
    raise typer.Exit(_report(settings, [send(settings, notice) for notice in notices], to, output))


def _ready(made: list[Preview]) -> list[Notice]:
    """The messages, if every one can be sent.

    Raises:
        UserError: there is none, or one cannot be made, or its rule does not match.
    """
    if not made:
        raise UserError(
            phrase("no rule makes a message of this event"), hint=phrase("`notice-pipeline explain` shows why")
        )
    notices: list[Notice] = []
    for one in made:
        if isinstance(one.result, Refusal):
            message = phrase(
                "`{rule}` cannot make its message: {reason}: {detail}",
                rule=one.rule,
                reason=one.result.reason.value,
                detail=one.result.detail,
            )
            raise UserError(message, hint=phrase("`notice-pipeline preview` shows it; nothing is sent"))
        if not one.is_matched:
            raise UserError(
                phrase("the condition of `{rule}` is false for this event", rule=one.rule),
                hint=phrase("`explain` shows why"),
            )
        notices.append(one.result)
    return notices


def _show_requests(settings: Settings, notices: list[Notice], output: str) -> None:
    requests = [
        {"url": str(apis_of(settings)[one.api].url), "rule": one.rule, "body": json.loads(one.body)} for one in notices
    ]
    if output == "json":
        print_json({"dry_run": True, "requests": requests})
        return
    for one in requests:
        say(plain(phrase("POST {url}  rule {rule}", url=one["url"], rule=one["rule"])))
        say(paragraph(json.dumps(one["body"], ensure_ascii=False, indent=2)))
    say(plain(phrase("nothing is sent: --dry-run")))


def _report(settings: Settings, sent: list[TestSend], to: str, output: str) -> int:
    accepted = sum(one.is_accepted for one in sent)
    counts = {"accepted": accepted, "refused": len(sent) - accepted}
    if output == "json":
        print_json({"environment": settings.environment, OUTCOME: counts, "sent": [_as_json(one) for one in sent]})
    else:
        for one in sent:
            mark = "✓" if one.is_accepted else "✗"
            say(
                plain(
                    phrase(
                        "{mark} {rule}  to {to}, {environment}: {answer}",
                        mark=mark,
                        rule=one.notice.rule,
                        to=to,
                        environment=settings.environment,
                        answer=_answer(one),
                    )
                )
            )
        say(
            plain(
                phrase(
                    "{outcome}: {accepted} accepted, {refused} refused",
                    outcome=OUTCOME,
                    accepted=counts["accepted"],
                    refused=counts["refused"],
                )
            )
        )
    return FINE if accepted == len(sent) else FINDINGS


def _answer(one: TestSend) -> str:
    reply = one.reply
    if reply.fault is not None:
        return f"{one.verdict.value} ({reply.fault.value}: {reply.detail})"
    detail = f": {reply.detail}" if reply.detail and not one.is_accepted else ""
    return phrase(
        "{verdict} (status {status}, code {code}{detail})",
        verdict=one.verdict.value,
        status=reply.status,
        code=reply.code,
        detail=detail,
    )


def _as_json(one: TestSend) -> dict[str, object]:
    return {
        "rule": one.notice.rule,
        "template": one.notice.template,
        "notice_id": one.notice.id,
        "verdict": one.verdict.value,
        "status": one.reply.status,
        "code": one.reply.code,
        "fault": one.reply.fault.value if one.reply.fault is not None else None,
        "detail": one.reply.detail,
    }
