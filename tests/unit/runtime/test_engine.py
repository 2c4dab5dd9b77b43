"""The engine: tokens got ahead of their end, and an end without hope is not waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from pipeline.delivery.machine import Delivery
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import Route
from pipeline.delivery.verdicts import VerdictTable
from pipeline.errors import OutcomeLost, TokenUnavailable
from pipeline.model.halt import Halt
from pipeline.model.ledger import Assigned
from pipeline.model.notice import DEFAULT_API
from pipeline.model.once import OnceUntil
from pipeline.model.outcome import Outcome
from pipeline.model.reply import Reply
from pipeline.ports import Api
from pipeline.runtime import sender as sender_module
from pipeline.runtime.engine import COMMIT_SECONDS, SETTLE_SECONDS, STANDSTILL_SECONDS, Engine
from tests.fakes.outcomes import an_outcome
from tests.unit.delivery.making import OK, P0, T0, UNAUTHORISED, arrival, notice

TIMEOUT = 10.0
"""Real seconds; what is waited for takes none."""
ALWAYS = frozenset(range(1_000))


class TakesAll:
    """Takes everything, and remembers with which token."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.reply = OK

    def post(self, _notice: object, token: str, _trace: object, answered: Callable[[Reply], None]) -> None:
        self.tokens.append(token)
        asyncio.get_running_loop().call_soon(answered, self.reply)

    async def close(self) -> None:
        pass


class Tokens:
    """Gives `token-1`, `token-2`, …, each due for renewal at once; fails on request."""

    def __init__(self, *, refresh_in: float | None, failures: frozenset[int] = frozenset()) -> None:
        self.refresh_in = refresh_in
        self.requested = 0
        self.newer: Callable[[], None] = lambda: None
        self._failures = failures

    def listen(self, newer: Callable[[], None]) -> None:
        self.newer = newer

    async def fetch(self) -> str:
        self.requested += 1
        if self.requested in self._failures:
            raise TokenUnavailable("the endpoint is away")
        return f"token-{self.requested}"

    async def close(self) -> None:
        pass


class Refusing:
    """A ledger that permanently refuses outcomes."""

    def __init__(self) -> None:
        self.refused = False

    def publish(self, *_: object) -> None:
        self.refused = True

    def poll(self) -> int:
        if self.refused:
            raise OutcomeLost("refused")
        return 0


class Anything:
    """Takes every call and answers nothing."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Source(Anything):
    """Has been active just now, unless set otherwise."""

    polled_at = T0

    is_out_of_touch = False

    def last_poll_at(self) -> float:
        return self.polled_at

    def out_of_touch(self) -> bool:
        return self.is_out_of_touch


class Standing:
    """A clock that stands, or jumps."""

    at = T0

    corrected_by = 0.0

    def now(self) -> float:
        return self.at

    def correction(self) -> float:
        return self.corrected_by


def engine(
    tokens: Tokens,
    outcomes: object = None,
    failed: list[Exception] | None = None,
    clock: Standing | None = None,
    source: Source | None = None,
) -> tuple[Engine, TakesAll]:
    """An engine with one notice to send."""
    delivery = Delivery(
        DeliverySettings(), Route(DeliverySettings(), VerdictTable(), max_in_flight=4, rng=lambda: 0.5, now=T0), T0
    )
    delivery.assign(Assigned(P0, 1, 0, {}, -1, None))
    delivery.offer(arrival(0, notice("n0")), T0)
    api = TakesAll()
    parts: dict[str, Any] = {
        "delivery": delivery,
        "apis": [Api(DEFAULT_API, api, tokens)],
        "outcomes": outcomes or Anything(),
        "source": source or Source(),
        "clock": clock or Standing(),
        "telemetry": Anything(),
        "waiting": lambda: 0,
        "fatal": (failed if failed is not None else []).append,
    }
    return Engine(**parts), api


async def until(held: Callable[[], bool]) -> None:
    """Let the loop turn until it is so."""
    async with asyncio.timeout(TIMEOUT):
        while not held():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0)


async def test_a_token_is_renewed_ahead_of_its_end() -> None:
    """Without any request having been refused for it."""
    tokens = Tokens(refresh_in=0.001)
    subject, api = engine(tokens)
    subject.progressed()
    await until(lambda: tokens.requested >= 3)
    await subject.stop()
    assert api.tokens == ["token-1"]


async def test_a_token_of_unknown_life_is_not_renewed() -> None:
    """It is got again when the API refuses it."""
    tokens = Tokens(refresh_in=None)
    subject, api = engine(tokens)
    subject.progressed()
    await until(lambda: bool(api.tokens))
    assert all(sender._renewal is None for sender in subject._senders)
    await subject.stop()
    assert tokens.requested == 1


async def test_a_failed_renewal_stops_no_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old token continues being used, and the source is queried again."""
    monkeypatch.setattr(sender_module, "TOKEN_RETRY_SECONDS", 0.001)
    tokens = Tokens(refresh_in=0.001, failures=frozenset({2, 3}))
    subject, _ = engine(tokens)
    subject.progressed()
    await until(lambda: tokens.requested >= 2)
    assert not subject.without_token
    await until(lambda: tokens.requested >= 4)
    await subject.stop()


async def test_a_newer_token_of_the_source_is_fetched_at_once() -> None:
    """The present one is used until then."""
    tokens = Tokens(refresh_in=None)
    subject, api = engine(tokens)
    subject.progressed()
    await until(lambda: bool(api.tokens))
    tokens.newer()
    await until(lambda: tokens.requested == 2)
    assert not subject.without_token
    await subject.stop()
    tokens.newer()
    assert tokens.requested == 2


async def test_a_newer_token_ends_the_wait_after_a_failure() -> None:
    """The wait of five seconds is for a source that reports nothing."""
    tokens = Tokens(refresh_in=None, failures=frozenset({1}))
    subject, api = engine(tokens)
    subject.progressed()
    await until(lambda: tokens.requested == 1 and subject._delivery.halted() is Halt.TOKEN_UNAVAILABLE)
    tokens.newer()
    await until(lambda: bool(api.tokens))
    assert api.tokens == ["token-2"]
    await subject.stop()


async def test_a_refused_token_without_another_is_a_halt() -> None:
    """The service has no token then, whatever it was given before."""
    tokens = Tokens(refresh_in=None, failures=ALWAYS - {1})
    subject, api = engine(tokens)
    api.reply = Reply(401, 401)
    subject.progressed()
    await until(lambda: tokens.requested == 2 and subject._delivery.halted() is Halt.TOKEN_UNAVAILABLE)
    assert subject.without_token == [DEFAULT_API]
    assert api.tokens == ["token-1"]
    await subject.stop()


@pytest.mark.parametrize(("refresh_in", "early"), [(60.0, 1), (None, 0)])
async def test_a_token_that_is_refused_before_its_end_is_reported(refresh_in: float | None, early: int) -> None:
    """Another member may have ended it; nothing can be said of a token whose life is unknown."""
    tokens = Tokens(refresh_in=refresh_in)
    subject, api = engine(tokens)
    api.reply = Reply(401, 401)
    with capture_logs() as lines:
        subject.progressed()
        await until(lambda: tokens.requested == 2)
        await subject.stop()
    assert sum(line["event"] == "token_ended_early" for line in lines) == early


async def test_a_halt_is_reported_once_with_what_the_api_said() -> None:
    """Nothing is sent from then on, and without a word no one would know why."""
    subject, api = engine(Tokens(refresh_in=None))
    api.reply = UNAUTHORISED
    with capture_logs() as logs:
        subject.progressed()
        await until(lambda: bool(logs))
        for _ in range(10):
            subject.progressed()
            await asyncio.sleep(0)
    await subject.stop()
    assert logs == [
        {
            "event": "sending_halted",
            "log_level": "warning",
            "reason": "unauthorised",
            "status": 403,
            "code": 403,
            "fault": None,
        }
    ]


async def turns(subject: Engine, count: int = 10) -> None:
    """Let it look so many times."""
    for _ in range(count):
        subject.progressed()
        await asyncio.sleep(0)


async def test_after_a_standstill_nothing_leaves_until_a_loss_would_be_known() -> None:
    """Frozen for longer than its session, its partitions may be someone else's, who has sent what it still holds."""
    clock, source = Standing(), Source()
    subject, api = engine(Tokens(refresh_in=None), clock=clock, source=source)
    subject.progressed()
    await asyncio.sleep(0)  # the first look; the token comes later
    clock.at += STANDSTILL_SECONDS + 1
    await turns(subject)
    assert not subject.without_token
    assert api.tokens == []
    clock.at += SETTLE_SECONDS
    await turns(subject)
    assert api.tokens == [], "time alone shows nothing"
    source.polled_at = clock.at
    subject.progressed()
    await until(lambda: bool(api.tokens))
    await subject.stop()


async def test_a_drain_waits_for_no_outcome_that_kafka_will_never_take() -> None:
    """The clock stands, so only giving up can end it; what is committed stops before that outcome."""
    failed: list[Exception] = []
    subject, api = engine(Tokens(refresh_in=None), Refusing(), failed)
    subject.progressed()
    await until(lambda: bool(failed))
    async with asyncio.timeout(TIMEOUT):
        points = await subject.drain([P0], T0 + 20)
    await subject.stop()
    assert len(api.tokens) == 1
    assert [point.offset for point in points] == [0]


async def test_out_of_touch_with_the_group_nothing_leaves() -> None:
    """Until the source says that it has been heard again: the partitions may be someone else's meanwhile."""
    source = Source()
    source.is_out_of_touch = True
    subject, api = engine(Tokens(refresh_in=None), source=source)
    subject.progressed()
    await until(lambda: not subject.without_token)
    for _ in range(20):
        subject.progressed()
        await asyncio.sleep(0)
    assert not api.tokens
    source.is_out_of_touch = False
    subject.progressed()
    await until(lambda: bool(api.tokens))
    await subject.stop()


async def test_what_may_not_leave_is_looked_for_only_now_and_then() -> None:
    """It is ready all the while, in a silence as without a token, and both may last: no reason to turn in circles."""
    silent = Source()
    silent.is_out_of_touch = True
    for tokens, source in ((Tokens(refresh_in=None), silent), (Tokens(refresh_in=None, failures=ALWAYS), Source())):
        subject, api = engine(tokens, source=source)
        await turns(subject)
        assert not api.tokens
        assert subject._wakeup is not None
        assert subject._wakeup.when() - asyncio.get_running_loop().time() > COMMIT_SECONDS / 2
        await subject.stop()


async def test_steps_of_the_wall_clock_are_followed() -> None:
    """Notices expire by it, and outcomes bear its times."""

    class Published(Anything):
        def __init__(self) -> None:
            self.outcomes: list[Outcome] = []

        def publish(self, outcome: Outcome, *_: object) -> None:
            self.outcomes.append(outcome)

        def poll(self) -> int:
            return 0

    clock, published = Standing(), Published()
    made, _ = engine(Tokens(refresh_in=None), published, clock=clock)
    clock.corrected_by = -7_200.0
    with capture_logs() as logs:
        made.progressed()
        await until(lambda: bool(published.outcomes))
    assert published.outcomes[0].finished_at == T0 - 7_200
    assert [line["event"] for line in logs if line["event"] == "clock_stepped"] == ["clock_stepped"]
    await made.stop()


def test_a_step_of_the_wall_clock_moves_the_end_of_once() -> None:
    """Caps and `once` count by the times that outcomes have."""
    outcome = an_outcome()._replace(once=OnceUntil("6338af5d9fe4db9d", T0 + 60))
    corrected = outcome.moved(-7_200.0)
    assert corrected.once == OnceUntil("6338af5d9fe4db9d", T0 + 60 - 7_200)
    assert corrected.finished_at == outcome.finished_at - 7_200


async def test_an_api_without_a_token_is_named_and_the_other_is_sent_to() -> None:
    """Its notices wait for its own token source; log lines say which API they are about."""
    clients = {DEFAULT_API: TakesAll(), "sms": TakesAll()}
    sources = {DEFAULT_API: Tokens(refresh_in=None), "sms": Tokens(refresh_in=None, failures=ALWAYS)}
    routes = [Route(DeliverySettings(), VerdictTable(), max_in_flight=4, rng=lambda: 0.5, now=T0) for _ in range(2)]
    delivery = Delivery(DeliverySettings(), routes[0], T0, {"sms": routes[1]})
    delivery.assign(Assigned(P0, 1, 0, {}, -1, None))
    delivery.offer(arrival(0, notice("n0"), notice("s0", "sue")._replace(api="sms")), T0)
    parts: dict[str, Any] = {
        "delivery": delivery,
        "apis": [Api(name, clients[name], sources[name]) for name in clients],
        "outcomes": Anything(),
        "source": Source(),
        "clock": Standing(),
        "telemetry": Anything(),
        "waiting": lambda: 0,
        "fatal": [].append,
    }
    subject = Engine(**parts)
    with capture_logs() as logs:
        subject.progressed()
        await until(lambda: bool(clients[DEFAULT_API].tokens) and delivery.halted("sms") is not None)
        subject.progressed()
        await until(lambda: any(line["event"] == "sending_halted" for line in logs))
    await subject.stop()
    assert subject.without_token == ["sms"]
    assert clients["sms"].tokens == []
    reported = {line["event"]: line.get("api") for line in logs}
    assert reported == {"token_unavailable": "sms", "sending_halted": "sms"}
