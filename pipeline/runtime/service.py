"""The life of the service: start, run until stopped, drain, end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pipeline.errors import UserError
from pipeline.runtime.bridge import Bridge
from pipeline.runtime.care_records import CareRecords
from pipeline.runtime.engine import Engine
from pipeline.runtime.health import Health
from pipeline.runtime.intake import Intake
from pipeline.runtime.intent_writing import IntentWriting
from pipeline.runtime.pause_sharing import PauseSharing

if TYPE_CHECKING:
    from pipeline.care.recipients import CareTerms
    from pipeline.delivery.machine import Delivery
    from pipeline.model.pause import Pause
    from pipeline.ports import (
        Api,
        CareLog,
        CareWatch,
        Clock,
        Controls,
        Decoder,
        EventSource,
        IntentLog,
        OutcomeLog,
        Telemetry,
    )
    from pipeline.rules.ruleset import RuleSet
    from pipeline.runtime.hop import Hop

log = structlog.get_logger("service")


class CareParts(NamedTuple):
    """What recipient care needs beside the machine."""

    log: CareLog
    watch: CareWatch
    overwritten: Callable[[], None]
    """Counts a record of a process that has lost the partition."""
    terms: CareTerms
    """What the machine decides by; a reload replaces its declaration."""


class Parts(NamedTuple):
    """Every adapter that a service needs."""

    decoder: Decoder
    rules: RuleSet
    delivery: Delivery
    apis: tuple[Api, ...]
    """The one of `notices` first."""
    source: EventSource
    outcomes: OutcomeLog
    clock: Clock
    telemetry: Telemetry
    controls: Controls | None = None
    """None: nothing can be paused, as in the demo and in tests."""
    limit_rules: Callable[[RuleSet], None] = lambda _: None
    """Puts the `max_per_minute` of these rules in force."""
    care: CareParts | None = None
    """None: recipient care is off."""
    hop: Hop | None = None
    """Recipient care's, with `intents`; its machine is `delivery`. None: it is off."""
    intents: IntentLog | None = None


class Service:
    """One member of the consumer group, from start to drained end."""

    def __init__(
        self,
        parts: Parts,
        *,
        drain_seconds: float,
        publish_unmatched: bool,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """In-flight requests may take `drain_seconds` to end; `on_end` is called when the end begins."""
        self.parts = parts
        self._on_end = on_end
        self._drain_seconds = drain_seconds
        self._stop = asyncio.Event()
        self._error: Exception | None = None
        self.intake = Intake(
            decoder=parts.decoder,
            rules=parts.rules,
            delivery=parts.delivery,
            clock=parts.clock,
            telemetry=parts.telemetry,
            progressed=self._progressed,
            publish_unmatched=publish_unmatched,
            hop=parts.hop,
        )
        self._care = None
        if parts.hop is not None and parts.care is not None:
            self._care = CareRecords(
                parts.hop.delivery,
                parts.care.log,
                parts.care.watch,
                progressed=self._progressed,
                overwritten=parts.care.overwritten,
            )
        intents = None
        if parts.hop is not None and parts.intents is not None:
            intents = IntentWriting(parts.hop.delivery, parts.intents, parts.source)
        self._pause_sharing = PauseSharing(parts.controls, parts.clock)
        self.engine = Engine(
            delivery=parts.delivery,
            apis=parts.apis,
            outcomes=parts.outcomes,
            source=parts.source,
            clock=parts.clock,
            telemetry=parts.telemetry,
            waiting=lambda: self.intake.waiting,
            waiting_bytes=lambda: self.intake.waiting_bytes,
            fan_out=lambda: self.intake.fan_out,
            fatal=self.fail,
            share=self._pause_sharing.share,
            care=self._care,
            intents=intents,
        )
        self.bridge = Bridge(
            loop=asyncio.get_running_loop(),
            delivery=parts.delivery,
            intake=self.intake,
            engine=self.engine,
            clock=parts.clock,
            drain_seconds=drain_seconds,
            fatal=self.fail,
            care=self._care,
        )
        self.health = Health(parts.clock, parts.source, self.bridge)

    def _progressed(self) -> None:
        self.engine.progressed()

    def rules_off(self, rules: frozenset[str]) -> int:
        """End the buffered notices of rules that are not in use any more; return how many."""
        cancelled = self.parts.delivery.rules_off(rules, self.parts.clock.now())
        self.engine.progressed()
        return cancelled

    def stop(self) -> None:
        """Begin to end: drain, commit, leave the group."""
        self._on_end()
        self._stop.set()

    def fail(self, error: Exception) -> None:
        """End because of an error that cannot be handled; the first one is reported."""
        if self._error is None:
            self._error = error
            first, *others = _leaves(error)
            more: dict[str, object] = {"others": [f"{type(one).__name__}: {one}" for one in others]} if others else {}
            if isinstance(first, UserError) and first.hint is not None:
                more["hint"] = first.hint
            log.error("fatal", error=str(first), kind=type(first).__name__, **more)
        self._on_end()
        self._stop.set()

    async def run(self, *, alongside: Callable[[], Awaitable[None]] | None = None) -> Exception | None:
        """Run until `stop` or a fatal error; return the error, if there was one.

        `alongside` runs beside the rest (web endpoint, reload) and is cancelled at the end.
        """
        asyncio.get_running_loop().set_exception_handler(self._callback_failed)
        beside = asyncio.ensure_future(alongside()) if alongside else None
        if beside is not None:
            beside.add_done_callback(self._beside_ended)
        self._follow_controls()
        if self._care is not None:
            self._care.start()
        self.parts.source.start(self.bridge)
        self.engine.progressed()
        self.health.started()
        try:
            await self._stop.wait()
        finally:
            self.health.stopping()
            await self._drain()
            if beside is not None:
                beside.cancel()
                with suppress(asyncio.CancelledError):
                    await beside
        return self._error

    def _follow_controls(self) -> None:
        """Put in force what is paused before anything is read, and what is paused later within a second."""
        controls = self.parts.controls
        if controls is None:
            return
        self.engine.pause(controls.pauses())
        loop = asyncio.get_running_loop()

        def changed(pauses: Sequence[Pause]) -> None:
            with suppress(RuntimeError):  # the loop is closed: the service has ended
                loop.call_soon_threadsafe(self.engine.pause, pauses)

        controls.follow(changed)

    def _callback_failed(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """A callback raised unexpectedly: end, and let another process begin from what is acknowledged.

        The loop would continue without it, and the service might look healthy while it delivers nothing.
        """
        error = context.get("exception")
        self.fail(error if isinstance(error, Exception) else RuntimeError(str(context.get("message"))))

    def _beside_ended(self, ended: asyncio.Future[None]) -> None:
        if not ended.cancelled() and (error := ended.exception()) is not None:
            self.fail(error if isinstance(error, Exception) else RuntimeError(str(error)))

    async def _drain(self) -> None:
        log.info("stopping", drain_seconds=self._drain_seconds)
        if self.parts.controls is not None:
            await asyncio.to_thread(self.parts.controls.close)
        await asyncio.to_thread(self.parts.source.stop, self._drain_seconds + 10)
        await self.intake.stop()
        await self.engine.stop()
        await self._pause_sharing.stop()
        if self._care is not None:
            await asyncio.to_thread(self._care.stop)
        # On the loop's thread, after the engine's own polling has ended: one thread owns the producer's queue.
        missing = self.parts.outcomes.flush(0.0 if self._error else 5.0)
        if self.parts.intents is not None:
            missing += self.parts.intents.flush(0.0 if self._error else 5.0)
        for api in self.parts.apis:
            await api.client.close()
            await api.tokens.close()
        log.info("stopped", outcomes_missing=missing)


def _leaves(error: BaseException) -> list[BaseException]:
    """The errors within an exception group, whose own text only counts them; any other error is its own."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
