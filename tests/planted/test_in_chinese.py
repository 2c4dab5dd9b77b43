"""Every mistake is explained in Chinese as well: no sentence of a finding stays English."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from pipeline.languages import speaking
from pipeline.model.finding import Finding
from pipeline.rules.lint.check import check
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.finding_codes import CODES
from tests.faults import test_faults as faults
from tests.planted import test_planted as planted
from tests.planted.mistake import MARK, Mistake

schemas = planted.schemas
IN_CHINESE = speaking("zh")
CODE = re.compile(
    r"`[^`]*`|\"[^\"]*\"|'[^']*'|\S*[({\[].*?[)}\]]|\b\w+(?:[.-]\w+)+|https?://\S*"
    r"|\b\w+ in ….filter|\bin event\b|\b([A-Za-z])\1*\b"
)
"""Names and code, which are the author's own or are to be written so."""
SENTENCE = re.compile(r"\b[a-z]{2,}[a-z' ,;:]* [a-z]{2,}\b")
"""Two English words, one after the other."""


def untranslated(finding: Finding) -> Iterator[str]:
    """What is English in the Chinese text of a finding."""
    for text in filter(None, (finding.message, finding.hint)):
        shown = IN_CHINESE(text)
        if SENTENCE.search(CODE.sub("", shown)) or (shown == text and re.search("[a-z] [a-z]", CODE.sub("", text))):
            yield shown


@pytest.mark.parametrize(
    ("path", "mistake"), planted.PLANTED, ids=[f"{path}: {mistake.name}" for path, mistake in planted.PLANTED]
)
def test_a_planted_mistake_is_explained_in_chinese(path: str, mistake: Mistake, schemas: SchemaCatalogue) -> None:
    """With its hint."""
    files = planted.sound(path)
    files[path] = files[path].replace(mistake.right, mistake.wrong).replace(MARK, "")
    rules, templates, *_ = files
    tests = {planted.TESTS: files[planted.TESTS]} if planted.TESTS in files else {}
    sources = RuleSources({rules: files[rules]}, (templates, files[templates]), tests)
    findings = check(sources, schemas, environment="production").findings
    assert [text for finding in findings for text in untranslated(finding)] == []


@pytest.mark.parametrize("code", sorted(CODES.keys() - faults.WITHOUT_FILE))
def test_each_kind_of_finding_is_explained_in_chinese(code: str) -> None:
    """With its hint."""
    findings = check(
        faults.sources_of(code), faults.schemas_of(code), environment="production", apis=faults.APIS, now=faults.NOW
    ).findings
    assert [text for finding in findings for text in untranslated(finding)] == []
