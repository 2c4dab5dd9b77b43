"""`redrive` and `audit` for a Kafka user who lacks a right, on a real authorizer: refused at once, with its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its stub
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from pipeline.adapters.operations.rewriting import Rewrite, Rewriter, Target
from pipeline.adapters.shipped import shipped
from pipeline.errors import RightsMissing
from pipeline.model.event import Position
from pipeline.operations.redrive.record import Redriven
from tests.broker.handle import Unavailable
from tests.broker.maven import MavenBroker

pytestmark = pytest.mark.kafka
TOPICS = ("rights", "rights.outcomes", "rights.dead", "rights.redriven")
READ_ONLY = "rights.readonly"
MOST_SECONDS = 60
"""A consumer alone would ask for ten seconds more; most of this is the start of the command on a busy machine."""


@pytest.fixture(scope="module")
def broker() -> Iterator[MavenBroker]:
    try:
        made = MavenBroker(
            authorizer_class_name="org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            super_users="User:ANONYMOUS",
        )
    except Unavailable as error:
        pytest.skip(str(error))
    admin = AdminClient({"bootstrap.servers": made.bootstrap_servers})
    for one in admin.create_topics([NewTopic(name, 1, 1) for name in (*TOPICS, READ_ONLY)]).values():
        one.result(30)
    yield made
    made.close()


def allow(broker: MavenBroker, kind: ResourceType, name: str, *operations: AclOperation) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    user = f"User:{broker.secure['sasl.username']}"
    bindings = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, user, "*", operation, AclPermissionType.ALLOW)
        for operation in operations
    ]
    for made in admin.create_acls(bindings).values():
        made.result(30)


@pytest.fixture
def config(broker: MavenBroker, tmp_path: Path) -> Path:
    """Everything that the commands need, except for DescribeConfigs on the source and Describe on the group."""
    for name in TOPICS:
        allow(broker, ResourceType.TOPIC, name, AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE)
    allow(broker, ResourceType.TRANSACTIONAL_ID, "rights.group.redrive", AclOperation.WRITE, AclOperation.DESCRIBE)
    properties = {name: value for name, value in broker.secure.items() if name != "bootstrap.servers"}
    configuration = {
        "kafka": {
            "bootstrap_servers": broker.secure["bootstrap.servers"],
            "topics": ["rights"],
            "group_id": "rights.group",
            "properties": properties,
        },
        "schemas": {"directory": str(shipped("schemas/events"))},
        "rules": str(shipped("rules")),
        "notices": {"url": "http://127.0.0.1:9", "token": "t"},
        "outcomes": {"topic": "rights.outcomes"},
        "dead_letters": {"topic": "rights.dead", "redriven_topic": "rights.redriven"},
    }
    path = tmp_path / "pipeline.yaml"
    path.write_text(json.dumps(configuration), encoding="utf-8")
    return path


def ran(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", arguments[0], "--config", str(config), *arguments[1:]],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "400"},
    )


def test_redrive_wants_to_know_whether_its_topics_are_compacted(broker: MavenBroker, config: Path) -> None:
    """A redriven record would become the newest of its key; a dry run writes nothing and needs no such right."""
    refused = ran(config, "redrive", "--yes")
    assert refused.returncode == 2, refused.stderr
    user = f"User:{broker.secure['sasl.username']}"
    assert f"{user} may not read the configuration of the topic rights" in refused.stderr
    assert "give it DESCRIBE_CONFIGS on the topic rights" in refused.stderr
    assert "--not-compacted" in refused.stderr
    for allowed in (("--dry-run",), ("--yes", "--not-compacted")):
        done = ran(config, "redrive", *allowed)
        assert done.returncode == 0, done.stderr


def test_audit_without_the_right_to_describe_the_group_says_so_at_once(broker: MavenBroker, config: Path) -> None:
    """A consumer's query repeats until its timeout, and then blames the address."""
    before = time.monotonic()
    refused = ran(config, "audit")
    assert time.monotonic() - before < MOST_SECONDS
    assert refused.returncode == 2, refused.stderr
    assert f"User:{broker.secure['sasl.username']} needs DESCRIBE on the group rights.group" in refused.stderr
    assert "bootstrap_servers" not in refused.stderr
    allow(broker, ResourceType.GROUP, "rights.group", AclOperation.DESCRIBE)
    done = ran(config, "audit")
    assert done.returncode == 0, done.stderr + done.stdout


def test_a_right_that_is_withdrawn_during_a_redrive_is_named(broker: MavenBroker, config: Path) -> None:
    """The transaction reports only that it has failed; what was written before it stays."""
    assert config.exists()
    user = f"User:{broker.secure['sasl.username']}"
    allow(broker, ResourceType.TOPIC, READ_ONLY, AclOperation.READ, AclOperation.DESCRIBE)
    target = Target({"rights": 1, READ_ONLY: 1}, None, "rights.redriven")
    rewriter = Rewriter(broker.secure, "rights.group.redrive", target)
    written = [Rewrite(f"m{number}", Position("rights", 0, number), Redriven(b"k", b"v", ()), 1) for number in range(2)]
    assert list(rewriter.write(written)) == [None, None]
    refused = Rewrite("m2", Position(READ_ONLY, 0, 0), Redriven(b"k", b"v", ()), 1)
    with pytest.raises(RightsMissing, match=f"{user} needs WRITE on the topic {READ_ONLY}"):
        list(rewriter.write([*written, refused]))
