"""Compile the url of a rule: where a click on the message leads."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.phrases import phrase
from pipeline.rules.cel.nulls import Known
from pipeline.rules.cel.samples import possible_texts
from pipeline.rules.expressions import ExpressionCompiler
from pipeline.rules.message import MAX_URL, Text
from pipeline.rules.source.document import Path
from pipeline.rules.source.report import Report

_URL = re.compile(r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?=[/?#]|$)")
_UNFIT_FOR_URL = re.compile(r"[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff\x00-\x1f\x7f]")


def compile_url(
    path: Path, url: str, on: Sequence[str], known: Known, report: Report, expressions: ExpressionCompiler
) -> Text | None:
    """The url; None where it cannot be compiled. What is wrong goes to the report."""
    text = expressions.text(path, url, on, known)
    if _URL.match(url) is None:
        report.add_inside(path, 0, "bad-url", phrase("the url does not begin with https:// and a host"), _url_hint(url))
    elif text is not None and (text.constant is not None and len(url) > MAX_URL):
        report.add_inside(path, 0, "bad-url", phrase("the url has over {max_url} characters", max_url=MAX_URL))
    elif text is not None:
        _check_blanks(path, text, report, expressions)
    return text


def _check_blanks(path: Path, text: Text, report: Report, expressions: ExpressionCompiler) -> None:
    """White space in a part of the url that does not depend on the event."""
    at = 0
    for part in text.parts:
        source = part if isinstance(part, str) else part.source
        at = text.source.find(source, at)
        outcomes = (
            [(0, part)]
            if isinstance(part, str)
            else [(one.start, value) for one, value in possible_texts(expressions.tree(part).root)]
        )
        for start, value in outcomes:
            found = _UNFIT_FOR_URL.search(value)
            if found is not None:
                inside = found.start() if isinstance(part, str) else 0
                summary = phrase(
                    "the url has white space or an invisible character, so it is never sent: `{url}`",
                    url=value.strip(),
                )
                hint = phrase("write %20 for a blank, and url_encode(…) for a text")
                report.add_inside(path, at + start + inside, "bad-url", summary, hint)
        at += len(source)


def _url_hint(url: str) -> str:
    if url.casefold().startswith("http://"):
        return phrase("write https://{url}", url=url[len("http://") :])
    if not url.startswith("https://") and re.match(r"https?[:：]?[/／\\]", url, re.IGNORECASE):
        return phrase("write `https://` with a colon and two slashes of the Latin keyboard")
    if re.match(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+([/?#:]|$)", url):
        return phrase("write https://{url}", url=url)
    return phrase("write scheme and host out; only what follows them may come from the event")
