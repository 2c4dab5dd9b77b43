"""The files that make up a rule set, as texts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple


class RuleSources(NamedTuple):
    """Path to text; paths are as the user would write them, for findings. Rule files in the order of their names."""

    rules: Mapping[str, str]
    templates: tuple[str, str] | None
    tests: Mapping[str, str] = {}
    is_whole: bool = True
    """Whether `rules` are all rules there are, or one file alone."""
    ignored: Mapping[str, str] = {}
    """Files that look like rule files and are not read, each with a hint."""

    def version(self) -> str:
        """A short hash of what decides messages: rules and templates, not tests, and not where they lie."""
        digest = hashlib.sha256()
        for text in (*self.rules.values(), self.templates[1] if self.templates else ""):
            digest.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        return digest.hexdigest()[:12]
