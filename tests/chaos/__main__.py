"""`make chaos`: break everything around the service, and judge from Kafka and the API's journal what came of it."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from tests.broker.cluster import Cluster
from tests.broker.handle import Broker, Unavailable
from tests.broker.maven import MavenBroker
from tests.broker.others import GivenBroker
from tests.chaos import report
from tests.chaos.play import CLUSTER_SESSION_MS, play
from tests.chaos.run import BROKER
from tests.chaos.scenario import Result, Scenario
from tests.chaos.scenarios import SCENARIOS

PROTOCOLS = ("classic", "consumer")
CLUSTER = {"group_consumer_session_timeout_ms": str(CLUSTER_SESSION_MS)}


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
    shard: Annotated[
        str, typer.Option(help="Only a part of the runs, such as 2/3: every third, from the second on.", metavar="K/N")
    ] = "1/1",
    most_minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Begin no further run after this time; what was left out is listed.")
    ] = None,
    care: Annotated[bool, typer.Option("--care", help="With recipient care in the rules.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the scenarios, and do nothing.")] = False,
) -> None:
    """Run chaos. Exit 0: every promise held; 1: one was broken; 2: it could not be tried.

    Example: `make chaos ARGS='--scenario kill --protocol classic --seed 7'`
    """
    if listed:
        _list()
        return
    unknown = [name for name in scenario or () if name not in SCENARIOS]
    if unknown:
        print(f"no scenario {unknown[0]}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        raise typer.Exit(2)
    if results is not None and results.suffix not in {".json", ".md"}:
        print(f"{results}: neither .json nor .md", file=sys.stderr)
        raise typer.Exit(2)
    runs = _sharded([(name, one) for name in scenario or SCENARIOS for one in _protocols(protocol)], shard)
    signal.signal(signal.SIGTERM, _end)
    begin, done, left_out = time.monotonic(), list[Result](), list[str]()
    with _brokers(kafka) as broker_for:
        try:
            for name, chosen in runs:
                one = SCENARIOS[name]
                if most_minutes is not None and time.monotonic() - begin > most_minutes * 60:
                    left_out.append(f"{name} ({chosen}): the time is up")
                elif care and one.without_care is not None:
                    left_out.append(f"{name} ({chosen}): {one.without_care}")
                elif kafka is not None and (one.stops_broker or one.on_cluster):
                    left_out.append(f"{name} ({chosen}): this Kafka is not ours to stop")
                else:
                    done.append(_one(one, broker_for(one), chosen, seed, minutes, logs, care=care))
        except Unavailable as error:
            print(f"no Kafka to break: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        finally:
            if results is not None and done:
                write = report.as_json if results.suffix == ".json" else report.as_markdown
                results.write_text(write(done), encoding="utf-8")
    for line in left_out:
        print(f"left out: {line}", file=sys.stderr)
    broken = [result for result in done if not result.ok]
    print(f"{len(done)} runs, {len(broken)} with a broken promise")
    raise typer.Exit(1 if broken else 0)


def _list() -> None:
    for one in SCENARIOS.values():
        print(f"{one.name:16} {one.message}")


def _protocols(protocol: str | None) -> tuple[str, ...]:
    return PROTOCOLS if protocol is None else (protocol,)


def _sharded(runs: list[tuple[str, str]], shard: str) -> list[tuple[str, str]]:
    """The runs of one shard; those on the single node first, so that each Kafka is started once."""
    try:
        number, count = map(int, shard.split("/"))
    except ValueError:
        number, count = 0, 0
    if not 1 <= number <= count:
        print(f"--shard {shard}: not a part such as 2/3", file=sys.stderr)
        raise typer.Exit(2)
    return sorted(runs[number - 1 :: count], key=lambda run: SCENARIOS[run[0]].on_cluster)


@contextmanager
def _brokers(kafka: str | None) -> Iterator[Callable[[Scenario], Broker]]:
    """The Kafka for each scenario: a node or a cluster of our own, started when first needed, or the one given."""
    running: list[tuple[bool, Broker]] = []

    def broker_for(scenario: Scenario) -> Broker:
        if running and running[0][0] != scenario.on_cluster:
            running.pop()[1].close()
        if not running:
            if kafka is not None:
                started: Broker = GivenBroker(kafka)
            else:
                started = _own(scenario)
            running.append((scenario.on_cluster, started))
        return running[0][1]

    try:
        yield broker_for
    finally:
        for _, broker in running:
            broker.close()


def _own(scenario: Scenario) -> Broker:
    return Cluster(**CLUSTER) if scenario.on_cluster else MavenBroker(**BROKER)


def _end(_number: int, _frame: object) -> None:
    """End as Ctrl-C does, with everything that was started."""
    raise KeyboardInterrupt


def _one(
    scenario: Scenario, broker: Broker, protocol: str, seed: int, minutes: float, logs: Path | None, *, care: bool
) -> Result:
    print(f"{scenario.name} ({protocol}) …", file=sys.stderr, flush=True)
    name = f"{scenario.name}-{protocol}-{seed}-"
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=name, dir=logs))
        result = play(scenario, broker, folder, protocol=protocol, seed=seed, minutes=minutes, care=care)
    else:
        with tempfile.TemporaryDirectory(prefix=name) as temporary:
            result = play(scenario, broker, Path(temporary), protocol=protocol, seed=seed, minutes=minutes, care=care)
    print(report.text(result), flush=True)
    return result


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
