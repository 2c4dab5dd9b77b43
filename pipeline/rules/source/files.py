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
    care: tuple[str, str] | None = None
    """care.yaml; None where the folder has none."""

    def version(self) -> str:
        """A short hash of what decides messages: rules, templates and care, not tests, and not where they lie."""
        digest = hashlib.sha256()
        care = () if self.care is None else (self.care[1],)
        for text in (*self.rules.values(), self.templates[1] if self.templates else "", *care):
            digest.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        return digest.hexdigest()[:12]
