"""
Seats by number as a model: a few bookings of one flight, releases, exchanges, and a Flight Service that honors keys.

What the Flight Service does with a request is one step, and what we write down of its answer is another. Between them
anything may happen, so a lost answer, a dead process and a late request are nothing else: whoever comes next asks under
the same key, and hears what was decided. How calls are repeated, leased and given up is in the model of `seats`.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tests.model.explore import Step

PENDING, INITIATED, CANCELLED = "pending", "initiated", "cancelled"
ASKING, HELD, REFUSED, GIVING_BACK = "asking", "held", "refused", "giving back"
OPEN, DONE = "open", "done"
APPLIED, COUNTED, MISTAKE = "applied", "counted", "a mistake"
TAKE, EXCHANGE, GIVE = "take", "exchange", "give"

NONE = -1
NUMBERS = ("A", "B")

# What must not be.
SEATLESS = "a booking shows a seat that it does not have"
FALSE_ALARM = "a seat seems given out twice, and was not"
LOST = "a seat lost without a row that says so"
NOT_OURS = "seats given back that were not taken"


class Booking(NamedTuple):
    """`number`: what is asked for, held or owed; empty: a seat by count. `wants`: what it is to be exchanged for."""

    status: str = ""
    hold: str = ""
    number: str = ""
    wants: str = ""
    release: int = NONE


class Key(NamedTuple):
    """What the Flight Service is asked under. `again` is 0 while no rule is broken; of exchanges it counts them."""

    call: str
    of: int
    again: int = 0


class World(NamedTuple):
    """A state of the whole: our tables, then the Flight Service's."""

    bookings: tuple[Booking, ...]
    # Who has which number: (number, booking).
    rows: tuple[tuple[str, int], ...]
    # The numbers, with "" for a seat by count, and whether the call is done.
    releases: tuple[tuple[tuple[str, ...], str], ...]
    exchanges: tuple[int, ...]
    taken: tuple[tuple[str, int], ...]
    counted: int
    decided: tuple[tuple[Key, str], ...]
    wrong: str
    cancels: int
    exchanges_left: int

    def put(self, number: int, booking: Booking) -> "World":
        return self._replace(bookings=(*self.bookings[:number], booking, *self.bookings[number + 1 :]))

    def answer(self, key: Key) -> str:
        return dict(self.decided).get(key, "")

    def with_row(self, number: str, booking: int) -> "World":
        """Write down who has a number; the unique key tells if another one has."""
        if number in dict(self.rows):
            return self._replace(wrong=FALSE_ALARM)
        return self._replace(rows=tuple(sorted((*self.rows, (number, booking)))))

    def without_rows(self, booking: int) -> "World":
        return self._replace(rows=tuple(row for row in self.rows if row[1] != booking))


Record = Callable[[World, str], World]
"""Writes down what was heard."""


class Bounds(NamedTuple):
    """What is played through: the number that each booking wants, wishes, and whether numbers are ignored."""

    wants: tuple[str, ...] = ("A", "A")
    cancels: int = 1
    exchanges: int = 0
    ignores: bool = False


class Numbers:
    """The protocol within bounds; `broken` names a rule that is left out."""

    def __init__(self, bounds: Bounds, broken: str = "") -> None:
        self.bounds = bounds
        self.broken = broken

    def first(self) -> World:
        b = self.bounds
        none = tuple(Booking() for _ in b.wants)
        return World(none, (), (), (0,) * len(none), (), 0, (), "", b.cancels, b.exchanges)

    def wrong(self, w: World) -> str:
        if w.wrong:
            return w.wrong
        for number, by in w.taken:
            booking = w.bookings[by]
            is_open = booking.hold in (ASKING, HELD) or (booking.hold == GIVING_BACK and not self._is_back(w, booking))
            if not (is_open and number in (booking.number, booking.wants)):
                return LOST
        held = {(b.number, n) for n, b in enumerate(w.bookings) if b.status == INITIATED and not b.wants}
        return "" if held <= {*w.taken} else SEATLESS

    def is_end(self, w: World) -> bool:
        return all(
            booking.hold in ("", HELD, REFUSED) or (booking.hold == GIVING_BACK and self._is_back(w, booking))
            for booking in w.bookings
        ) and not any(booking.wants for booking in w.bookings)

    def steps(self, w: World) -> Iterator[Step]:
        if w.wrong:
            return
        for n, booking in enumerate(w.bookings):
            yield from self._wishes(w, n, booking)
            if booking.hold == ASKING:
                yield from self._call(w, Key(TAKE, n), lambda w, heard, n=n: self._reserved(w, n, heard))
            if booking.wants:
                key = Key(EXCHANGE, n, w.exchanges[n])
                yield from self._call(w, key, lambda w, heard, n=n: self._exchanged(w, n, heard))
        owed = [n for n, b in enumerate(w.bookings) if self._is_owed(b)]
        if owed:
            yield Step(f"seats.release: {owed}", self._cut(w, owed))
        for number, (_, state) in enumerate(w.releases):
            if state == OPEN:
                yield from self._call(w, Key(GIVE, number), lambda w, heard, number=number: self._released(w, number))

    # What people want

    def _wishes(self, w: World, n: int, booking: Booking) -> Iterator[Step]:
        if booking.status == "":
            made = w.put(n, Booking(PENDING, ASKING, self.bounds.wants[n]))
            if self.broken == "seats are written down when they are asked for":
                made = made.with_row(self.bounds.wants[n], n)
            yield Step(f"booking.create, {n}", made, by_itself=False)
        if booking.status in (PENDING, INITIATED) and w.cancels:
            yield Step(f"booking.cancel, {n}", self._cancelled(w, n)._replace(cancels=w.cancels - 1), by_itself=False)
        if booking.status == INITIATED and not booking.wants and w.exchanges_left:
            for number in NUMBERS:
                if number != booking.number:
                    again = tuple(count + (each == n) for each, count in enumerate(w.exchanges))
                    asked = w.put(n, booking._replace(wants=number))
                    if self.broken != "rows change once an exchange is known":
                        asked = asked.without_rows(n)
                    asked = asked._replace(exchanges=again, exchanges_left=w.exchanges_left - 1)
                    yield Step(f"exchange.written, {n} for {number}", asked, by_itself=False)

    def _cancelled(self, w: World, n: int) -> World:
        booking = w.bookings[n]
        hold = GIVING_BACK if booking.hold == HELD else booking.hold
        w = w.put(n, booking._replace(status=CANCELLED, hold=hold))
        is_late = self.broken == "rows are deleted after the seats went back"
        return w if hold != GIVING_BACK or is_late else w.without_rows(n)

    # A call, and what is written down of its answer

    def _call(self, w: World, key: Key, record: Record) -> Iterator[Step]:
        """Ask once more whenever the answer is not written down; hear what was decided first."""
        if self.broken == "a new key at each try" and w.answer(key):
            key = key._replace(again=key.again + 9)
        heard = w.answer(key)
        if heard:
            yield Step(f"{key.call}, {key.of}: {heard}, recorded", record(w, heard))
        else:
            heard, after = self._flight_service(w, key)
            decided = after._replace(decided=tuple(sorted((*after.decided, (key, heard)))))
            yield Step(f"{key.call}, {key.of}: {heard}, and the answer is lost", decided)

    def _flight_service(self, w: World, key: Key) -> tuple[str, World]:
        taken = dict(w.taken)
        if key.call == GIVE:
            numbers = [number for number in w.releases[key.of][0] if number]
            if not taken.keys() >= set(numbers):
                return MISTAKE, w._replace(wrong=NOT_OURS)
            rest = tuple(each for each in w.taken if each[0] not in numbers)
            return APPLIED, w._replace(taken=rest, counted=w.counted - w.releases[key.of][0].count(""))
        booking = w.bookings[key.of]
        if self.bounds.ignores:
            return COUNTED, w._replace(counted=w.counted + 1)
        wanted = booking.wants if key.call == EXCHANGE else booking.number
        if key.call == EXCHANGE and booking.number not in taken:
            return MISTAKE, w._replace(wrong=NOT_OURS)
        if wanted in taken:
            return REFUSED, w
        rest = [each for each in w.taken if key.call == TAKE or each[0] != booking.number]
        return APPLIED, w._replace(taken=tuple(sorted((*rest, (wanted, key.of)))))

    def _reserved(self, w: World, n: int, heard: str) -> World:
        booking = w.bookings[n]
        if heard == REFUSED:
            return w.put(n, booking._replace(status=CANCELLED, hold=REFUSED))
        if heard == COUNTED and self.broken != "numbers need not be repeated":
            return w.put(n, booking._replace(status=CANCELLED, hold=GIVING_BACK, number=""))
        if booking.status == CANCELLED:
            return w.put(n, booking._replace(hold=GIVING_BACK))
        held = w.put(n, booking._replace(status=INITIATED, hold=HELD))
        is_early = self.broken == "seats are written down when they are asked for"
        return held if is_early else held.with_row(booking.number, n)

    def _exchanged(self, w: World, n: int, heard: str) -> World:
        booking = w.bookings[n]
        if heard == REFUSED:
            w = w.put(n, booking._replace(wants=""))
            return w if booking.status == CANCELLED else w.without_rows(n).with_row(booking.number, n)
        if booking.status == CANCELLED:
            is_old = self.broken == "the old seats are owed after an exchange"
            number = booking.number if is_old else booking.wants
            return w.put(n, booking._replace(number=number, wants=""))
        w = w.put(n, booking._replace(number=booking.wants, wants=""))
        return w.without_rows(n).with_row(booking.wants, n)

    # Giving back

    def _is_owed(self, booking: Booking) -> bool:
        """While an exchange is open it is not known which seats are owed: neither goes back on a guess."""
        is_known = not booking.wants or self.broken == "seats go back while they are exchanged"
        return booking.hold == GIVING_BACK and booking.release == NONE and is_known

    def _cut(self, w: World, owed: list[int]) -> World:
        numbers = tuple(w.bookings[n].number for n in owed)
        for n in owed:
            w = w.put(n, w.bookings[n]._replace(release=len(w.releases)))
        return w._replace(releases=(*w.releases, (numbers, OPEN)))

    def _released(self, w: World, number: int) -> World:
        releases = list(w.releases)
        releases[number] = (releases[number][0], DONE)
        for n, booking in enumerate(w.bookings):
            if booking.release == number:
                w = w.without_rows(n)
        return w._replace(releases=tuple(releases))

    def _is_back(self, w: World, booking: Booking) -> bool:
        return booking.release != NONE and w.releases[booking.release][1] == DONE


class Broken(NamedTuple):
    """What the lack of a rule leads to, and bounds within which it does."""

    wrong: str
    bounds: Bounds


QUICK: Mapping[str, Bounds] = MappingProxyType(
    {
        "two bookings for one seat, one cancels": Bounds(("A", "A")),
        "two bookings that exchange, one cancels": Bounds(("A", "B"), exchanges=2),
        "a Flight Service that ignores numbers": Bounds(("A", "B"), ignores=True),
    }
)

FULL: Mapping[str, Bounds] = MappingProxyType(
    {
        "three bookings for two seats, two exchanges, two cancel": Bounds(("A", "B", "A"), cancels=2, exchanges=2),
        "four bookings for one seat, three cancel": Bounds(("A",) * 4, cancels=3, exchanges=1),
    }
)

BROKEN: Mapping[str, Broken] = MappingProxyType(
    {
        "numbers need not be repeated": Broken(SEATLESS, Bounds(("A",), ignores=True)),
        "seats go back while they are exchanged": Broken(NOT_OURS, Bounds(("A",), exchanges=1)),
        "the old seats are owed after an exchange": Broken(LOST, Bounds(("A",), exchanges=1)),
        "rows are deleted after the seats went back": Broken(FALSE_ALARM, Bounds(("A", "A"))),
        "rows change once an exchange is known": Broken(FALSE_ALARM, Bounds(("A", "B"), exchanges=2)),
        "seats are written down when they are asked for": Broken(FALSE_ALARM, Bounds(("A", "A"))),
        "a new key at each try": Broken(LOST, Bounds(("A",))),
    }
)
