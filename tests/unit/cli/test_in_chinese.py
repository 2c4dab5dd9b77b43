"""A whole session of a rule author in Chinese: no sentence of the commands stays English."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import SPOKEN, app
from pipeline.cli.language import in_language
from pipeline.errors import UserError

AUTHORS_OWN = re.compile(
    r"T20261123\w*|receipts? of all kinds: [\w ]+|the buyer gets a receipt|notice-pipeline [\w -]+|\S*[({\[].*?[)}\]]"
    r"|`[^`]*`|level code message"
)
"""Names of tests and code, in the language that the author wrote them in."""
SENTENCE = re.compile(r"\b[a-z]{2,} [a-z]{2,} [a-z]{2,}\b")


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `init` writes, as the working directory."""
    monkeypatch.setenv("NOTICE_PIPELINE_LANG", "zh")
    spoken("init", str(tmp_path / "rules"))
    monkeypatch.chdir(tmp_path / "rules")
    return tmp_path / "rules"


def spoken(*arguments: str) -> str:
    """The output of a command, in which no English sentence is left."""
    text = CliRunner().invoke(app, arguments).output
    assert SENTENCE.findall(AUTHORS_OWN.sub("", text)) == []
    return text


def failing(*arguments: str) -> str:
    """The error that ends a command, in which no English sentence is left."""
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, UserError)
    text = in_language(result.exception.message)
    assert SENTENCE.findall(AUTHORS_OWN.sub("", text)) == []
    return text


def changed(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), encoding="utf-8")


@pytest.mark.usefixtures("rules")
def test_sound_rules() -> None:
    """Everything is fine."""
    assert "rules：0 个错误、0 个警告、0 个提示；1 条规则没有问题" in spoken("check", "--strict")
    assert re.search(r"rules：通过 4 条，用时 \d+\.\d\d 秒", spoken("test", "--verbose"))
    assert "rules：100 %：1 条规则的 4 个分支，4 条测试走到了 4 个" in spoken("coverage")
    assert "发给 1d01c237f94acda3e427abf76819e6c0，模板 receipt" in spoken("preview", "--rule", "receipt")
    assert "receipt 不匹配" in spoken("explain", "events/recorded.jsonl", "--event", "3")
    assert "生成消息" in spoken("explain", "events/recorded.jsonl", "--event", "1")
    assert "扩充  rules/templates.yaml" in spoken("new", "another", "--on", "order.paid.v1")


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("name", [*sorted(SPOKEN - {"schemas"}), "schemas check", "schemas register", "schemas export"])
def test_the_help_of_a_command(name: str) -> None:
    """What it does, its arguments and options; only examples and names are as they are typed."""
    text = spoken(*name.split(), "--help")
    assert text.strip().startswith(f"用法：notice-pipeline {name}")
    assert "示例：" in text
    assert {"─ 选项 ─", "显示这段帮助并退出。"} <= set(re.findall(r"─ 选项 ─|显示这段帮助并退出。", text))


@pytest.mark.usefixtures("rules")
def test_the_help_of_a_group() -> None:
    """With a sentence for each of its commands."""
    text = spoken("schemas", "--help")
    assert re.search(r"check +检查 schema.*register +注册 schema", text, re.DOTALL)


@pytest.mark.usefixtures("rules")
def test_the_list_of_commands() -> None:
    """With a sentence for each, also for those that speak English alone; nothing is cut off."""
    text = spoken("--help")
    assert re.search(r"─ 编写规则 ─.*check +检查规则、模板和测试：", text, re.DOTALL)
    assert "…" not in text


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["chek"], "没有命令 'chek'。您是不是想写 'check'？"),
        (["check", "--strikt"], "没有选项 --strikt（可能是：--strict）"),
        (["new"], "缺少参数 'ID'。"),
        (["new", "id"], "缺少选项 '--on'。"),
        (["check", "--limit"], "选项 '--limit' 后面要写一个值。"),
        (["check", "a", "b"], "多余的参数（b）"),
        (["check", "--limit", "0"], "'--limit' 的值不对：不能小于 1"),
        (["studio", "--port", "65536"], "'--port' 的值不对：不能大于 65535"),
        (["check", "--limit", "x"], "'--limit' 的值不对：请写整数"),
        (["preview", "--mode", "x"], "'--mode' 的值不对：'x' 不是 'wechat', 'legacy', 'both' 之一。"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_misuse(typed: list[str], message: str) -> None:
    """Names what is wrong."""
    assert message in spoken(*typed)


def test_a_failing_test_and_its_coverage(rules: Path) -> None:
    """The expected and the actual text, and the missing branches."""
    changed(rules / "rules/receipts.yaml", "余额支付", "账户余额")
    failed = spoken("test")
    assert "`receipt` 的 `thing5`\n    预期  余额支付\n    实际  账户余额\n" in failed
    assert "有 1 条测试失败" in spoken("coverage")
    changed(rules / "rules/receipts.yaml", "amount_paid > 0.0", "amount_paid > 100000.0")
    assert "没有 `receipt` 的消息：它的条件为假：" in spoken("test")
    assert "从未匹配" in spoken("coverage")


def test_a_comparison(rules: Path, tmp_path: Path) -> None:
    """As text, and as Markdown for a merge request."""
    old = tmp_path / "old"
    old.mkdir()
    for name in ("receipts.yaml", "templates.yaml"):
        (old / name).write_text((rules / "rules" / name).read_text(encoding="utf-8"), encoding="utf-8")
    changed(rules / "rules/receipts.yaml", "余额支付", "账户余额")
    compared = ("diff", str(old), "rules", "--events", "events/recorded.jsonl")
    text = spoken(*compared)
    assert "receipt  修改：19 → 19 条消息，每天 24 → 24：改变 4 条（thing5 4）" in text
    assert "4 条消息改变；0 条规则在两个版本中相同" in text
    assert "| 规则 |  | 之前 | 之后 | 新增 | 消失 | 改变 | 被拒 | 每天 |" in spoken(*compared, "--output", "markdown")


@pytest.mark.usefixtures("rules")
def test_events_and_their_schemas(tmp_path: Path) -> None:
    """For those who emit: what is wrong with a schema, which rules it breaks, what is written where."""
    assert "schemas：1 个类型，1 个 schema，0 个错误" in spoken("schemas", "check")
    broken = tmp_path / "changed"
    shutil.copytree("schemas", broken)
    file = next(broken.rglob("*.avsc"))
    changed(file, '"name": "amount_paid"', '"name": "amount_to_pay"')
    text = spoken("schemas", "check", str(broken), "--rules", "rules")
    assert "error: 规则 `receipt`：`event.amount_paid > 0.0`" in text
    file.write_text("{", encoding="utf-8")
    assert f"{file}: error: {file}:1:2：不是 JSON：" in spoken("schemas", "check", str(broken))
    assert "没有符合 `order.payed` 的类型" in failing("emit", "order.payed", "--print")
    assert "没有 Kafka broker 应答" in failing("emit", "order.paid.v1", "--bootstrap-servers", "127.0.0.1:1")
    assert "没有指定 Schema 注册中心" in failing("schemas", "register", "schemas")


def test_an_event_that_does_not_fit(rules: Path) -> None:
    """Its place and what should be there."""
    changed(rules / "rules/tests/receipts.yaml", "item_count: 3", "item_count: three")
    assert "应为整数，而不是文字" in spoken("check")


@pytest.mark.usefixtures("rules")
def test_the_fields_of_an_event() -> None:
    """Their meanings are those of the schema, in its language."""
    text = CliRunner().invoke(app, ("fields", "order.paid.v1")).output
    assert re.search(r"event.paid_at +时间 +When payment arrived", text)
    assert "可能缺失" in text
