"""How many calls a process has under way at one peer, so that a slow one does not get all the threads."""

from threading import Lock


class Bulkhead:
    """Admits so many calls at once and refuses the others; no call waits."""

    def __init__(self, places: int) -> None:
        self._lock = Lock()
        self._places = places
        self._inside = 0

    def enter(self) -> bool:
        """Take a place. False: all are taken. A caller that got one must `leave`."""
        with self._lock:
            inside = self._inside
            if inside >= self._places:
                return False
            self._inside = inside + 1
            return True

    def leave(self) -> None:
        """Free the place again."""
        with self._lock:
            self._inside -= 1

    def inside(self) -> int:
        """How many places are taken now."""
        return self._inside

    def is_full(self) -> bool:
        """Whether a call would be refused now."""
        return self._inside >= self._places
