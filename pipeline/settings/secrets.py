"""Reads secrets given by value or by file, and decides which names belong to secrets."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from pydantic import SecretStr

from pipeline.errors import ConfigurationError
from pipeline.settings.kinds import is_header_value

MASK = "**********"
_NAMES_OF_SECRETS = re.compile(
    r"password|secret|token|api[._-]?key|ssl\.key|credential|authorization|cookie", re.IGNORECASE
)
MAX_BYTES = 1_048_576
"""Largest file that is read: a bundle of certificates has some 200,000 bytes."""
_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def names_a_secret(name: str) -> bool:
    """Whether the value of `name` (a librdkafka property, a header) must never be shown."""
    return _NAMES_OF_SECRETS.search(name) is not None


def read_secret_file(path: Path, meaning: str) -> str:
    """The secret in a file, without white space at its ends (a line break that an editor adds is not part of it).

    Raises:
        ConfigurationError: the file cannot be read, is empty, too large or not UTF-8 text, or begins with a byte order
            mark; the message never holds the content.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: {meaning} cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"{path}: {meaning} is larger than {MAX_BYTES} bytes")
    if raw.startswith(_BYTE_ORDER_MARKS):
        message = f"{path}: {meaning} begins with a byte order mark, which would become part of it"
        raise ConfigurationError(message, hint="save the file as UTF-8 without a byte order mark (BOM)")
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: {meaning} is not UTF-8 text") from None
    if not text:
        raise ConfigurationError(f"{path}: {meaning} is empty")
    return text


def read_secret_header(path: Path, name: str) -> str:
    """The secret value of a header, in a file.

    Raises:
        ConfigurationError: as `read_secret_file`; or it has several lines or characters that no header has.
    """
    text = read_secret_file(path, f"header {name}")
    if not is_header_value(text):
        raise ConfigurationError(
            f"{path}: header {name} is no value of a header: it has several lines, or is not printable ASCII"
        )
    return text


def reveal(value: SecretStr | None, path: Path | None, meaning: str) -> str | None:
    """The secret, given by value or by file; None if it is not given.

    Raises:
        ConfigurationError: as `read_secret_file`.
    """
    if value is not None:
        return value.get_secret_value()
    if path is not None:
        return read_secret_file(path, meaning)
    return None
