"""A card as HTML, as a fragment and as a page, without scripts or external resources; all text is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from pipeline.authoring.cards.card import Card, Line
from pipeline.phrases import Say, joined, phrase

_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_CODE = re.compile(r"`([^`]*)`")
NEAR = 0.8
"""Share of a field's limit from which on its characters are worth counting."""

STYLE = """\
.np-phone{--ink:#191919;--soft:#666;--line:#ececec;--card:#fff;--ground:#ededed;--bad:#c43b2f;--warn:#805300;
 box-sizing:border-box;width:100%;max-width:390px;margin:0;padding:14px;border-radius:14px;background:var(--ground);
 color:var(--ink);font:15px/1.55 -apple-system,BlinkMacSystemFont,"PingFang SC","Hiragino Sans GB","Noto Sans CJK SC",
 "Microsoft YaHei",system-ui,sans-serif}
.np-phone *{box-sizing:border-box}
.np-mode{margin:0 0 10px;text-align:center;font-size:12px;color:var(--soft)}
.np-card{background:var(--card);border-radius:8px;overflow:hidden;box-shadow:0 1px 2px rgba(0,0,0,.06)}
.np-body{padding:16px 16px 14px}
.np-title{margin:0;font-size:17px;line-height:1.4;font-weight:600;overflow-wrap:anywhere}
.np-text{margin:10px 0 0;white-space:pre-wrap;overflow-wrap:anywhere}
.np-rows{display:grid;grid-template-columns:minmax(4em,max-content) minmax(0,1fr);gap:7px 14px;margin:12px 0 0}
.np-rows dt{color:var(--soft);max-width:8em;overflow-wrap:anywhere}
.np-rows dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
.np-more{display:flex;justify-content:space-between;padding:11px 16px;border-top:1px solid var(--line);font-size:14px}
.np-more::after{content:"";width:7px;height:7px;margin-top:7px;border:solid #b8b8b8;border-width:1.5px 1.5px 0 0;
 transform:rotate(45deg)}
.np-fields{width:100%;margin:12px 0 0;border-collapse:collapse;font-size:12px;line-height:1.45}
.np-fields td{padding:3px 0;vertical-align:top;color:#5c5c5c;overflow-wrap:anywhere}
.np-fields td:first-child{padding-right:12px;font-family:ui-monospace,SFMono-Regular,Menlo,monospace;white-space:nowrap}
.np-fields td:nth-child(2){padding-right:12px;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.np-fields td:nth-child(3){width:100%}
.np-fields .np-bad{color:var(--bad)}
.np-fields .np-warn{color:var(--warn)}
"""

_GROUND_STYLE = """\
html{color-scheme:light dark}
body{margin:0;padding:24px 16px;background:#f7f7f7;color:#191919;font:15px/1.5 system-ui,sans-serif}
h1{max-width:1240px;margin:0 auto 18px;font-size:19px;overflow-wrap:anywhere}
@media (max-width:440px){body{padding:14px 10px}}
@media (prefers-color-scheme:dark){body{background:#000;color:#d6d6d6}}
"""

_PAGE_STYLE = """\
main{display:flex;flex-wrap:wrap;gap:20px;align-items:flex-start;max-width:1240px;margin:0 auto}
main>*{flex:0 1 390px}
@media (max-width:440px){main{gap:14px}}
"""


def to_html(card: Card, say: Say = str) -> str:
    """The card, with its fields near their limits below it. The page must have `STYLE`."""
    mode = escape(say(card.mode_title))
    return (
        f'<div class="np-phone" role="group" aria-label="{mode}"><p class="np-mode">{mode}</p>'
        f"{card_html(card)}{_fields(card, say)}</div>"
    )


def card_html(card: Card) -> str:
    """The card alone, as it stands in a chat. The page must have `STYLE`."""
    heading = _text(card.heading) if card.heading is not None else ""
    footing = _text(card.footing) if card.footing is not None else ""
    rows = "".join(f"<dt>{escape(line.label)}</dt><dd>{_colored(line)}</dd>" for line in card.rows)
    listed = f'<dl class="np-rows">{rows}</dl>' if rows else ""
    more = f'<div class="np-more" title="{escape(card.url)}">查看详情</div>' if card.url else ""
    return (
        f'<div class="np-card"><div class="np-body"><h2 class="np-title">{escape(card.title)}</h2>'
        f"{heading}{listed}{footing}</div>{more}</div>"
    )


def near_limits(card: Card, say: Say = str) -> list[dict[str, object]]:
    """The fields near their limit or over it, or of which something is not shown.

    Each has `key`, `count`, `limit` and `remarks`, which is HTML.
    """
    return [
        {"key": line.key, "count": line.count, "limit": line.limit, "remarks": _remarks(line, say)}
        for line in card.lines
        if _is_near(line)
    ]


def _is_near(line: Line) -> bool:
    return bool(line.fault or line.losses or (line.limit and line.count >= NEAR * line.limit))


_CHARACTERS = phrase("Fields near their limits")


def page(title: str, cards: Sequence[Card]) -> str:
    """A page with the cards side by side, or below each other on a phone."""
    return document(title, _PAGE_STYLE, f"<main>{''.join(to_html(card) for card in cards)}</main>")


def document(title: str, style: str, body: str) -> str:
    """A self-contained page. `body` is HTML; `style` comes before the style of the cards."""
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>\n{_GROUND_STYLE}{style}{STYLE}</style></head>"
        f"<body><header><h1>{escape(title)}</h1></header>{body}</body></html>\n"
    )


def _text(line: Line) -> str:
    return f'<p class="np-text">{_colored(line)}</p>'


def _colored(line: Line) -> str:
    """The text in its colour. The element is `font`: the content policy of the pages refuses style attributes."""
    text = escape(line.shown)
    if line.color is None or _COLOR.fullmatch(line.color) is None:
        return text
    return f'<font color="{line.color}">{text}</font>'


def _fields(card: Card, say: Say) -> str:
    rows = "".join(
        f"<tr><td>{escape(line.key)}</td><td>{_counted(line)}</td><td>{_remarks(line, say)}</td></tr>"
        for line in card.lines
        if _is_near(line)
    )
    return f'<table class="np-fields" aria-label="{say(_CHARACTERS)}">{rows}</table>' if rows else ""


def _counted(line: Line) -> str:
    return f"{line.count}/{line.limit}" if line.limit else str(line.count)


def _remarks(line: Line, say: Say) -> str:
    fault = f'<span class="np-bad">✗ {_words(say(line.fault))}</span> ' if line.fault else ""
    return fault + (f'<span class="np-warn">{_words(say(joined("; ", line.losses)))}</span>' if line.losses else "")


def _words(text: str) -> str:
    return coded(escape(text))


def coded(html: str) -> str:
    """HTML whose parts between backquotes are code."""
    return _CODE.sub(r"<code>\1</code>", html)
