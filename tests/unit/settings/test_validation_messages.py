"""Invalid settings are refused with messages for an author of YAML, not of Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigurationError
from pipeline.settings import load_settings

SMALL = """\
kafka:
  bootstrap_servers: localhost:9092
  topics: [orders]
notices:
  url: http://localhost:8090/message/v2/notices
  token: canary-5f1d
"""


def refusal(tmp_path: Path, text: str, **environ: str) -> ConfigurationError:
    path = tmp_path / "pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, environ)
    return caught.value


KAFKA = [
    ("  topics: orders\n", "3:3: `kafka.topics` must be a list: [a, b]"),
    ("  topics: []\n", "3:3: `kafka.topics` must not be empty"),
    ("  topics: ['..']\n", "3:12: `kafka.topics.0`: is not a valid topic name"),
    ("  topics: [a, b, a]\n", "3:3: `kafka.topics`: the topic a is given twice"),
    ("  topics: [a]\n  group_id: 7\n", "4:3: `kafka.group_id` must be text: put it in quotes"),
    ("  topics: [a]\n  drain_seconds: 20s\n", "4:3: `kafka.drain_seconds` must be a number"),
    ("  topics: [a]\n  drain_seconds: 1e9\n", "4:3: `kafka.drain_seconds` must be at most 86400"),
    ("  topics: [a]\n  properties: {a: [1]}\n", "4:16: `kafka.properties.a` must be text, a number, true or false"),
    ("  topics: [a]\n  group_protocol: Consumer\n", "did you mean `consumer`?"),
    ("  topics: [a]\n  properties: {k: v}\n  properties_files: {k: f}\n", "1:1: `kafka`: k is in both properties and"),
    ("  topics: [notice.outcomes]\n", "3:3: `kafka.topics`: notice.outcomes is also `outcomes.topic`"),
    ("  topics: [notice.dead-letters]\n", "3:3: `kafka.topics`: notice.dead-letters is also `dead_letters.topic`"),
    ("  topics: [notice.redriven]\n", "3:3: `kafka.topics`: notice.redriven is also `dead_letters.redriven_topic`"),
]


@pytest.mark.parametrize(("lines", "message"), KAFKA)
def test_a_wrong_value_is_reported_in_one_line(tmp_path: Path, lines: str, message: str) -> None:
    """The line has location, key, and what the value must be."""
    found = refusal(tmp_path, SMALL.replace("  topics: [orders]\n", lines)).message
    assert message in found
    assert "\n" not in found


NOTICES = [
    ('  token: ""\n', "6:3: `notices.token`: is not a valid token"),
    ('  token: "canary\\n-9"\n', "6:3: `notices.token`: is not a valid token"),
    ("  token: 12345\n", "6:3: `notices.token` must be text: put it in quotes"),
    ("  token: a\n  headers: {'X A': b}\n", "7:13: `notices.headers.X A`: is not a valid header name"),
    (
        '  token: a\n  headers: {X-A: "canary\\r\\nX-B: c"}\n',
        "7:13: `notices.headers.X-A`: is not a valid header value",
    ),
    ("  token: a\n  headers: {authorization: canary}\n", "is written by the service itself"),
    ("  token: a\n  headers: {X-A: b}\n  secret_headers_files: {x-a: f}\n", "the header x-a is given twice"),
    ("  token: a\n  headers: {idempotency-key: b}\n", "the header idempotency-key is given twice"),
    ("  token: a\n  idempotency_header: ''\n", "7:3: `notices.idempotency_header`: is not a valid header name"),
    ("  token: a\n  proxy: socks5://x\n", "7:3: `notices.proxy` must begin with http:// or https://"),
    ("  token: a\n  proxy: x\n", "7:3: `notices.proxy` is not a URL"),
    ("  token: a\n  verdicts: {statuses: {x: retry}}\n", "7:25: `notices.verdicts.statuses.x` must be a whole number"),
    ("  token: a\ndelivery: [retry]\n", "7:1: `delivery` must be a mapping of names to values"),
    ("  token: a\nrules:\n", "7:1: `rules` must be a path"),
    ("  token: a\ndelivery: {budget: {capacity: 4}}\n", "nothing could be tried again"),
    (
        "  token: a\nlog: {level: INFO}\n",
        "7:7: `log.level` must be 'debug', 'info', 'warning' or 'error'; did you mean `info`?",
    ),
    ("  token: a\nschemas: {registry_password: canary}\n", "registry_password is given without registry_user"),
    ("  token: a\noutcomes: {recipient_hash_key: canary, recipient_hash_key_file: f}\n", "give one of them"),
    ("  token: a\noutcomes: {replication_factor: 0}\n", "7:12: `outcomes.replication_factor`: must be 1 or more"),
    (
        "  token: a\noutcomes: {topic: x}\ndead_letters: {topic: x}\n",
        "7:12: `outcomes.topic`: x is also `dead_letters.topic`",
    ),
]


@pytest.mark.parametrize(("lines", "message"), NOTICES)
def test_settings_that_cannot_work_are_refused_at_start(tmp_path: Path, lines: str, message: str) -> None:
    """Not at the first event. The message never has the value, which may be secret."""
    found = refusal(tmp_path, SMALL.replace("  token: canary-5f1d\n", lines)).message
    assert message in found
    assert "\n" not in found
    assert "canary" not in found


@pytest.mark.parametrize(
    "brokers", ["http://localhost:9092", "a:1 b:2", "a:1,,b:2", "localhost:kafka", "localhost:99999", "a:1;b:2", "[::1"]
)
def test_an_invalid_broker_address_is_refused(tmp_path: Path, brokers: str) -> None:
    """librdkafka would wait for such a host until its timeout and report only that it does not answer."""
    text = SMALL.replace("localhost:9092", f"'{brokers}'")
    assert "2:3: `kafka.bootstrap_servers`: must be addresses of brokers" in refusal(tmp_path, text).message


@pytest.mark.parametrize("brokers", ["localhost", "a:1, b:2", "SASL_SSL://a:1", "[::1]:9092", "10.0.0.1:9092"])
def test_valid_broker_addresses_are_accepted(tmp_path: Path, brokers: str) -> None:
    """As librdkafka reads it."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(SMALL.replace("localhost:9092", f"'{brokers}'"), encoding="utf-8")
    assert load_settings(path, {}).kafka.bootstrap_servers == brokers


def test_a_password_in_the_url_is_refused(tmp_path: Path) -> None:
    """The url is logged, and its user name and password would be logged with it."""
    message = refusal(tmp_path, SMALL.replace("http://", "http://me:canary-1@")).message
    assert "5:3: `notices.url`: must not contain a user name or password" in message
    assert "canary" not in message


def test_a_key_given_twice_shows_neither_value(tmp_path: Path) -> None:
    """It may be the token."""
    message = refusal(tmp_path, SMALL + "  token: canary-2\n").message
    assert message.endswith("pipeline.yaml:7:3: not YAML: `token` is here twice")


def test_an_unknown_section_in_the_environment_names_its_variable(tmp_path: Path) -> None:
    """At any depth."""
    message = refusal(tmp_path, SMALL, NOTICE_PIPELINE_KAFAK__GROUP_ID="x").message
    assert message == "NOTICE_PIPELINE_KAFAK__GROUP_ID: unknown key `kafak`"
