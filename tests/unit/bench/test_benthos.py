"""The peer's program is not part of these tests; its configuration is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.benthos import SETTINGS, SOURCE, VARIANTS, Engine, environment
from bench.processes import Cores
from bench.testbed import CASES
from bench.workload import TEMPLATES, TOKEN, Target
from pipeline.adapters.shipped import shipped
from pipeline.model.notice import _NAMESPACE
from tests.broker.handle import Unavailable

STOCK, WIDE = VARIANTS
TARGET = Target("localhost:9092", "g", "events", "outcomes", "letters", "http://127.0.0.1:1/0", 64)
ONE, TWO = Cores(frozenset({0}), frozenset({1})), Cores(frozenset({0, 1}), frozenset({0, 1}))
CONFIG = (SOURCE / "config.yaml").read_text(encoding="utf-8")


def test_every_variable_of_the_configuration_is_given() -> None:
    """A variable that is not there would be an empty text to the engine."""
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", CONFIG))
    assert {"ROUND", "IN_FLIGHT", "LINGER", "WRITES"} < wanted
    assert wanted <= environment(STOCK, TARGET, Path("event.avsc"), ONE).keys()


def test_the_peer_is_given_what_ours_is_given() -> None:
    """Broker, topics, API, token and requests in flight are those of the target; a thread of Go for each core."""
    given = environment(STOCK, TARGET, Path("event.avsc"), TWO)
    assert given["NOTICES_URL"] == TARGET.url
    assert given["NOTICES_TOKEN"] == TOKEN
    assert (given["EVENTS_TOPIC"], given["OUTCOMES_TOPIC"]) == ("events", "outcomes")
    assert given["IN_FLIGHT"] == "64"
    assert given["GOMAXPROCS"] == "2"


def test_only_the_variant_with_the_wide_pool_widens_it() -> None:
    """As many idle connections as requests in flight, so that none is closed between two of them."""
    name = "BENCH_IDLE_CONNECTIONS"
    assert name not in environment(STOCK, TARGET, Path("event.avsc"), ONE)
    assert environment(WIDE, TARGET, Path("event.avsc"), ONE)[name] == "64"
    assert name in (SOURCE / "main.go").read_text(encoding="utf-8")


def test_there_is_a_setting_for_each_case() -> None:
    """By requests in flight."""
    assert SETTINGS.keys() == {in_flight for _, in_flight in CASES.values()}


def test_the_message_is_that_of_our_rule() -> None:
    """Template and identity; that the texts are alike, `--peers` finds out before it measures."""
    (template,) = re.findall(r"production: (\S+)\}", TEMPLATES)
    assert f'"template": "{template}"' in CONFIG
    (namespace,) = re.findall(r'uuid_v5\("([0-9a-f-]+)"\)', CONFIG)
    assert bytes.fromhex(namespace.replace("-", "")) == _NAMESPACE


def test_the_peer_writes_all_fields_of_an_outcome() -> None:
    """Its struct is written by hand: a field that the schema gains must come into it, or no run of it can be read."""
    schema = json.loads(shipped("schemas/outcome.avsc").read_bytes())
    written = re.findall(r'`avro:"(\w+)"`', (SOURCE / "outcome.go").read_text(encoding="utf-8"))
    assert written == [field["name"] for field in schema["fields"]]


def test_without_go_it_is_said_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurement continues without the peer, so the words must be enough to get it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=r"needs Go 1\.25\.2 or newer"):
        Engine(tmp_path)


def test_the_version_of_go_that_is_required_is_that_of_the_module() -> None:
    """Said clearly and in go.mod."""
    assert "\ngo 1.25.2\n" in (SOURCE / "go.mod").read_text(encoding="utf-8")
