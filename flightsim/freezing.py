"""
The original's pool of five connections, of which each PATCH needs two at once.

Four PATCHes leave one connection over, and so end one after the other. Five hold one each and wait for a second
that is never given back: everything stands still until they give up.
"""

CONNECTIONS = 5


class Pool:
    """Counts the PATCHes under way, and tells how long each has to wait. `seconds` of 0: it never freezes."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._under_way = 0
        self._froze_at = float("-inf")

    def enter(self, now: float) -> bool:
        """Let a PATCH begin. True: it is the one too many, and everything freezes."""
        self._under_way += 1
        freezes = bool(self._seconds) and self._under_way >= CONNECTIONS and not self.frozen_for(now)
        if freezes:
            self._froze_at = now
        return freezes

    def leave(self, *, began: float) -> bool:
        """End a PATCH that began then. False: it was caught in a freeze, and has given up."""
        self._under_way -= 1
        return began >= self._froze_at + self._seconds

    def frozen_for(self, now: float) -> float:
        """How many seconds it will stand still; 0 if it does not."""
        return max(0.0, self._froze_at + self._seconds - now)
