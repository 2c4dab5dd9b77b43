"""`make chaos`: break everything around the service, and judge from Kafka and the API's journal what came of it."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from tests.broker.handle import Broker, Unavailable
from tests.broker.maven import MavenBroker
from tests.broker.others import GivenBroker
from tests.chaos import report
from tests.chaos.run import Result, Scenario, play
from tests.chaos.scenarios import SCENARIOS

PROTOCOLS = ("classic", "consumer")
BROKER = {"group_consumer_session_timeout_ms": "5000"}


def main(
    scenario: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be given several times. See --list.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all randomness: the same faults at the same times.")] = 1,
    minutes: Annotated[
        float, typer.Option(min=0.1, max=600, help="Stretch each scenario: 1 is its usual length, 10 ten times that.")
    ] = 1,
    protocol: Annotated[
        Literal["classic", "consumer"] | None, typer.Option(help="Only this group protocol; both if not said.")
    ] = None,
    kafka: Annotated[
        str | None, typer.Option(help="Use the Kafka at this address; scenarios that stop it are left out.")
    ] = None,
    logs: Annotated[Path | None, typer.Option(help="Keep configuration and logs of each run in this folder.")] = None,
    results: Annotated[Path | None, typer.Option(help="Write everything to this file, .json or .md.")] = None,
    *,
    listed: Annotated[bool, typer.Option("--list", help="List the scenarios, and do nothing.")] = False,
) -> None:
    """Run chaos. Exit 0: every promise held; 1: one was broken; 2: it could not be tried.

    Example: `make chaos ARGS='--scenario kill --protocol classic --seed 7'`
    """
    if listed:
        for one in SCENARIOS.values():
            print(f"{one.name:16} {one.message}")
        return
    unknown = [name for name in scenario or () if name not in SCENARIOS]
    if unknown:
        print(f"no scenario {unknown[0]}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        raise typer.Exit(2)
    if results is not None and results.suffix not in {".json", ".md"}:
        print(f"{results}: neither .json nor .md", file=sys.stderr)
        raise typer.Exit(2)
    signal.signal(signal.SIGTERM, _end)
    try:
        broker: Broker = GivenBroker(kafka) if kafka is not None else MavenBroker(**BROKER)
    except Unavailable as why:
        print(f"no Kafka to break: {why}", file=sys.stderr)
        raise typer.Exit(2) from None
    done: list[Result] = []
    try:
        for one in [SCENARIOS[name] for name in scenario or SCENARIOS]:
            if one.stops_broker and not broker.can_stop:
                print(f"{one.name}: left out, this Kafka is not ours to stop", file=sys.stderr)
                continue
            for chosen in PROTOCOLS if protocol is None else (protocol,):
                result = _one(one, broker, chosen, seed, minutes, logs)
                done.append(result)
    finally:
        broker.close()
        if results is not None and done:
            write = report.as_json if results.suffix == ".json" else report.as_markdown
            results.write_text(write(done, broker.version), encoding="utf-8")
    broken = [result for result in done if not result.ok]
    print(f"{len(done)} runs, {len(broken)} with a broken promise")
    raise typer.Exit(1 if broken else 0)


def _end(_number: int, _frame: object) -> None:
    """End as Ctrl-C does, with everything that was started."""
    raise KeyboardInterrupt


def _one(scenario: Scenario, broker: Broker, protocol: str, seed: int, minutes: float, logs: Path | None) -> Result:
    print(f"{scenario.name} ({protocol}) …", file=sys.stderr, flush=True)
    name = f"{scenario.name}-{protocol}-{seed}-"
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=name, dir=logs))
        result = play(scenario, broker, folder, protocol=protocol, seed=seed, minutes=minutes)
    else:
        with tempfile.TemporaryDirectory(prefix=name) as temporary:
            result = play(scenario, broker, Path(temporary), protocol=protocol, seed=seed, minutes=minutes)
    print(report.text(result), flush=True)
    return result


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
