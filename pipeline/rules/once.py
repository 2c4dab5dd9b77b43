"""`once` of a rule: no second message with the same key to the same recipient."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.model.once import Once, once_key
from pipeline.rules.cel.engine import Activation
from pipeline.rules.message import Text
from pipeline.styles.text import is_visible


@dataclass(frozen=True, slots=True)
class RuleOnce:
    """The key, and how long it holds."""

    by: Text
    within: int
    """Seconds."""

    def of(self, rule: str, activation: Activation) -> Once | None:
        """The key of one message; None where it shows nothing: there is nothing to compare.

        Raises:
            RenderRefused: an expression has no value.
        """
        value = self.by.render(activation, "once")
        return Once(once_key(rule, value), self.within) if is_visible(value) else None
