"""Reports of test results: as text, as JSON values, and as JUnit's XML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from pipeline.authoring.rule_tests.comparing import Message, Mismatch
from pipeline.authoring.rule_tests.running import Result
from pipeline.model.finding import Finding
from pipeline.phrases import phrase
from pipeline.rules.lint.check import SkippedCase
from pipeline.terminal_escape import shown, terminal_escape

_UNFIT_FOR_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Timed(NamedTuple):
    """A result and its duration."""

    result: Result
    seconds: float


def as_text(result: Result) -> Iterator[str]:
    """The lines about a failed case: expected and actual values, and the location of the expectation."""
    location = result.case.document.location(result.case.path)
    where = f"{result.case.document.path}:{location.line}:{location.column}"
    yield phrase("FAILED {where}: {name}", where=where, name=result.case.name)
    for mismatch in result.mismatches:
        at = result.location(mismatch)
        yield f"  {result.case.document.path}:{at.line}:{at.column}: " + mismatch.message
        if mismatch.expected is not None:
            yield phrase("    expected  {text}", text=_shown(mismatch.expected))
        if mismatch.expected is not None or mismatch.got is not None:
            yield phrase("    got       {text}", text=_shown(mismatch.got))
        if mismatch.hint is not None:
            yield phrase("    hint: {hint}", hint=mismatch.hint)


def as_json(timed: Timed) -> dict[str, object]:
    """One case as JSON values."""
    result = timed.result
    location = result.case.document.location(result.case.path)
    return {
        "name": result.case.name,
        "path": result.case.document.path,
        "line": location.line,
        "column": location.column,
        "passed": result.passed,
        "seconds": round(timed.seconds, 6),
        "mismatches": [_mismatch_as_json(result, mismatch) for mismatch in result.mismatches],
        "came": [_message_as_json(message) for message in result.came],
    }


def _mismatch_as_json(result: Result, mismatch: Mismatch) -> Mapping[str, object]:
    location = result.location(mismatch)
    return {
        "line": location.line,
        "column": location.column,
        "words": mismatch.message,
        "expected": mismatch.expected,
        "got": mismatch.got,
        "hint": mismatch.hint,
    }


def _message_as_json(message: Message) -> Mapping[str, object]:
    if message.refused is not None:
        return {"rule": message.rule, "refused": message.refused, "detail": message.detail}
    if message.suppressed is not None:
        return {
            "rule": message.rule,
            "to": message.to,
            "suppressed": message.suppressed,
            "caps": list(message.caps),
            "detail": message.detail,
        }
    data = {key: {"value": text} | ({"color": color} if color else {}) for key, (text, color) in message.data.items()}
    return {
        "rule": message.rule,
        "template": message.template,
        "to": message.to,
        "url": message.url,
        "reference": message.reference,
        "data": data,
    }


def as_junit(
    results: Sequence[Timed],
    seconds: float,
    findings: Sequence[Finding] = (),
    skipped: Sequence[SkippedCase] = (),
) -> str:
    """JUnit's XML: a suite for each test file, one for errors in the rules, and one for tests of rules that are off."""
    root = ET.Element("testsuites", _suite("rules", results, seconds, len(findings)))
    if findings:
        suite = ET.SubElement(root, "testsuite", _suite("check", (), 0, len(findings)))
        for finding in findings:
            name = _xml(f"{finding.path}:{finding.line} {finding.code}")
            case = ET.SubElement(suite, "testcase", {"classname": "check", "name": name, "time": "0.000"})
            _fail(case, finding.message, str(finding))
    for path in dict.fromkeys(timed.result.case.document.path for timed in results):
        own = [timed for timed in results if timed.result.case.document.path == path]
        suite = ET.SubElement(root, "testsuite", _suite(path, own, sum(timed.seconds for timed in own)))
        for timed in own:
            _add_case(suite, timed)
    if skipped:
        suite = ET.SubElement(
            root, "testsuite", {**_suite("off", (), 0, 0), "tests": str(len(skipped)), "skipped": str(len(skipped))}
        )
        for one in skipped:
            given = {"classname": _xml(one.case.document.path), "name": _xml(one.case.name), "time": "0.000"}
            ET.SubElement(
                ET.SubElement(suite, "testcase", given), "skipped", {"message": f"off: {', '.join(one.rules)}"}
            )
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_case(suite: ET.Element, timed: Timed) -> None:
    case = timed.result.case
    path = _xml(case.document.path)
    given = {"classname": path, "name": _xml(case.name), "file": path, "time": f"{timed.seconds:.3f}"}
    given["line"] = str(case.document.location(case.path).line)
    element = ET.SubElement(suite, "testcase", given)
    if not timed.result.passed:
        _fail(element, timed.result.mismatches[0].summary, "\n".join(as_text(timed.result)))


def _fail(case: ET.Element, explanation: str, text: str) -> None:
    ET.SubElement(case, "failure", {"message": _xml(explanation)}).text = _xml(text)


def _suite(name: str, results: Sequence[Timed], seconds: float, findings: int = 0) -> dict[str, str]:
    failed = findings + sum(not timed.result.passed for timed in results)
    counts = {"tests": str(len(results) + findings), "failures": str(failed), "errors": "0"}
    return {"name": _xml(name), "time": f"{seconds:.3f}", **counts}


def _xml(text: str) -> str:
    """The text without characters that XML does not allow."""
    return _UNFIT_FOR_XML.sub("�", text)


def _shown(text: str | None) -> str:
    if text is None:
        return "(nothing)"
    is_plain = text and text == text.strip() and text == terminal_escape(text)
    return text if is_plain else shown(text)
