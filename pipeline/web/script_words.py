"""The texts that Studio's script shows, which the page gives to it in its language."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.languages import current
from pipeline.phrases import marked, phrase

WORDS = frozenset(
    (
        marked("Added to {file}."),
        marked("Close"),
        marked("Copied"),
        marked("Copy"),
        marked("Difference: - is in the file, + is yours"),
        marked("Discard your changes to {file}?"),
        marked("Discard them"),
        marked("Event"),
        marked("Example"),
        marked("Go on with them"),
        marked("Go to rule"),
        marked("Go to template"),
        marked("Go to test"),
        marked("Keep mine and overwrite it"),
        marked("Name of the file, within the folder of rules:"),
        marked("None of the last {count} records is of this type."),
        marked("Not added: {error}"),
        marked("Not read: {error}"),
        marked("Not read: {error}."),
        marked("Newest"),
        marked("Recorded"),
        marked("Tests"),
        marked("Not saved: {error}"),
        marked("Only a part was read: it took too long, or the records are large."),
        marked("Reading …"),
        marked("Rules"),
        marked("Studio does not answer"),
        marked("Take the file's text (Undo brings mine back)"),
        marked("Your changes that were not saved are here again. Undo brings the file's text back."),
        marked("Your changes to {file} are not saved."),
        marked("{count} of this type. Recipients, names and numbers are masked."),
        marked("{count} cannot be decoded, the first at {position}."),
        marked("{error}. What you see may be out of date."),
        marked("{message} ({hint})"),
        marked("{name} does not exist any more."),
        marked("{name} has changed on disk since it was opened. Nothing is overwritten."),
    )
)
"""Every text of `_("…")` in studio.js."""


def script_words() -> Mapping[str, str]:
    """The texts in the language of the request; none in English."""
    said = {text: current.say(phrase(text)) for text in sorted(WORDS)}
    return {text: other for text, other in said.items() if other != text}
