"""What names a person: fields by their names, and parts of any text by their form."""

from __future__ import annotations

import re

from pipeline.authoring.examples.meanings import Meaning, meaning_of, snake

_PERSONAL = frozenset(
    {
        Meaning.RECIPIENT,
        Meaning.PHONE,
        Meaning.EMAIL,
        Meaning.PERSON,
        Meaning.ADDRESS,
        Meaning.PLATE,
        Meaning.CARD,
    }
)
_OTHERS = re.compile(
    r"(?:.*_)?(?:id_?card|id_?card_(?:no|number)|identity_(?:card|no|number)|passport|passport_(?:no|number)|ssn"
    r"|otp|pin|(?:pick_?up|verification|verify)_code|password|passwd|secret|token|ip|ip_address|device_id)"
)
"""Papers, secrets and devices."""

FORMS = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # a mail address
    r"|(?<![0-9A-Za-z])(?:\d{17}[\dXx]|\d{15})(?![0-9A-Za-z])"  # a Chinese identity card
    r"|(?<![0-9A-Za-z])(?:\+86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?![0-9A-Za-z])"  # a Chinese mobile number
    r"|\+\d{7,15}(?!\d)",  # a number of another country
    re.ASCII,
)
"""What is masked wherever it stands in a text."""


def is_personal(name: str, holder: str = "") -> bool:
    """Whether a field of this name names a person, or is a secret of one; `holder` is what has the field."""
    return meaning_of(name, holder) in _PERSONAL or _OTHERS.fullmatch(snake(name)) is not None
