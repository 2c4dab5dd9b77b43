"""The display styles that templates may name."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.styles.alipay import ALIPAY
from pipeline.styles.category import CATEGORY, NAME_BEYOND_LATIN
from pipeline.styles.field_kind import PLAIN, FieldKind
from pipeline.styles.history import HISTORY
from pipeline.styles.style import Style

STYLES: dict[str, Style] = {style.name: style for style in (HISTORY, CATEGORY, ALIPAY)}
"""By name. A new style is added here."""


def kinds() -> dict[str, FieldKind]:
    """The kinds of fields of all styles, by name."""
    return dict(_kinds())


def typed_kind(key: str) -> FieldKind | None:
    """The kind that a key names by itself, in whichever style has typed keys."""
    found = (style.kind_of(key) for style in STYLES.values())
    return next((kind for kind in found if kind is not None and kind is not PLAIN), None)


def _kinds() -> Iterator[tuple[str, FieldKind]]:
    for style in STYLES.values():
        yield from ((name, kind) for name, kind in style.kinds.items() if kind is not PLAIN)
    yield PLAIN.name, PLAIN


def as_markdown() -> str:
    """The reference of field kinds."""
    lines = [
        "# Fields of a card",
        "",
        "Generated from `pipeline/styles/`; do not edit. In a category template a key's prefix names its kind: "
        "`thing4` is a `thing`. A field whose key does not name a kind needs `type:`.",
        "",
        "| kind | takes | may be cut (`overflow: truncate`) |",
        "|---|---|---|",
    ]
    lines += [f"| `{kind}` | {kind.takes} | {'yes' if kind.may_be_cut else 'no'} |" for kind in kinds().values()]
    lines += [
        "",
        f"A `name` that is not all Latin has at most {NAME_BEYOND_LATIN.most} characters. `enum` and `const` take "
        "registered values only, where the template lists them (`values:`). `plain` is every field of history and "
        "Alipay templates.",
        "",
        "No kind takes an empty value, and only `plain` takes a line break. Characters are counted as code points: an "
        "emoji may count as several. Error 47003 of the channel names the field that broke a limit.",
        "",
    ]
    return "\n".join(lines)
