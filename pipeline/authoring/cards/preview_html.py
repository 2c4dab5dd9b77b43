"""Previews as a self-contained page without scripts or external resources; all text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import orjson

from pipeline.authoring.cards.html import coded, document, to_html
from pipeline.authoring.cards.preview import Preview, Shortened
from pipeline.model.notice import Refusal, outcome_label
from pipeline.phrases import Say, phrase
from pipeline.styles.style import Mode

_STYLE = """\
.np-notice{max-width:1240px;margin:0 auto 32px}
.np-notice>h2{margin:0 0 4px;font-size:16px;overflow-wrap:anywhere}
.np-facts{margin:0 0 12px;padding:0;list-style:none;font-size:13px;color:#5c5c5c;overflow-wrap:anywhere}
.np-facts .np-bad{color:#b3261e;font-weight:600}
.np-facts .np-warn{color:#805300}
.np-cards{display:flex;flex-wrap:wrap;gap:20px;align-items:flex-start}
.np-cards>*{flex:0 1 390px}
.np-request{max-width:800px;margin:12px 0 0;font-size:13px}
.np-request pre{margin:8px 0 0;padding:12px;border-radius:8px;background:#eee;color:#191919;white-space:pre-wrap;
 overflow-wrap:anywhere;font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}
.np-none{max-width:1240px;margin:0 auto}
@media (prefers-color-scheme:dark){.np-facts{color:#a8a8a8}.np-facts .np-bad{color:#ff8a80}
 .np-facts .np-warn{color:#ffcc66}}
"""


_NONE = phrase("No rule makes a message of this event.")


def to_page(title: str, previews: Sequence[Preview], modes: Sequence[Mode], say: Say = str) -> str:
    """A page with the cards of each message side by side, what is cut, and the request."""
    body = "".join(_notice(one, modes, say) for one in previews) or f'<p class="np-none">{escape(say(_NONE))}</p>'
    return document(title, _STYLE, f"<main>{body}</main>")


def _notice(one: Preview, modes: Sequence[Mode], say: Say) -> str:
    cards = "".join(to_html(card, say) for card in one.cards(modes))
    return (
        f'<section class="np-notice"><h2>{escape(outcome_label(one.rule, one.result.item))}</h2>{_facts(one, say)}'
        f'<div class="np-cards">{cards}</div>{_request(one, say)}</section>'
    )


def _facts(one: Preview, say: Say) -> str:
    facts = [f"<li>{escape(say(phrase('template')))} <code>{escape(one.template.alias)}</code></li>"]
    if isinstance(one.result, Refusal):
        reason = phrase("{reason}: {detail}", reason=one.result.reason.value, detail=one.result.detail)
        message = say(phrase("no message: {reason}", reason=reason))
        facts.append(f'<li class="np-bad">{escape(message)}</li>')
    else:
        facts.append(f"<li>{escape(say(phrase('to')))} <code>{escape(one.result.recipient)}</code></li>")
    if one.url is not None:
        facts.append(f"<li>{escape(say(phrase('opens')))} <code>{escape(one.url)}</code></li>")
    if one.category is not None:
        facts.append(f"<li>{escape(say(phrase('category {category}', category=one.category)))}</li>")
    facts += [f"<li>{escape(say(phrase('subject to {line}', line=line)))}</li>" for line in one.care]
    if one.unsent is not None:
        facts.append(f'<li class="np-warn">{escape(say(one.unsent))}</li>')
    facts += [f'<li class="np-warn">{_shortened(cut, say)}</li>' for cut in one.shortened]
    return f'<ul class="np-facts">{"".join(facts)}</ul>'


def _shortened(cut: Shortened, say: Say) -> str:
    message = say(
        phrase(
            "the rule cuts `{key}` from {whole} to {sent} characters: ",
            key=escape(cut.key),
            whole=len(cut.whole),
            sent=len(cut.sent),
        )
    )
    return f"{coded(message)}<q>{escape(cut.whole)}</q>"


def _request(one: Preview, say: Say) -> str:
    if one.request is None:
        return ""
    text = orjson.dumps(one.request, option=orjson.OPT_INDENT_2).decode()
    summary = escape(say(phrase("Request")))
    return f'<details class="np-request"><summary>{summary}</summary><pre>{escape(text)}</pre></details>'
