"""Previews as a self-contained page without scripts or external resources; all text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import orjson

from pipeline.authoring.cards.html import document, to_html
from pipeline.authoring.cards.preview import Preview, Shortened
from pipeline.model.notice import Refusal, outcome_label
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


def to_page(title: str, previews: Sequence[Preview], modes: Sequence[Mode]) -> str:
    """A page with the cards of each message side by side, what is cut, and the request."""
    body = (
        "".join(_notice(one, modes) for one in previews)
        or '<p class="np-none">No rule makes a message of this event.</p>'
    )
    return document(title, _STYLE, f"<main>{body}</main>")


def _notice(one: Preview, modes: Sequence[Mode]) -> str:
    cards = "".join(to_html(card) for card in one.cards(modes))
    return (
        f'<section class="np-notice"><h2>{escape(outcome_label(one.rule, one.result.item))}</h2>{_facts(one)}'
        f'<div class="np-cards">{cards}</div>{_request(one)}</section>'
    )


def _facts(one: Preview) -> str:
    facts = [f"<li>template <code>{escape(one.template.alias)}</code></li>"]
    if isinstance(one.result, Refusal):
        message = f"no message: {one.result.reason.value}: {one.result.detail}"
        facts.append(f'<li class="np-bad">{escape(message)}</li>')
    else:
        facts.append(f"<li>to <code>{escape(one.result.recipient)}</code></li>")
    if one.url is not None:
        facts.append(f"<li>opens <code>{escape(one.url)}</code></li>")
    if one.category is not None:
        facts.append(f"<li>category {escape(one.category)}</li>")
    facts += [f"<li>subject to {escape(line)}</li>" for line in one.care]
    if one.unsent is not None:
        facts.append(f'<li class="np-warn">{escape(one.unsent)}</li>')
    facts += [f'<li class="np-warn">{_shortened(cut)}</li>' for cut in one.shortened]
    return f'<ul class="np-facts">{"".join(facts)}</ul>'


def _shortened(cut: Shortened) -> str:
    message = f"the rule cuts <code>{escape(cut.key)}</code> from {len(cut.whole)} to {len(cut.sent)} characters"
    return f"{message}: <q>{escape(cut.whole)}</q>"


def _request(one: Preview) -> str:
    if one.request is None:
        return ""
    text = orjson.dumps(one.request, option=orjson.OPT_INDENT_2).decode()
    return f'<details class="np-request"><summary>Request</summary><pre>{escape(text)}</pre></details>'
