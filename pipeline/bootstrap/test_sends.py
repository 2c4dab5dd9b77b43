"""Sends one message to a test recipient: one request through the real client, token, parameters and verdict table.

No outcome is published and nothing is retried: a test-send is not a notice of the service.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import orjson
import structlog

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.telemetry.logging import configure_logging, recipient_hash
from pipeline.bootstrap.apis import apis_of, key_of
from pipeline.bootstrap.notices import notices_api
from pipeline.bootstrap.tokens import token_source
from pipeline.delivery.verdicts import VerdictTable
from pipeline.errors import TokenUnavailable, Unreachable, UserError
from pipeline.model.notice import Notice, notice_id
from pipeline.model.reply import Reply
from pipeline.model.suggestion import did_you_mean
from pipeline.model.verdict import Verdict
from pipeline.runtime.credentials import Credentials
from pipeline.settings import Settings

OUTCOME = "test"
"""What test-sends are logged and counted as."""

log = structlog.get_logger("test_sends")


class TestSend(NamedTuple):
    """One message that was sent, and what the reply means."""

    notice: Notice
    reply: Reply
    verdict: Verdict

    @property
    def is_accepted(self) -> bool:
        """Whether the API accepted it."""
        return self.verdict is Verdict.ACCEPTED


def recipient_of(settings: Settings, name: str) -> str:
    """The id of a configured test recipient, by its name or by the id itself.

    Raises:
        UserError: it is not configured, or the service is a shadow, which sends nothing.
    """
    if settings.shadow:
        raise UserError("this configuration is a shadow's: it sends nothing", hint="name another: --config FILE")
    known = settings.test_recipients
    if name in known:
        return known[name]
    if name in known.values():
        return name
    hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
    if not known:
        hint = "add it to the configuration: `test_recipients: {me: YOUR_ID_ON_THE_PLATFORM}`"
    raise UserError(f"`{name}` is not a test recipient of this configuration", hint=hint)


def addressed(notice: Notice, recipient: str, time_ns: int) -> Notice:
    """The same message to another recipient, as a notice of its own: the API must not take it for a repeated one."""
    body = {**orjson.loads(notice.body), "to": recipient}
    return notice._replace(
        id=notice_id(f"test/{time_ns}", notice.rule), recipient=recipient, body=orjson.dumps(body), key=None
    )


def send(settings: Settings, notice: Notice) -> TestSend:
    """POST the notice once, and log it.

    Raises:
        Unreachable: there is no token.
        ConfigurationError: the client cannot be made.
    """
    clock = SystemClock()
    configure_logging(form=settings.log.format, level="info", clock=clock)
    section = apis_of(settings)[notice.api]
    reply = asyncio.run(_post(settings, notice, clock))
    verdict = VerdictTable(section.verdicts).judge(reply)
    log.info(
        "test_notice_sent",
        outcome=OUTCOME,
        environment=settings.environment,
        api=notice.api,
        rule=notice.rule,
        template=notice.template,
        notice_id=notice.id,
        recipient=recipient_hash(b"")(notice.recipient),
        verdict=verdict.value,
        status=reply.status,
        code=reply.code,
    )
    return TestSend(notice, reply, verdict)


async def _post(settings: Settings, notice: Notice, clock: SystemClock) -> Reply:
    section, key = apis_of(settings)[notice.api], key_of(notice.api)
    credentials = Credentials(clock)
    tokens = token_source(section, key, credentials)
    client = notices_api(section, key, credentials, clock)
    try:
        token = await tokens.fetch()
        replied: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        client.post(notice, token, None, replied.set_result)
        return await replied
    except TokenUnavailable as error:
        raise Unreachable(f"there is no token to send with: {error}") from None
    finally:
        await client.close()
        await tokens.close()
