"""How long a start, a takeover after kill -9 and a replay of the ledger take: `python -m bench.recovery`.

One broker, two members, an API within this process. The figures hold for the machine and its load at that moment.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from confluent_kafka import Producer

from bench import many_rules, workload
from bench.kafka import LEDGER_PARTITIONS, Ledger, make_topics
from bench.processes import Cores, cpu_seconds, running
from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.adapters.kafka.ledger.reader import Committed
from pipeline.delivery import pointer
from pipeline.model.event import Position
from pipeline.model.ledger import LedgerPosition
from pipeline.sandbox.server import SandboxServer, running_sandbox
from tests.broker.maven import MavenBroker
from tests.fakes.outcomes import a_record, an_outcome
from tests.fakes.real_kafka import Names, RealKafka

RULES = (1, 1_000, 5_000)
SESSION_MS = 9_000
MEMBERS = 2
PER_SECOND = 200
WARM_SECONDS = 8.0
LONGEST_SECONDS = 120.0
REPLAYED = 300_000
SCHEMAS = many_rules.EXAMPLES.parent / "schemas" / "events"
PAID = "com.example.trade.order.paid.v1"


def main() -> None:
    """Measure all three and print them."""
    with tempfile.TemporaryDirectory() as made, running_sandbox() as sandbox:
        session = {"group_consumer_session_timeout_ms": str(SESSION_MS)}
        broker = MavenBroker(**session)
        try:
            servers, folder = broker.bootstrap_servers, Path(made)
            for rules in RULES:
                wall, cpu = start(servers, folder / f"start-{rules}", sandbox, rules)
                print(f"start to first notice, {rules:>5,} rules: {wall:.2f} s, {cpu:.2f} s of CPU time", flush=True)
            for protocol in ("classic", "consumer"):
                seconds = takeover(servers, folder / protocol, sandbox, protocol)
                print(f"takeover after kill -9, {protocol}, session {SESSION_MS} ms: {seconds:.1f} s", flush=True)
            rate, cpu = replay(servers)
            print(f"ledger replay: {rate:,.0f} outcomes a second, {cpu * 1e6:.1f} µs of CPU time each", flush=True)
        finally:
            broker.close()


def start(servers: str, folder: Path, sandbox: SandboxServer, rules: int) -> tuple[float, float]:
    """Seconds from starting the process to its first request at the API, and its CPU time until then."""
    name = folder.name
    make_topics(servers, {name: 1, f"{name}.outcomes": 1, f"{name}.dead": 1})
    many_rules.write(folder / "rules", rules)
    schema = read_schemas(SCHEMAS).versions(PAID)[-1]
    event = {
        "sub": name, "order_no": "T0", "amount_paid": 128.0, "currency": "CNY", "paid_at": "2026-11-23T07:01:00+00:00",
        "item_summary": "小粒咖啡豆250g", "item_count": 1, "event_id": "1", "pay_channel": "WECHAT",
        "occurred_at": "2026-11-23T07:01:00+00:00",
    }  # fmt: skip
    value, _ = EventEncoder(schema, folder_id(schema.fingerprint), Encoding.AVRO).encode(event, 0)
    producer = Producer({"bootstrap.servers": servers})
    producer.produce(name, value, name)
    producer.flush(30)
    config = _configured(folder, servers, name, sandbox, {}, schemas=str(SCHEMAS), rules="rules")
    before, began = sandbox.state.memory.counts.accepted, time.monotonic()
    with running(_run(config), Cores.shared().sender, folder / "log") as process:
        while sandbox.state.memory.counts.accepted == before:
            _check(process.poll() is None and time.monotonic() < began + LONGEST_SECONDS, folder)
            time.sleep(0.005)
        return time.monotonic() - began, cpu_seconds(process.pid)


def takeover(servers: str, folder: Path, sandbox: SandboxServer, protocol: str) -> float:
    """The longest time that a partition had no outcome after one of two members was killed, under steady events."""
    name = f"takeover-{protocol}"
    make_topics(servers, {name: workload.PARTITIONS, f"{name}.outcomes": LEDGER_PARTITIONS, f"{name}.dead": 1})
    target = workload.Target(servers, name, name, f"{name}.outcomes", f"{name}.dead", sandbox.url, 64)
    workload.write_files(folder, target)
    session = {"session.timeout.ms": SESSION_MS} if protocol == "classic" else {}
    config = _configured(folder, servers, name, sandbox, {"group_protocol": protocol, "properties": session})
    ledger, stop = Ledger(servers, target.outcomes), threading.Event()
    with ExitStack() as stack:
        stack.callback(ledger.close)
        stack.callback(stop.set)
        first, *_ = [
            stack.enter_context(running(_run(config), Cores.shared().sender, folder / f"log-{number}"))
            for number in range(MEMBERS)
        ]
        threading.Thread(target=_emit, args=(servers, name, stop), daemon=True).start()
        _wait_for_outcomes(ledger, 1, folder)
        time.sleep(WARM_SECONDS)  # both have their partitions, and outcomes flow
        killed = time.time()  # noqa: TID251 - compared with the times of outcomes
        first.send_signal(signal.SIGKILL)
        time.sleep(SESSION_MS / 1000 + WARM_SECONDS * 2)
        finished: dict[int, list[float]] = defaultdict(list)
        for entry in ledger.read():
            if entry.written_at > killed - 1:
                finished[entry.outcome.position.partition].append(entry.written_at)
        _check(len(finished) == workload.PARTITIONS, folder)
        return max(_longest_gap(sorted(times)) for times in finished.values())


def _longest_gap(times: list[float]) -> float:
    return max((after - before for before, after in pairwise(times)), default=LONGEST_SECONDS)


def replay(servers: str) -> tuple[float, float]:
    """Outcomes a second that a new owner of a partition reads from the ledger, and the CPU time of each."""
    make_topics(servers, {"replay": 1, "replay.outcomes": 1})
    kafka = RealKafka(servers, Names("replay", "replay.outcomes", "replay.dead", "replay"))
    log = kafka.outcomes()
    for offset in range(REPLAYED):
        position = Position("replay", 0, offset)
        log.publish(an_outcome(position, name=f"{offset:032x}"), a_record(position), lambda *_: None)
        if offset % 1_000 == 0:
            log.poll()
    _check(log.flush(60) == 0, None)
    committed = Committed(kafka.partition, 0, pointer.write(LedgerPosition(0, 0)), kafka.origin)
    began, cpu = time.monotonic(), time.process_time()
    (found,) = kafka.ledger_reader().read([committed], 1)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    _check(len(found.assigned.done) == REPLAYED, None)
    return REPLAYED / seconds, cpu / REPLAYED


def _emit(servers: str, topic: str, stop: threading.Event) -> None:
    producer = Producer({"bootstrap.servers": servers})
    events: Iterator[tuple[bytes, bytes]] = workload.events(1_000_000)
    while not stop.wait(1 / PER_SECOND):
        key, value = next(events)
        producer.produce(topic, value, key)
        producer.poll(0)


def _configured(
    folder: Path, servers: str, name: str, sandbox: SandboxServer, kafka: Mapping[str, object], **more: object
) -> Path:
    path = folder / "pipeline.yaml"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    usual = {
        "environment": "production",
        "kafka": {"bootstrap_servers": servers, "group_id": name, "topics": [name], **kafka},
        "schemas": {"directory": more.pop("schemas", "schemas")},
        "rules": "rules",
        "notices": {"url": sandbox.url, "token": workload.TOKEN},
        "outcomes": {"topic": f"{name}.outcomes"},
        "dead_letters": {"topic": f"{name}.dead"},
        "http": {"host": "127.0.0.1", "port": 0},
    }
    path.write_text(json.dumps({**before, **usual, **more}), encoding="utf-8")
    return path


def _run(config: Path) -> list[str]:
    return [sys.executable, "-m", "pipeline", "run", "--config", str(config)]


def _wait_for_outcomes(ledger: Ledger, count: int, folder: Path) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while ledger.written() < count:
        _check(time.monotonic() < deadline, folder)
        time.sleep(0.1)


def _check(is_so: object, folder: Path | None) -> None:
    if not is_so:
        logs = [] if folder is None else sorted(folder.glob("log*"))
        raise RuntimeError("\n".join(["it did not work", *(log.read_text(errors="replace")[-800:] for log in logs)]))


if __name__ == "__main__":
    main()
