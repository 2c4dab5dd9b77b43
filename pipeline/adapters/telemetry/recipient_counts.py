"""How many notices the recipient with the most of them got of late, in memory that does not grow with recipients."""

from __future__ import annotations

from typing import Final

SLOTS: Final = 65_536
"""Recipients that fall into one slot are counted together. At 1,000 notices a second some five share a slot within the
window, so that the count is too high by about so much; a storm to one recipient stands out by far."""
MASK: Final = SLOTS - 1
WINDOW_SECONDS = 300.0


class RecipientCounts:
    """Counts notices by slot. For each accepted one the caller itself adds: `slots[hash(recipient) & MASK] += 1`."""

    def __init__(self) -> None:
        self.slots = [0] * SLOTS
        self._since: float | None = None
        self._last = 0

    def most(self, now: float) -> int:
        """Return the most notices of one recipient in the last whole window, or in the present one if that has more.

        A window ends with the first call after `WINDOW_SECONDS`; called too seldom for that, it counts only so much of
        the time since then as a window has.
        """
        most = max(self.slots)
        if self._since is None:
            self._since = now
        elapsed = now - self._since
        if elapsed >= WINDOW_SECONDS:
            self._last = round(most * WINDOW_SECONDS / elapsed)
            self._since = now
            self.slots[:] = [0] * SLOTS
            return self._last
        return max(most, self._last)
