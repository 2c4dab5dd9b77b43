"""The configuration is loaded from file and environment, and every fault has a location."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigurationError
from pipeline.settings import Settings, load_settings, load_without_kafka
from pipeline.settings.show import changed, masked

SMALL = """\
kafka:
  bootstrap_servers: localhost:9092
  topics: [orders]
schemas: {directory: schemas}
notices:
  url: http://localhost:8090/message/v2/notices
  token: canary-5f1d
"""


def load(tmp_path: Path, text: str | bytes, **environ: str) -> Settings:
    path = tmp_path / "pipeline.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_settings(path, environ)


def refusal(tmp_path: Path, text: str | bytes, **environ: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text, **environ)
    return caught.value


def test_a_small_file_is_filled_with_defaults(tmp_path: Path) -> None:
    """A setting that the file leaves out has the documented default."""
    settings = load(tmp_path, SMALL)
    assert settings.environment == "production"
    assert settings.notices.max_in_flight == 512
    assert settings.outcomes.topic == "notice.outcomes"


@pytest.mark.parametrize(
    ("text", "environ"), [(f"shadow: true\n{SMALL}", {}), (SMALL, {"NOTICE_PIPELINE_SHADOW": "true"})]
)
def test_a_shadow_has_its_own_group_and_topics(tmp_path: Path, text: str, environ: dict[str, str]) -> None:
    """Group, ledger and dead letters are separate; topics to read and the rules folder stay the same."""
    given = text.replace("kafka:\n", "kafka:\n  group_id: shop-notices\n")
    settings, live = load(tmp_path, given, **environ), load(tmp_path, SMALL)
    assert settings.shadow
    assert settings.kafka.group_id == "shop-notices.shadow"
    assert settings.outcomes.topic == "notice.outcomes.shadow"
    assert settings.dead_letters.topic == "notice.dead-letters.shadow"
    assert (settings.kafka.topics, settings.rules) == (live.kafka.topics, live.rules)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A relative path does not depend on the working directory."""
    settings = load(tmp_path, SMALL)
    assert settings.rules == tmp_path / "rules"
    assert settings.schemas.directory == tmp_path / "schemas"


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    """Two underscores separate levels; numbers, lists and secrets get their types."""
    settings = load(
        tmp_path,
        SMALL,
        NOTICE_PIPELINE_KAFKA__GROUP_ID="42",
        NOTICE_PIPELINE_KAFKA__TOPICS="[a, b]",
        NOTICE_PIPELINE_NOTICES__TIMEOUT_SECONDS="2.5",
        NOTICE_PIPELINE_NOTICES__TOKEN="12345",
        UNRELATED="x",
    )
    assert settings.kafka.group_id == "42"
    assert settings.kafka.topics == ("a", "b")
    assert settings.notices.timeout_seconds == 2.5
    assert settings.notices.token is not None
    assert settings.notices.token.get_secret_value() == "12345"


@pytest.mark.parametrize(
    ("text", "location", "message", "hint"),
    [
        (SMALL.replace("topics:", "topicz:"), "3:3", "unknown key `kafka.topicz`", "`topics`"),
        (SMALL + "  timeout_secs: 3\n", "8:3", "unknown key `notices.timeout_secs`", "`timeout_seconds`"),
        (SMALL.replace("  token: canary-5f1d\n", ""), "5:1", "no token", None),
        (SMALL + "  token_file: t\n", "5:1", "give one of them", None),
        (SMALL.replace("  topics: [orders]\n", ""), "1:1", "`kafka.topics` is missing", None),
        (SMALL.replace("[orders]", "[]"), "3:3", "`kafka.topics`", None),
        (SMALL.replace("[orders]", "[ok, 'not ok']"), "3:16", "`kafka.topics.1`", None),
        (SMALL + "  max_in_flight: many\n", "8:3", "`notices.max_in_flight`", None),
        (SMALL + "  max_in_flight: 0\n", "8:3", "`notices.max_in_flight`", None),
        ("a: [1\n", "1:4", "not YAML: `[` is not closed", "`]`"),
        ("a: {\n\n", "1:4", "not YAML: `{` is not closed", "`}`"),
        ("[", "1:1", "not YAML: `[` is not closed", "`]`"),
        ("a: 1\na: secret\n", "2:1", "not YAML: `a` is here twice", "keep one"),
        ("a:\n\tb: 1\n", "2:1", "not YAML: a tab as indentation", "spaces"),
        ("a: b: c\n", "1:5", "not YAML: a colon inside a text", "in quotes"),
        ("a: 'b\n", "1:4", "not YAML: a quote is not closed", "same quote"),
        ("a: 1\nb: x\x07\n", "2:5", "not YAML: a character that YAML does not allow (U+0007)", "delete it"),
        ("a: 1\n---\nb: 2\n", "2:1", "not YAML: more than one document in a file", "delete the line"),
        ("a: *b\n", "1:4", "not YAML: `*` names a value that is nowhere", "in quotes"),
        (SMALL + "  code_path: a..b\n", "8:3", "`notices.code_path` must be a name", None),
        (SMALL.replace("8090", "99999"), "6:3", "a port is a number up to 65535", None),
        ("- 1\n", "1:1", "mapping", None),
        ("", "1:1", "`kafka` is missing", None),
    ],
)
def test_a_fault_has_a_location(tmp_path: Path, text: str, location: str, message: str, hint: str | None) -> None:
    """Line and column of the key, what is wrong, and a similar name if there is one."""
    error = refusal(tmp_path, text)
    assert f"pipeline.yaml:{location}: " in error.message
    assert message in error.message
    if hint:
        assert hint in (error.hint or "")


def test_a_fault_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    """The location is the variable, not a line."""
    error = refusal(tmp_path, SMALL, NOTICE_PIPELINE_KAFKA__GRUOP_ID="x")
    assert error.message == "NOTICE_PIPELINE_KAFKA__GRUOP_ID: unknown key `kafka.gruop_id`"
    assert error.hint == "did you mean `group_id`?"


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\x00",
        b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
        ("[" * 600).encode(),
        b"!!python/object/apply:os.system ['true']",
        b"kafka: 3\nnotices: []\n",
        b"x" * 2_000_000,
        b"a: \x00\n",
        b'a: "\\UFFFFFFFF"\n',
        b'a: "\\U00110000"\n',
    ],
)
def test_hostile_files_are_refused_with_a_message(tmp_path: Path, text: bytes) -> None:
    """Not UTF-8, alias bombs, deep nesting, tags that call code, wrong types: an error, and nothing is executed."""
    assert "pipeline.yaml" in refusal(tmp_path, text).message


def test_commands_without_kafka_need_no_section_of_it(tmp_path: Path) -> None:
    """`send` sends to the API alone; a section that is there is checked as by other commands."""
    path = tmp_path / "pipeline.yaml"
    without = SMALL[SMALL.index("schemas") :]
    path.write_text(without, encoding="utf-8")
    assert str(load_without_kafka(path, {}).notices.url) == "http://localhost:8090/message/v2/notices"
    with pytest.raises(ConfigurationError, match="`kafka` is missing"):
        load_settings(path, {})
    path.write_text(f"kafka: {{topics: [t]}}\n{without}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"`kafka\.bootstrap_servers` is missing"):
        load_without_kafka(path, {})


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    assert load(tmp_path, b"\xef\xbb\xbf" + SMALL.encode()).kafka.topics == ("orders",)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    """A wrong path is an error of the configuration."""
    with pytest.raises(ConfigurationError, match="no such file"):
        load_settings(tmp_path / "nowhere.yaml", {})


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """Neither in repr, nor in the masked view, nor in an error message."""
    settings = load(
        tmp_path,
        SMALL + "  headers: {X-Api-Key: canary-77}\n",
        NOTICE_PIPELINE_KAFKA__PROPERTIES='{"sasl.password": "canary-78", "client.id": "shown"}',
    )
    text = f"{masked(settings)}"
    assert "canary" not in text
    assert "shown" in text
    assert "canary-5f1d" not in repr(settings)
    error = refusal(tmp_path, SMALL.replace("token: canary-5f1d", "token: [canary-5f1d]"))
    assert "canary" not in f"{error.message} {error.hint}"


def test_only_what_differs_from_the_defaults_is_shown(tmp_path: Path) -> None:
    """For the status page: dotted keys, masked secrets, and always the environment."""
    text = f"{SMALL}outcomes: {{unmatched: true, topic: notice.outcomes}}\n"
    assert changed(load(tmp_path, text)) == {
        "environment": "production",
        "kafka.bootstrap_servers": "localhost:9092",
        "kafka.topics": "orders",
        "schemas.directory": str(tmp_path / "schemas"),
        "rules": str(tmp_path / "rules"),
        "notices.url": "http://localhost:8090/message/v2/notices",
        "notices.token": "**********",
        "outcomes.unmatched": "true",
    }


def test_the_password_in_an_address_is_masked(tmp_path: Path) -> None:
    """The address of a proxy or registry may contain one."""
    settings = load(tmp_path, SMALL + "  proxy: http://me:canary-77@proxy.example.com:3128\n")
    assert changed(settings)["notices.proxy"] == "http://**********@proxy.example.com:3128/"
    assert "canary" not in str(masked(settings))
