"""Counts of calls since the start or the last reset, in memory: a restart keeps seats and decisions only."""

from collections import Counter
from collections.abc import Iterable

PER_FLIGHT = ("get", "patch", "applied", "refused", "replayed")

# Beside the above: seat changes answered 400 or 422, calls answered 500, what the faults swallowed, garbled, sent
# behind informational answers or byte by byte, and how often all stood still.
FAULTS = ("failed", "dropped_replies", "dropped_requests", "hung", "garbled", "hinted", "dripped", "freezes")
IN_ALL = (*PER_FLIGHT, "rejected", *FAULTS)


class Tally:
    """
    Counts what became of calls.

    `get` and `patch` count the calls that were looked at. Those that a fault kept from being looked at are
    in `failed`, `dropped_requests` or `hung` instead, and belong to no flight.
    """

    def __init__(self, flight_ids: Iterable[int]) -> None:
        self._flight_ids = frozenset(flight_ids)
        self._counts: Counter[tuple[str, int | None]] = Counter()
        self._replays_of: Counter[str] = Counter()

    def add(self, name: str, flight_id: int | None = None) -> None:
        """Count one; calls about flights that do not exist are in the totals only."""
        self._counts[name, flight_id if flight_id in self._flight_ids else None] += 1

    def add_replay(self, key: str, flight_id: int | None) -> None:
        """Count one replay of this key's decision."""
        self.add("replayed", flight_id)
        self._replays_of[key] += 1

    def of_flight(self, flight_id: int) -> dict[str, int]:
        """Return the counts of one flight."""
        return {name: self._counts[name, flight_id] for name in PER_FLIGHT}

    def totals(self) -> dict[str, int]:
        """Return the counts of all calls, those of no flight included."""
        totals = dict.fromkeys(IN_ALL, 0)
        for (name, _), count in self._counts.items():
            totals[name] += count
        totals["max_replays_per_key"] = max(self._replays_of.values(), default=0)
        return totals

    def start_over(self, flight_ids: Iterable[int]) -> None:
        """Count from zero again, for these flights."""
        self._flight_ids = frozenset(flight_ids)
        self._counts.clear()
        self._replays_of.clear()
