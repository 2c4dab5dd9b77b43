"""Secrets by value or by file, and which names hide one."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import SecretStr

from pipeline.errors import ConfigurationError

MASK = "**********"
_NAMES_OF_SECRETS = re.compile(
    r"password|secret|token|api[._-]?key|ssl\.key|credential|authorization|cookie", re.IGNORECASE
)
MAX_BYTES = 65_536


def names_a_secret(name: str) -> bool:
    """Whether a value of that name (a librdkafka property, a header) must never be shown."""
    return _NAMES_OF_SECRETS.search(name) is not None


def read_secret_file(path: Path, meaning: str) -> str:
    """The file's text without white space around it.

    Raises:
        ConfigurationError: it cannot be read, is empty or is no text; the words never hold what stood there.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: {meaning} cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"{path}: {meaning} is larger than {MAX_BYTES} bytes")
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: {meaning} is not UTF-8 text") from None
    if not text:
        raise ConfigurationError(f"{path}: {meaning} is empty")
    return text


def reveal(value: SecretStr | None, path: Path | None, meaning: str) -> str | None:
    """The secret, from wherever it is given; None where it is not given at all.

    Raises:
        ConfigurationError: as `read_secret_file`.
    """
    if value is not None:
        return value.get_secret_value()
    if path is not None:
        return read_secret_file(path, meaning)
    return None
