"""Reads rules and the schemas of their events again while the service runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pipeline.adapters.events.decoder import EventDecoder
from pipeline.bootstrap.events import Schemas, find_rules, report_untyped, reread_schemas
from pipeline.bootstrap.recipient_care.needed import needs_care
from pipeline.errors import UserError
from pipeline.rules.ruleset import RuleSet
from pipeline.settings import Settings


class _Loaded(NamedTuple):
    rules: RuleSet
    schemas: Schemas
    use: Callable[[], None]


class RuleLoader:
    """Loads rule sets one after the other; each is checked against the schemas as they are at that time."""

    def __init__(self, settings: Settings, schemas: Schemas, decoder: EventDecoder, *, has_care: bool) -> None:
        """`schemas` are those in use; `decoder` reads events by them; `has_care`: recipient care is on."""
        self._has_care = has_care
        self._settings = settings
        self._schemas = schemas
        self._decoder = decoder
        self._loaded: _Loaded | None = None

    def load(self) -> RuleSet:
        """Read schemas and rules, on any thread; nothing of it is in use yet.

        Raises:
            RulesRefused: with findings of level error.
            UserError: rules or schemas cannot be read, or the rules need recipient care while it is off: which topics
                are read never changes under a running service.
        """
        schemas = reread_schemas(self._settings, self._schemas)
        rules = find_rules(self._settings, schemas.catalogue)
        if not self._has_care and (needed := needs_care(rules)) is not None:
            raise UserError(f"the rules need recipient care, which is off: {needed}", hint="restart the service")
        self._loaded = _Loaded(rules, schemas, self._decoder.prepared(schemas.known, schemas.catalogue))
        return rules

    def accepted(self, rules: RuleSet) -> None:
        """Decode events by the schemas that `rules` were checked against, on the loop's thread."""
        if self._loaded is not None and self._loaded.rules is rules:
            self._loaded.use()
            self._schemas = self._loaded.schemas
            report_untyped(rules, self._schemas.catalogue)
