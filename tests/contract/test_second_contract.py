"""An API with another contract, from rule's message to outcome: a body contract, verdict rows and configuration."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.delivery.route import Message
from pipeline.delivery.verdicts import VerdictSettings
from pipeline.model.notice import Notice
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.sandbox import request as sandbox_request
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.request import Contract, Refused
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.state import SandboxOptions
from tests.contract.asking import posted
from tests.unit.delivery.making import Bench, arrival

SIGN = "小粒咖啡"
CODES = {
    "OK": "accepted",
    "isv.MOBILE_NUMBER_ILLEGAL": "rejected_recipient",
    "isv.SMS_TEMPLATE_ILLEGAL": "rejected_config",
    "isv.BUSINESS_LIMIT_CONTROL": "throttled_recipient",
    "isp.SYSTEM_ERROR": "retry",
    "isv.ACCOUNT_ABNORMAL": "unauthorised",
}
OK = b'{"status":"OK"}'


def sms_body(message: Message) -> bytes:
    """The body contract: what the SMS API takes instead of C1's body."""
    return orjson.dumps(
        {"phone": message.recipient, "sign": SIGN, "template": message.template, "params": dict(message.fields)}
    )


def read_sms(body: bytes) -> sandbox_request.Message | Refused:
    """The sandbox's side of it."""
    given = orjson.loads(body)
    if given.keys() != {"phone", "sign", "template", "params"} or given["sign"] != SIGN:
        return Refused(47001, "isv.INVALID_PARAMETERS")
    fields = {key: (value, None) for key, value in given["params"].items()}
    return sandbox_request.Message(given["phone"], given["template"], None, fields)


def write_sms(code: int | str, message: str) -> bytes:
    """Its replies: OK, or an error string."""
    return orjson.dumps({"status": "OK" if code == sandbox_request.ACCEPTED else message})


SMS = Contract(read_sms, write_sms)


def notice(name: str, phone: str) -> Notice:
    body = orjson.dumps({"to": phone, "template": "SMS_1", "data": {"code": {"value": "1234", "color": "#000"}}})
    return Notice(name, "login-code", "login_code", phone, body, None)


async def delivered(phones: Mapping[str, str]) -> tuple[Bench, SandboxServer]:
    """One notice to each phone; the sandbox answers each with the given status string."""
    faults = [
        {"recipients": [phone], "body": orjson.dumps({"status": status}).decode(), "attempts": 1}
        for phone, status in phones.items()
        if status != "OK"
    ]
    plan = FaultPlan.model_validate({"faults": faults})
    bench = Bench(verdicts=VerdictSettings.model_validate({"codes": CODES}), body=sms_body, rng=0.0)
    async with SandboxServer(SandboxOptions(plan=plan, contract=SMS)) as sandbox:
        api = LoopNoticesApi(HttpOptions(sandbox.url, code_path="status"))
        bench.offer(*(arrival(offset, notice(f"n{offset}", phone)) for offset, phone in enumerate(phones)))
        for _ in range(4):
            for attempt in bench.attempts():
                bench.reply(attempt, await posted(api, attempt.notice, "token"))
            bench.later(2)
        await api.close()
    bench.collect()
    return bench, sandbox


async def test_another_contract_needs_a_body_and_a_verdict_table() -> None:
    """The message arrives in the API's own form, and its status is the outcome."""
    bench, sandbox = await delivered({"13800138000": "OK"})
    assert [(one.kind, one.attempts) for one in bench.outcomes] == [(OutcomeKind.ACCEPTED, 1)]
    (received,) = sandbox.state.memory.messages
    assert (received.message.to, received.message.template) == ("13800138000", "SMS_1")
    assert received.message.fields == {"code": ("1234", None)}


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        ("isv.MOBILE_NUMBER_ILLEGAL", OutcomeKind.REJECTED, Reason.RECIPIENT),
        ("isv.SMS_TEMPLATE_ILLEGAL", OutcomeKind.REJECTED, Reason.CONFIG),
        ("isv.NEVER_SEEN", OutcomeKind.REJECTED, Reason.CONTENT),
        ("isp.SYSTEM_ERROR", OutcomeKind.ACCEPTED, Reason.OK),
        ("isv.BUSINESS_LIMIT_CONTROL", OutcomeKind.ACCEPTED, Reason.OK),
        ("isv.ACCOUNT_ABNORMAL", OutcomeKind.ACCEPTED, Reason.OK),
    ],
)
async def test_error_strings_have_verdicts(status: str, kind: OutcomeKind, reason: Reason) -> None:
    """Final ones end the notice with the string in its detail; the others lead to a retry."""
    bench, _ = await delivered({"13800138000": status, "13900139000": "OK"})
    ends = {one.id: one for one in bench.outcomes}
    assert (ends["n0"].kind, ends["n0"].reason) == (kind, reason)
    assert ends["n1"].kind is OutcomeKind.ACCEPTED
    if kind is OutcomeKind.REJECTED:
        assert (ends["n0"].code, ends["n0"].detail) == (None, status)
