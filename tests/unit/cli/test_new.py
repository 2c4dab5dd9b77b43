"""`new`: a rule, its template and its tests from a schema, which pass every check as they are written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from pipeline.adapters.authoring import lifelike_events
from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.adapters.rule_files import read_rules
from pipeline.model.event import Record
from pipeline.model.notice import Notice
from pipeline.rules.compile import load
from pipeline.rules.schema.event_schema import EventSchema
from tests.unit.authoring.domains import CLINIC, DOMAINS, FLIGHT
from tests.unit.cli.conftest import Run

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "schemas" / "events").rglob("*.avsc"))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with nothing but schemas."""
    (tmp_path / "schemas").mkdir()
    for name, schema in DOMAINS.items():
        (tmp_path / "schemas" / f"{name}.avsc").write_text(json.dumps(schema), encoding="utf-8")
    for path in SHIPPED:
        shutil.copy(path, tmp_path / "schemas" / path.name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def full_name(avro: Mapping[str, object]) -> str:
    return f"{avro['namespace']}.{avro['name']}"


def types() -> list[str]:
    shipped = [full_name(json.loads(path.read_text(encoding="utf-8"))) for path in SHIPPED]
    return [*shipped, *(full_name(schema) for schema in DOMAINS.values())]


def passes(run: Run) -> None:
    """Everything that a merge request is checked for."""
    checked = run("check", "--strict", "--output", "json")
    assert (checked.code, json.loads(checked.out)) == (0, [])
    tested = run("test")
    assert tested.code == 0, tested.out
    covered = run("coverage", "--fail-under", "90")
    assert covered.code == 0, covered.out


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("event_type", types())
def test_what_is_written_passes_as_it_is(run: Run, work: Path, event_type: str, language: str) -> None:
    """For the shipped event types and for those of other domains, from an empty folder of rules."""
    done = run("new", "my-rule", "--on", event_type, "--language", language)
    assert done.code == 0, done.err
    assert done.err == ""
    passes(run)
    preview = run("preview", "--rule", "my-rule", "--output", "json")
    assert preview.code == 0, preview.err
    assert (work / "rules" / "tests" / "my-rule.yaml").is_file()


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("name", DOMAINS)
def test_the_service_makes_the_messages_that_the_tests_expect(
    run: Run, work: Path, name: str, encoding: Encoding
) -> None:
    """Of the same events as records of Kafka, in Avro and in JSON."""
    schema = EventSchema(DOMAINS[name])
    assert run("new", "my-rule", "--on", schema.name).code == 0
    catalogue = read_schemas(work / "schemas")
    rules = load(read_rules(work / "rules"), catalogue, environment="production")
    decoder = EventDecoder(
        look_up=None, known={7: schema}, catalogue=catalogue, json_types={"events": schema.name}, max_bytes=1_000_000
    )
    tests = yaml.safe_load((work / "rules" / "tests" / "my-rule.yaml").read_text(encoding="utf-8"))["tests"]
    (test,) = tests
    value, headers = EventEncoder(schema, 7, encoding).encode(test["event"]["data"], 0)
    event = decoder.decode(Record("events", 0, 0, None, value, tuple(headers), 1_700_000_000_000))
    (made,) = rules.evaluate(event)
    assert isinstance(made, Notice)
    expected = test["cases"][0]["expect"]["notices"][0]
    body = json.loads(made.body)
    assert body["to"] == expected["to"]
    assert {key: one["value"] for key, one in body["data"].items()} == expected["data"]


def test_all_types_together_pass_in_one_folder(run: Run, work: Path) -> None:
    """Templates are added to one catalogue, and several rules to one file."""
    for number, event_type in enumerate(types()):
        option = ["--file", "rules/all.yaml"] if number % 2 else []
        done = run("new", f"rule-{number}", "--on", event_type, *option)
        assert done.code == 0, done.err
    passes(run)
    assert len(list((work / "rules").glob("*.yaml"))) == 2 + (len(types()) + 1) // 2


def test_fields_are_shown_by_their_types(run: Run, work: Path) -> None:
    """Amounts by `money`, times by `local_time`, enums by `label`, what may be missing by `default`."""
    assert run("new", "visit", "--on", full_name(CLINIC)).code == 0
    assert run("new", "late", "--on", full_name(FLIGHT)).code == 0
    rule = (work / "rules" / "visit.yaml").read_text(encoding="utf-8")
    assert "to: ${event.patient.openid}" in rule
    assert 'local_time(event.starts_at, "YYYY年M月D日 HH:mm")' in rule
    assert 'event.deposit != null ? money(event.deposit, "CNY") : ""' in rule
    assert 'default(event.room, "-")' in rule
    late = (work / "rules" / "late.yaml").read_text(encoding="utf-8")
    assert 'label(event.cause, {"WEATHER": "天气原因"' in late
    assert 'join(event.passengers.map(passenger, passenger.name), "、")' in late


RULES = """\
# our rules
rules:   # in order
  # the first one
  - id: first        # never change it
    on: com.example.air.flight.delayed.v2
    to: ${event.member_id}
    template: late
    data:
      thing1: 晚点   # what it says
    # a remark at its end

# the end of the file
"""
TEMPLATES = """\
templates:
    late:
        title: 航班延误   # as registered
        ids: {production: A1, staging: B1}
        fields: {thing1: {label: 状态}}
# more to come
"""
TESTS = """\
tests:
- name: late
  event: {type: com.example.air.flight.delayed.v2, example: true}
  expect: {notices: [{rule: first}]}   # enough
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_existing_files_keep_every_line(run: Run, work: Path, newline: str) -> None:
    """Comments, indentation and line ends; what is new is at the end, before the file's last comment."""
    (work / "rules" / "tests").mkdir(parents=True)
    before = {"air.yaml": RULES, "templates.yaml": TEMPLATES, "tests/air.yaml": TESTS}
    for name, text in before.items():
        (work / "rules" / name).write_bytes(text.replace("\n", newline).encode())
    done = run("new", "visit", "--on", "appointment.booked.v1", "--file", "rules/air.yaml")
    assert done.code == 0, done.err
    for name, text in before.items():
        after = (work / "rules" / name).read_bytes().decode()
        assert after.count("\r\n") == (after.count("\n") if newline == "\r\n" else 0)
        lines = after.replace("\r\n", "\n").split("\n")
        assert [line for line in lines if line in text.split("\n")][: text.count("\n")]
        left = iter(lines)
        assert all(line in left for line in text.split("\n")[:-1])
    assert (work / "rules" / "air.yaml").read_text(encoding="utf-8").rstrip().endswith("# the end of the file")
    passes(run)


def test_a_registered_template_is_filled_by_kind_and_label(run: Run, work: Path) -> None:
    """Its own fields are used, the optional ones only where something resembles them; it gets no copy."""
    (work / "rules").mkdir()
    text = """\
templates:
  visit:
    title: 预约成功提醒
    ids: {production: A1, staging: B1}
    fields:
      time2: {label: 就诊时间}
      thing1: {label: 就诊科室}
      name3: {label: 就诊人}
      car_number4: {label: 车牌, optional: true}
"""
    (work / "rules" / "templates.yaml").write_text(text, encoding="utf-8")
    assert run("new", "visit-booked", "--on", "appointment.booked.v1", "--template", "visit").code == 0
    rule = yaml.safe_load((work / "rules" / "visit-booked.yaml").read_text(encoding="utf-8"))["rules"][0]
    assert rule["template"] == "visit"
    assert list(rule["data"]) == ["time2", "thing1", "name3"]
    assert rule["data"]["thing1"] == "${event.department}"
    assert rule["data"]["name3"] == "${event.patient.name}"
    assert (work / "rules" / "templates.yaml").read_text(encoding="utf-8") == text
    passes(run)


def test_a_dry_run_shows_everything_and_writes_nothing(run: Run, work: Path) -> None:
    """As a diff of each file."""
    done = run("new", "visit", "--on", "appointment.booked.v1", "--dry-run")
    assert done.code == 0
    assert "+++ rules/visit.yaml" in done.out
    assert "+  visit:" in done.out
    assert "+tests:" in done.out
    assert not (work / "rules").exists()


@pytest.mark.usefixtures("work")
def test_the_same_command_writes_the_same_and_another_seed_another_example(run: Run) -> None:
    """Examples do not depend on the time or the machine."""
    shown = {seed: run("new", "x", "--on", "flight.delayed.v2", "--dry-run", "--seed", seed).out for seed in "12"}
    assert run("new", "x", "--on", "flight.delayed.v2", "--dry-run").out == shown["1"]
    assert shown["1"] != shown["2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Gas Bill", "--on", "bill.issued.v1"], "`Gas Bill` cannot be the id of a rule\nhint: write gas-bill"),
        (["gas", "--on", "bil.issued.v1"], "is not an event type of any schema\nhint: did you mean"),
        (["gas", "--on", "v1"], "names several event types"),
        (["gas", "--on", "bill.issued.v1", "--to", "event.userid"], "has no field `event.userid`"),
        (["gas", "--on", "bill.issued.v1", "--file", "rules/templates.yaml"], "a rule cannot be written there"),
        (["gas", "--on", "bill.issued.v1", "--file", "elsewhere/gas.yaml"], "a rule cannot be written there"),
        (["gas", "--on", "bill.issued.v1", "--schemas", "nowhere"], "the folder of schemas does not exist"),
    ],
)
def test_misuse_ends_with_2_and_a_suggestion(run: Run, work: Path, arguments: list[str], message: str) -> None:
    """And nothing is written."""
    done = run("new", *arguments)
    assert done.code == 2, done.out
    assert message in done.err
    assert "hint: " in done.err or "does not exist" in done.err
    assert "Traceback" not in done.err
    assert not (work / "rules").exists()


def test_ids_and_aliases_are_used_once(run: Run, work: Path) -> None:
    """The error says where the other one is, and what to type instead."""
    assert run("new", "gas", "--on", "bill.issued.v1").code == 0
    before = {path: path.read_bytes() for path in (work / "rules").rglob("*.yaml")}
    again = run("new", "gas", "--on", "bill.issued.v1")
    assert again.code == 2
    assert "there is a rule `gas` already, at rules/gas.yaml:2" in again.err
    (work / "rules" / "gas.yaml").unlink()
    (work / "rules" / "tests" / "gas.yaml").unlink()
    taken = run("new", "gas", "--on", "bill.issued.v1")
    assert taken.code == 2
    assert "use it: --template gas" in taken.err
    assert (work / "rules" / "templates.yaml").read_bytes() == before[Path("rules/templates.yaml").absolute()]


def test_a_recipient_that_nothing_names_is_asked_for(run: Run, work: Path) -> None:
    """With the fields that it may be."""
    schema = {
        "type": "record",
        "name": "Ping",
        "namespace": "com.example",
        "fields": [{"name": "host", "type": "string"}, {"name": "port", "type": "int"}],
    }
    (work / "schemas" / "ping.avsc").write_text(json.dumps(schema), encoding="utf-8")
    done = run("new", "ping", "--on", "com.example.Ping")
    assert done.code == 2
    assert "--to FIELD; there are event.host, event.port" in done.err
    assert run("new", "ping", "--on", "com.example.Ping", "--to", "host").code == 0
    passes(run)


def test_a_recipient_that_may_be_missing_is_asked_for_in_the_condition(run: Run, work: Path) -> None:
    """So that an event without one makes no message, instead of one that is refused."""
    schema = {
        "type": "record",
        "name": "Found",
        "namespace": "com.example",
        "fields": [
            {"name": "owner_id", "type": ["null", "string"], "default": None},
            {"name": "room", "type": "string"},
        ],
    }
    (work / "schemas" / "found.avsc").write_text(json.dumps(schema), encoding="utf-8")
    assert run("new", "found", "--on", "com.example.Found").code == 0
    rule = (work / "rules" / "found.yaml").read_text(encoding="utf-8")
    assert "    when: event.owner_id != null\n    to: ${event.owner_id}\n" in rule
    passes(run)


def test_records_that_contain_themselves_have_an_example_with_an_end(run: Run, work: Path) -> None:
    """A list or map of them is empty."""
    fields = [
        {"name": "sub", "type": "string"},
        {"name": "title", "type": "string"},
        {"name": "children", "type": {"type": "array", "items": "Node"}},
        {"name": "named", "type": {"type": "map", "values": "Node"}},
    ]
    schema = {"type": "record", "name": "Node", "namespace": "com.example", "fields": fields}
    (work / "schemas" / "node.avsc").write_text(json.dumps(schema), encoding="utf-8")
    done = run("new", "node", "--on", "com.example.Node")
    assert done.code == 0, done.err
    passes(run)


def test_in_chinese_comments_names_of_tests_and_messages_are_chinese(run: Run, work: Path) -> None:
    """What is not the schema's or the format's own."""
    assert run("new", "visit", "--on", full_name(CLINIC), "--lang", "zh").code == 0
    assert "# 哪些事件发消息；不写就是全部" in (work / "rules" / "visit.yaml").read_text(encoding="utf-8")
    assert "name: 每个字段都有值" in (work / "rules" / "tests" / "visit.yaml").read_text(encoding="utf-8")
    passes(run)
    unknown = run("new", "other", "--on", full_name(CLINIC), "--to", "nowhere", "--lang", "zh")
    assert "没有可以作为接收人的字段 `nowhere`" in unknown.err


@pytest.mark.parametrize(
    ("name", "doc", "is_found"),
    [
        ("reader_id", "", True),
        ("owner_openid", "", True),
        ("buyerOpenId", "", True),
        ("wx_openid", "", True),
        ("petParent_unionId", "", True),
        ("alipay_user_id", "", True),
        ("customer_uid", "", True),
        ("staff_id", "", False),
        ("holder", "读者的平台 ID", True),
        ("who", "The owner's id on the platform.", True),
        ("who", "The WeChat openid", True),
        ("machine_id", "The id of the machine.", False),
        ("shop", "平台店铺", False),
    ],
)
def test_a_recipient_is_found_by_its_name_or_documentation(
    run: Run, work: Path, name: str, doc: str, *, is_found: bool
) -> None:
    """Whatever the trade calls its customers."""
    fields = [{"name": "title", "type": "string"}, {"name": name, "type": "string", "doc": doc}]
    schema = {"type": "record", "name": "Ping", "namespace": "com.example", "fields": fields}
    (work / "schemas" / "ping.avsc").write_text(json.dumps(schema), encoding="utf-8")
    done = run("new", "ping", "--on", "com.example.Ping")
    assert (done.code == 0) == is_found
    if is_found:
        assert f"to: ${{event.{name}}}" in (work / "rules" / "ping.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("language", "labels"), [("zh", ["持证人姓名", "监护人姓名"]), ("en", ["Holder name", "Guardian name"])]
)
def test_labels_of_one_card_differ(run: Run, work: Path, language: str, labels: list[str]) -> None:
    """Two persons of one event: whose name it is."""
    name = {"name": "name", "type": "string"}
    guardian = {"type": "record", "name": "Guardian", "fields": [name]}
    fields = [{"name": "open_id", "type": "string"}, name, {"name": "guardian", "type": guardian, "doc": "监护人"}]
    holder = {"type": "record", "name": "Holder", "fields": fields}
    root = [{"name": "holder", "type": holder, "doc": "持证人"}]
    schema = {"type": "record", "name": "Ping", "namespace": "com.example", "fields": root}
    (work / "schemas" / "ping.avsc").write_text(json.dumps(schema), encoding="utf-8")
    assert run("new", "ping", "--on", "com.example.Ping", "--language", language).code == 0
    card = yaml.safe_load((work / "rules" / "templates.yaml").read_text(encoding="utf-8"))["templates"]["ping"]
    assert [field["label"] for field in card["fields"].values()] == labels
    passes(run)


def test_a_file_in_another_form_is_left_alone(run: Run, work: Path) -> None:
    """A list on one line cannot be added to without a change of what is there."""
    (work / "rules").mkdir()
    text = "rules: []\n"
    (work / "rules" / "x.yaml").write_text(text, encoding="utf-8")
    done = run("new", "visit", "--on", "appointment.booked.v1", "--file", "rules/x.yaml")
    assert done.code == 2
    assert "rules/x.yaml: `rules:` is empty" in done.err
    assert (work / "rules" / "x.yaml").read_text(encoding="utf-8") == text


def test_rules_with_errors_are_shown_first(run: Run, work: Path) -> None:
    """They would hide what is wrong with the new one."""
    (work / "rules").mkdir()
    (work / "rules" / "bad.yaml").write_text("rules:\n  - id: bad\n", encoding="utf-8")
    done = run("new", "visit", "--on", "appointment.booked.v1")
    assert done.code == 1
    assert "rules/bad.yaml:2:5: error missing-key" in done.err


def test_a_registered_template_of_the_older_kind_is_filled_as_well(run: Run, work: Path) -> None:
    """By label alone: its keys name no kinds."""
    (work / "rules").mkdir()
    text = """\
templates:
  late:
    title: 航班延误通知
    style: history
    ids: {production: A1, staging: B1}
    fields:
      first: {optional: true}
      keyword1: {label: 航班号}
      keyword2: {label: 延误原因}
      keyword3: {label: 计划起飞时间}
      remark: {optional: true}
"""
    (work / "rules" / "templates.yaml").write_text(text, encoding="utf-8")
    assert run("new", "late-flight", "--on", "flight.delayed.v2", "--template", "late").code == 0
    data = yaml.safe_load((work / "rules" / "late-flight.yaml").read_text(encoding="utf-8"))["rules"][0]["data"]
    assert list(data) == ["keyword1", "keyword2", "keyword3"]
    assert data["keyword1"] == "${event.flight_no}"
    assert data["keyword2"].startswith("${label(event.cause")
    assert "event.scheduled_departure" in data["keyword3"]
    passes(run)


def test_a_template_that_the_event_cannot_fill_is_refused(run: Run, work: Path) -> None:
    """With what the field takes, and what the event has."""
    (work / "rules").mkdir()
    text = "templates:\n  car:\n    title: 车\n    ids: {production: A1}\n    fields: {car_number1: {label: 车牌}}\n"
    (work / "rules" / "templates.yaml").write_text(text, encoding="utf-8")
    done = run("new", "late-flight", "--on", "flight.delayed.v2", "--template", "car")
    assert done.code == 2
    assert "template `car` needs `car_number1`, and the event has nothing that it takes" in done.err
    assert not (work / "rules" / "late-flight.yaml").exists()


def test_examples_are_made_without_the_extra(run: Run, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the package's own names; nothing is reported."""
    monkeypatch.setattr(lifelike_events, "find_spec", lambda _: None)
    lifelike_events.words_of.cache_clear()
    try:
        done = run("new", "visit", "--on", "appointment.booked.v1")
        assert (done.code, done.err) == (0, "")
    finally:
        lifelike_events.words_of.cache_clear()
    assert any(name in (work / "rules" / "tests" / "visit.yaml").read_text(encoding="utf-8") for name in NAMES)


NAMES = ("林晓", "陈思远", "王芳", "李建国", "赵敏")
