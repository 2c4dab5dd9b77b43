"""Tasks that no one awaits: none fails unseen, and all of them end with their owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.delivery.machine import Delivery
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import Route
from pipeline.delivery.verdicts import VerdictTable
from pipeline.errors import SchemaUnavailable
from pipeline.model.event import Event, Origin, Record
from pipeline.model.ledger import Assigned
from pipeline.model.notice import DEFAULT_API
from pipeline.ports import Api
from pipeline.runtime.engine import Engine
from pipeline.runtime.intake import Intake
from pipeline.tasks import Tasks
from tests.unit.delivery.making import P0, T0, arrival

TIMEOUT = 10.0


class Unforeseen(Exception):
    """What no code expects."""


class Anything:
    """Takes every call and answers nothing."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Standing:
    """A clock that stands."""

    def now(self) -> float:
        return T0

    def correction(self) -> float:
        return 0.0


async def reported_to_the_loop(begin: Callable[[], object]) -> BaseException | None:
    """Begin something, and give what the loop's exception handler hears; the service ends on that."""
    heard: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.set_result(context))
    begin()
    async with asyncio.timeout(TIMEOUT):
        error = (await heard)["exception"]
    assert error is None or isinstance(error, BaseException)
    return error


async def failing() -> None:
    raise Unforeseen


async def test_what_a_task_raises_is_reported_to_the_loop() -> None:
    """It is awaited by no one who could hear it."""
    tasks = Tasks()
    assert isinstance(await reported_to_the_loop(lambda: tasks.start(failing())), Unforeseen)


async def test_all_end_when_they_are_cancelled_and_that_is_no_failure() -> None:
    """Also one that has not started to run."""
    heard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    tasks = Tasks()
    started = [tasks.start(_for_ever())]
    await asyncio.sleep(0)
    started.append(tasks.start(_for_ever()))
    await tasks.cancel()
    assert all(task.cancelled() for task in started)
    await asyncio.sleep(0)
    assert not heard


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_schema_source_that_fails_beyond_all_expectation_ends_the_service() -> None:
    """Else its partition would be held back forever, by a service that looks well."""

    class Decoder:
        unavailable = None

        def decode(self, _record: Record, _origin: Origin | None = None) -> Event:
            raise SchemaUnavailable("not asked for yet")

        async def prepare(self, _record: Record) -> None:
            raise Unforeseen

    rules: Any = Anything()
    telemetry: Any = Anything()
    delivery = Delivery(
        DeliverySettings(), Route(DeliverySettings(), VerdictTable(), max_in_flight=4, rng=lambda: 0.5, now=T0), T0
    )
    intake = Intake(
        decoder=Decoder(),
        rules=rules,
        delivery=delivery,
        clock=Standing(),
        telemetry=telemetry,
        progressed=lambda: None,
        publish_unmatched=False,
    )
    intake.open(Assigned(P0, 1, 0, {}))
    assert isinstance(await reported_to_the_loop(lambda: intake.take([arrival(0).record])), Unforeseen)
    await intake.stop()


async def test_a_token_source_that_fails_beyond_all_expectation_ends_the_service() -> None:
    """Else nothing would ever be sent, and no reason would be reported."""

    class Broken:
        refresh_in: float | None = None

        def listen(self, _newer: Callable[[], None]) -> None:
            """Nothing to report."""

        async def fetch(self) -> str:
            raise Unforeseen

        async def close(self) -> None:
            pass

    class Source:
        def last_poll_at(self) -> float:
            return T0

        def __getattr__(self, _: str) -> Callable[..., bool]:
            return lambda *_, **__: False

    client: Any = Anything()
    parts: dict[str, Any] = {
        **dict.fromkeys(("outcomes", "telemetry"), Anything()),
        "apis": [Api(DEFAULT_API, client, Broken())],
        "delivery": Delivery(
            DeliverySettings(), Route(DeliverySettings(), VerdictTable(), max_in_flight=4, rng=lambda: 0.5, now=T0), T0
        ),
        "source": Source(),
        "clock": Standing(),
        "waiting": lambda: 0,
        "fatal": lambda _: None,
    }
    engine = Engine(**parts)
    assert isinstance(await reported_to_the_loop(engine.progressed), Unforeseen)
    await engine.stop()
