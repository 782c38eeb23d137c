"""What the model of seats knows: bookings of one flight, releases, the Flight Service, processes, late calls."""

from typing import NamedTuple

PENDING, INITIATED, BOOKED, CANCELLED = "pending", "initiated", "booked", "cancelled"
ASKING, HELD, REFUSED, DROPPED, STUCK, GIVING_BACK = "asking", "held", "refused", "dropped", "stuck", "giving_back"
OPEN, DONE, DEAD, VOID = "open", "done", "dead", "void"
APPLIED, NOT_SENT, UNKNOWN = "applied", "not sent", "unknown"
RESERVE, RELEASE = "reserve", "release"
# How old a call is: it may be repeated; it is given up after a day; its key is forgotten after a week.
FRESH, DAY, WEEK = range(3)

NONE = FREE = -1
# The lease of a process that has died.
OF_THE_DEAD = 9


class Booking(NamedTuple):
    """A booking, which is its own reservation. `first`: claimed once alone. `release` is the call that it is in."""

    status: str = ""
    hold: str = ""
    lease: int = FREE
    first: bool = True
    age: int = FRESH
    release: int = NONE


class Release(NamedTuple):
    """A call that gives back the seats of its members."""

    members: tuple[int, ...]
    state: str = OPEN
    lease: int = FREE
    age: int = FRESH


class Key(NamedTuple):
    """What the Flight Service is asked under. `again` is 0 as long as no rule is broken."""

    call: str = ""
    of: int = NONE
    again: int = 0


class Process(NamedTuple):
    """A process at work: what it does next, for which booking or release, and what it has heard."""

    does: str = ""
    of: int = NONE
    key: Key = Key()
    seats: int = 0
    heard: str = ""
    # Whether it is the request that made the booking; it may send its call once more.
    is_request: bool = False
    # Whether an earlier try of this claim may have been carried out.
    doubt: bool = False


IDLE = Process()


class Decided(NamedTuple):
    """What the Flight Service did with a request, and whether it still knows the key."""

    key: Key
    answer: str
    known: bool = True


class Left(NamedTuple):
    """How many faults and wishes are still to come."""

    crashes: int = 1
    losses: int = 1
    delays: int = 1
    pauses: int = 1
    repeats: int = 1
    cancels: int = 1
    ages: int = 1


class World(NamedTuple):
    """A state of the whole; each method that returns a world tells the one that follows."""

    # Whether the payment windows are over.
    late: bool
    bookings: tuple[Booking, ...]
    releases: tuple[Release, ...]
    # At the Flight Service: seats taken, and what it decided.
    taken: int
    decided: tuple[Decided, ...]
    processes: tuple[Process, ...]
    # Requests under way whose callers have given up, and their seats.
    delayed: tuple[tuple[Key, int], ...]
    left: Left

    def put(self, number: int, row: Booking | Release) -> "World":
        if isinstance(row, Booking):
            return self._replace(bookings=(*self.bookings[:number], row, *self.bookings[number + 1 :]))
        return self._replace(releases=(*self.releases[:number], row, *self.releases[number + 1 :]))

    def ended(self, number: int, hold: str) -> "World":
        """The booking is cancelled, and what becomes of its seats is known."""
        return self.put(number, Booking(CANCELLED, hold))

    def voided(self, number: int) -> "World":
        """The members of a release that never happened go into a new one, under a new key."""
        w = self
        for member in self.releases[number].members:
            w = w.put(member, self.bookings[member]._replace(release=NONE))
        return w.put(number, Release((), VOID))

    def spent(self, what: str) -> "World":
        return self._replace(left=self.left._replace(**{what: getattr(self.left, what) - 1}))

    def with_delayed(self, key: Key, seats: int) -> "World":
        return self._replace(delayed=tuple(sorted((*self.delayed, (key, seats)))))

    def now(self, n: int, process: Process) -> "World":
        """
        Say what a process does next; comes last in a step.

        Two processes are the same but for their numbers, so that of two worlds that differ in these one is enough.
        """
        processes = (*self.processes[:n], process, *self.processes[n + 1 :])
        if len(processes) != 2 or processes[0] <= processes[1]:
            return self._replace(processes=processes)
        return self._leased({0: 1, 1: 0})._replace(processes=processes[::-1])

    def crashed(self, n: int) -> "World":
        return self._leased({n: OF_THE_DEAD}).spent("crashes").now(n, IDLE)

    def _leased(self, to: dict[int, int]) -> "World":
        return self._replace(
            bookings=tuple(row._replace(lease=to[row.lease]) if row.lease in to else row for row in self.bookings),
            releases=tuple(row._replace(lease=to[row.lease]) if row.lease in to else row for row in self.releases),
        )

    def owed(self) -> tuple[int, ...]:
        """The bookings whose seats are owed back and in no release yet."""
        return tuple(
            number
            for number, booking in enumerate(self.bookings)
            if booking.hold == GIVING_BACK and booking.release == NONE
        )

    def is_under_way(self, key: Key) -> bool:
        return any(process.key == key for process in self.processes) or any(each == key for each, _ in self.delayed)

    def was_applied(self, key: Key) -> bool:
        return any(each.key == key and each.answer == APPLIED for each in self.decided)
