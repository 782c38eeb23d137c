"""The seats of a flight by number, in memory: four to a row, and one for the crew that is never sold."""

from dataclasses import dataclass, field

from bookings.ports import (
    Applied,
    Cabin,
    Mistake,
    NoSeats,
    Seat,
    SeatChange,
    SeatOutcome,
    SeatRefusal,
    SeatsTaken,
    SeatStatus,
)

COLUMNS = ("A", "B", None, "C", "D")
LETTERS = "ABCD"
CREW = "1A"


@dataclass
class Shelf:
    """What a flight has left, and which of its seats are taken by number; `version` is that of its map, if any."""

    capacity: int
    remaining: int
    version: int | None = None
    taken: set[str] = field(default_factory=set)

    def cabins(self) -> tuple[Cabin, ...]:
        return (Cabin("economy", COLUMNS),)

    def seats(self) -> tuple[Seat, ...]:
        """All seats, from the front to the back."""
        numbers = [f"{1 + place // 4}{LETTERS[place % 4]}" for place in range(self.capacity + 1)]
        return tuple(Seat(number, "economy", self._status(number)) for number in numbers)

    def move(self, change: SeatChange, *, ignores_numbers: bool) -> SeatOutcome:
        """Decide a change: all of it, or nothing."""
        other = None if ignores_numbers else change.in_place_of
        numbers = () if ignores_numbers else change.numbers
        taken, taken_numbers = (change.seats, numbers) if change.reserves else (0, ())
        given, given_numbers = (0, ()) if change.reserves else (change.seats, numbers)
        if other is not None:
            given, given_numbers = other.seats, other.numbers
        counted = self.capacity - self.remaining - len(self.taken)
        if not self.taken.issuperset(given_numbers) or (self.taken and given - len(given_numbers) > counted):
            return Mistake("409 seats_not_taken")
        refused = tuple((number, why) for number in taken_numbers if (why := self._refusal(number)) is not None)
        if refused:
            return SeatsTaken(refused)
        after = self.remaining + given - taken
        if taken > given and after < 0:
            return NoSeats()
        if given > taken and after > self.capacity:
            return Mistake("409 over_capacity")
        self.remaining = after
        self.taken = self.taken.difference(given_numbers).union(taken_numbers)
        return Applied()

    def _status(self, number: str) -> SeatStatus:
        if number in self.taken:
            return SeatStatus.TAKEN
        return SeatStatus.BLOCKED if number == CREW else SeatStatus.FREE

    def _refusal(self, number: str) -> SeatRefusal | None:
        status = {seat.number: seat.status for seat in self.seats()}.get(number) if self.version is not None else None
        if status is None:
            return SeatRefusal.UNKNOWN
        return None if status is SeatStatus.FREE else SeatRefusal(status)
