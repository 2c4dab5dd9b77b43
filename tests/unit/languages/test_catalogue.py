"""Each language says everything that English says, and says it as its readers write."""

from __future__ import annotations

import functools
import re
from string import Formatter

import pytest

from docs.translations import phrases, written
from pipeline.languages import LANGUAGES, speaking
from pipeline.phrases import counted, joined, phrase

HAN = "\u3007\u4e00-\u9fff"
CODE = re.compile(
    r"`[^`]*`|\*\*\w+\*\*|\{[^{}]*\}(?::\{[^{}]*\})+|\"[^\"]*\"|'[^']*'|\{[^{}]*\}|\[[^\]]*\]|--?[a-z][\w-]*"
    r"|(?<![A-Za-z0-9])\d[\d:T.,+年月日-]*|\b[a-z_]\w*:(?= )|[\w.…{}]+\([^()]*(?:\([^()]*\)[^()]*)*\)"
    r"|\w+(?:[._/]\w+)+|https?://\S*|U\+[0-9A-F]+"
)
"""What is written as it is in every language: code, options, names of files, placeholders."""
NAMES = frozenset(
    re.findall(
        r"\S+",
        """
        Alt Avro CloudEvent Code Connect Ctrl Docker GitHub GitLab JUnit JetBrains Kafka Language Neovim Protocol
        Confluent Schema Server Studio Word alipay amount amount3 avsc base64 broker
        category cd coverage d day drop endsWith false fetch fields fixed git gzip h headers history install
        keyword1 leader m namespace null pip r record reference remark rgb rrggbb s size startsWith symbols tag thing
        thing1 time time2 true week
        """,
    )
)
"""Words that Chinese texts have in Latin letters besides those of code: names of products, formats and types."""


@functools.cache
def templates() -> list[str]:
    """All of the source, which takes seconds to read: not while tests are collected."""
    return sorted({template for template, _ in phrases()})


@functools.cache
def chinese_texts() -> dict[str, str]:
    """The Chinese text of each template that has one."""
    return {template: text for template, text in written("zh").items() if text}


def words(text: str) -> set[str]:
    """Its words in Latin letters; one in capitals is a name."""
    return {word for word in re.findall(r"[A-Za-z][A-Za-z0-9]*", text) if not word.isupper()}


@functools.cache
def words_of_code() -> set[str]:
    """What templates have in Latin letters as code, which is the same in every language."""
    return set[str]().union(*(words("".join(CODE.findall(template))) for template in templates()))


def placeholders(template: str) -> set[str]:
    """The placeholders with their formats; none in a text whose braces are its own."""
    try:
        found = {f"{name}:{form}" for _, name, form, _ in Formatter().parse(template) if name and name.isidentifier()}
    except ValueError:
        return set()
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_of_the_source_is_there(language: str) -> None:
    """`make generated` adds a new one, and its text is written by hand; those that nothing uses are gone."""
    known = {template for template, text in written(language).items() if text}
    assert [template for template in templates() if template not in known] == []
    assert [template for template in known if template not in templates()] == []


def test_a_chinese_text_has_the_same_placeholders() -> None:
    """Each value is shown, in its own format."""
    assert {
        template: text for template, text in chinese_texts().items() if placeholders(text) != placeholders(template)
    } == {}


def left_over(chinese: str) -> set[str]:
    """Its English words outside of code, its punctuation that is not full-width, its Latin letters without a space."""
    text = CODE.sub("", chinese)
    return {
        *(words(text) - words_of_code() - NAMES),
        *re.findall(rf"[{HAN}] ?[,;:!?]|[,;!?] ?[{HAN}]|[{HAN}]\(|\)[{HAN}]", text),
        *re.findall(rf"[{HAN}][A-Za-z0-9]|[A-Za-z0-9][{HAN}]", text),
    }


def test_a_chinese_text_is_chinese() -> None:
    """No English word is left outside of code; punctuation is full-width; Latin letters stand between spaces."""
    assert {text: found for text in chinese_texts().values() if (found := left_over(text))} == {}


@pytest.mark.parametrize(
    ("chinese", "found"),
    [
        ("规则 banana 模板", {"banana"}),
        ("规则,模板", {"则,"}),
        ("模板)规则", {")规"}),
        ("规则ID", {"则I"}),
        ("规则 `{id}`：第 {line} 行", set()),
    ],
)
def test_what_is_left_over_is_found(chinese: str, found: set[str]) -> None:
    """The check above can fail."""
    assert left_over(chinese) == found


@pytest.mark.parametrize(
    ("english", "chinese", "never"),
    [
        ("recipient", "接收人|care|recipient|人|顾客", "收件人|收信人"),
        ("category(?! templates)", "类别|category", "分类"),
        ("quiet hours", "免打扰时段", "静默|安静"),
        ("template", "模板|template", "模版"),
        ("finding", "检查结果", "发现项"),
        ("the customer", "顾客|消息会发给", "客户(?!端)|用户"),
        ("message", "消息|message", "讯息|信息"),
        ("zone", "时区|zone", "区域"),
        ("enum", "枚举", "列举"),
        ("link|url", "链接|url|http", "网址"),
    ],
)
def test_one_word_for_one_thing(english: str, chinese: str, never: str) -> None:
    """The words of `docs/guide-rules.zh-CN.md`."""
    texts = {
        template: chinese_texts()[template] for template in templates() if re.search(rf"\b(?:{english})\b", template)
    }
    assert [text for text in chinese_texts().values() if re.search(never, text)] == []
    assert [text for text in texts.values() if not re.search(chinese, text)] == []


def test_a_phrase_is_its_english_text() -> None:
    """For JSON, comparison and every program it is an ordinary text."""
    text = phrase("there is no rule `{name}`", name="receipt")
    assert text == "there is no rule `receipt`"
    assert {text: 1}["there is no rule `receipt`"] == 1


def test_the_values_of_a_phrase_are_translated_and_other_texts_are_not() -> None:
    """A text of an author stays as it is, even if it reads like a phrase."""
    zh = speaking("zh")
    message = phrase("this is {result}, not a text", result=phrase("a list"))
    assert zh(message) == "这是列表，不是文字"
    assert zh(phrase("there is no rule `{name}`", name="a list")) == "没有规则 `a list`"
    assert zh("a list") == "a list"


def test_texts_can_be_joined_and_added() -> None:
    """Their parts and the separator have the other language."""
    zh = speaking("zh")
    assert zh(joined(", ", (phrase("a text"), phrase("a list")))) == "文字、列表"
    assert zh("rules.yaml:1: " + phrase("a text") + "!") == "rules.yaml:1: 文字!"
    assert "a: " + phrase("a text") == "a: a text"


def test_one_and_many_have_their_own_texts() -> None:
    """English says `1 error` and `2 errors`."""
    zh = speaking("zh")
    one, two = (counted(count, "{count} error", "{count} errors") for count in (1, 2))
    assert (one, two) == ("1 error", "2 errors")
    assert (zh(one), zh(two)) == ("1 个错误", "2 个错误")


def test_a_phrase_survives_a_process_boundary() -> None:
    """Files are compared by several processes."""
    import pickle  # noqa: PLC0415 - used here alone

    text = phrase("this is {result}, not a text", result=phrase("a list"))
    text = pickle.loads(pickle.dumps(text))  # noqa: S301 - our own
    assert speaking("zh")(text) == "这是列表，不是文字"
