"""
The seat protocol as a model: one flight, a few bookings, and a Flight Service that honors keys.

A transaction is one step, and so is what the Flight Service does with one request. Between them anything may happen: a
process dies, a request or an answer is lost, a request arrives when its caller has given up, a lease ends under a
holder that goes on, a day and a week pass. Transactions have the names of docs/protocol.md. Payments have a model of
their own; here a booking is paid in one step.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.model.explore import Step
from tests.model.seats.world import (
    APPLIED,
    ASKING,
    BOOKED,
    CANCELLED,
    DAY,
    DEAD,
    DONE,
    DROPPED,
    FREE,
    FRESH,
    GIVING_BACK,
    HELD,
    IDLE,
    INITIATED,
    NONE,
    NOT_SENT,
    OF_THE_DEAD,
    OPEN,
    PENDING,
    REFUSED,
    RELEASE,
    RESERVE,
    STUCK,
    UNKNOWN,
    VOID,
    WEEK,
    Booking,
    Decided,
    Key,
    Left,
    Process,
    Release,
    World,
)

# What must not be.
OVERSOLD = "more seats sold than there are"
TOO_MANY_BACK = "seats given back that were not taken"
SEATLESS = "confirmed without its seats"
LOST = "seats lost without a row that says so"


class Bounds(NamedTuple):
    """How much is played through: the seats that each booking wants, and those that there are."""

    seats: tuple[int, ...] = (1, 1)
    capacity: int = 1
    processes: int = 2
    left: Left = Left()


class Seats:
    """The protocol within bounds; `broken` names a rule of variants.py that is left out."""

    def __init__(self, bounds: Bounds, broken: str = "") -> None:
        self.bounds = bounds
        self.broken = broken

    def first(self) -> World:
        none = tuple(Booking() for _ in self.bounds.seats)
        return World(False, none, (), 0, (), (IDLE,) * self.bounds.processes, (), self.bounds.left)

    def steps(self, w: World) -> Iterator[Step]:
        yield from self._time(w)
        yield from self._customer(w)
        yield from self._staff(w)
        yield from self._delayed(w)
        for n, process in enumerate(w.processes):
            if process.does:
                yield from self._work(w, n, process)
            elif n == 0 or w.processes[n - 1].does:  # one idle process is as good as another
                yield from self._requests(w, n)
                yield from self._worker(w, n)

    def wrong(self, w: World) -> str:
        held = unresolved = 0
        for seats, booking in zip(self.bounds.seats, w.bookings, strict=True):
            if booking.status in (INITIATED, BOOKED):
                held += seats
            elif booking.hold in (ASKING, STUCK) or (
                booking.hold == GIVING_BACK and (booking.release == NONE or w.releases[booking.release].state != DONE)
            ):
                unresolved += seats
        if held > self.bounds.capacity:
            return OVERSOLD
        if w.taken < 0:
            return TOO_MANY_BACK
        if held > w.taken:
            return SEATLESS
        return LOST if w.taken > held + unresolved else ""

    def is_end(self, w: World) -> bool:
        """Nothing is open; as nothing is wrong, the seats taken are then those of booked bookings."""
        return (
            not w.delayed
            and not any(process.does for process in w.processes)
            and all(booking.status in ("", BOOKED, CANCELLED) for booking in w.bookings)
            and all(booking.hold not in (ASKING, STUCK) for booking in w.bookings)
            and all(booking.release != NONE for booking in w.bookings if booking.hold == GIVING_BACK)
            and all(release.state in (DONE, VOID) for release in w.releases)
        )

    # What happens around us

    def _time(self, w: World) -> Iterator[Step]:
        if not w.late and any(booking.status in (PENDING, INITIATED) for booking in w.bookings):
            yield Step("the payment windows are over", w._replace(late=True))
        for number, booking in enumerate(w.bookings):
            if w.late and booking.status in (PENDING, INITIATED):
                yield Step(f"booking.expire, {number}", self._cancelled(w, number, expired=True))
            if booking.hold in (ASKING, STUCK):
                yield from self._age(w, number, booking)
        for number, release in enumerate(w.releases):
            if release.state in (OPEN, DEAD):
                yield from self._age(w, number, release)

    def _age(self, w: World, number: int, row: Booking | Release) -> Iterator[Step]:
        """Let a lease end; let a day pass, and then the week after which the Flight Service forgets the key."""
        key = Key(RESERVE if isinstance(row, Booking) else RELEASE, number)
        name = f"{key.call} {number}"
        if row.lease == OF_THE_DEAD and self.broken != "a lease never ends":
            yield Step(f"the lease of a dead process ends, {name}", w.put(number, row._replace(lease=FREE)))
        elif row.lease not in (FREE, OF_THE_DEAD) and w.left.pauses:
            ended = w.put(number, row._replace(lease=FREE))
            yield Step(f"a lease ends under its holder, {name}", ended.spent("pauses"), by_itself=False)
        if row.age == FRESH and w.left.ages:
            yield Step(f"a day passes, {name}", w.put(number, row._replace(age=DAY)).spent("ages"), by_itself=False)
        elif row.age == DAY and w.left.ages and not w.is_under_way(key):
            forgotten = tuple(each._replace(known=each.known and each.key != key) for each in w.decided)
            older = w.put(number, row._replace(age=WEEK))._replace(decided=forgotten)
            yield Step(f"a week passes, {name}", older.spent("ages"), by_itself=False)

    def _customer(self, w: World) -> Iterator[Step]:
        for number, booking in enumerate(w.bookings):
            if booking.status == INITIATED and not w.late:
                yield Step(f"paid, {number}", w.put(number, booking._replace(status=BOOKED)), by_itself=False)
            if booking.status in (PENDING, INITIATED, BOOKED) and w.left.cancels:
                yield Step(f"booking.cancel, {number}", self._cancelled(w, number).spent("cancels"), by_itself=False)

    def _staff(self, w: World) -> Iterator[Step]:
        """Staff find out what became of a call that was given up, once nothing of it can arrive any more."""
        for number, booking in enumerate(w.bookings):
            key = Key(RESERVE, number)
            if booking.hold == STUCK and not w.is_under_way(key):
                heard = APPLIED if w.was_applied(key) else REFUSED
                yield Step(f"reservation.decide, {number}: {heard}", self._recorded(w, number, heard))
        for number, release in enumerate(w.releases):
            key = Key(RELEASE, number)
            if release.state == DEAD and not w.is_under_way(key):
                if w.was_applied(key):
                    yield Step(f"release.decide, {number}: applied", w.put(number, release._replace(state=DONE)))
                else:
                    yield Step(f"release.decide, {number}: not applied", w.voided(number))

    def _delayed(self, w: World) -> Iterator[Step]:
        for place, (key, seats) in enumerate(w.delayed):
            rest = w._replace(delayed=w.delayed[:place] + w.delayed[place + 1 :])
            heard, after = self._flight_service(rest, key, seats)
            yield Step(f"a delayed {key.call} {key.of} arrives: {heard}", after)

    # Who begins what

    def _requests(self, w: World, n: int) -> Iterator[Step]:
        for number, booking in enumerate(w.bookings):
            if booking.status == "" and not w.late:
                status, hold = (INITIATED, HELD) if self.broken == "confirmed before it is known" else (PENDING, ASKING)
                made = w.put(number, Booking(status, hold, lease=n))
                yield Step(f"booking.create, {number}", self._asking(made, n, number, is_request=True), by_itself=False)
            elif booking.hold == ASKING and booking.lease == FREE and booking.age == FRESH and w.left.repeats:
                claimed = w.put(number, booking._replace(lease=n, first=False)).spent("repeats")
                yield Step(f"create is repeated, {number}", self._asking(claimed, n, number), by_itself=False)
            elif booking.hold == STUCK and booking.age == DAY and booking.lease == FREE and w.left.repeats:
                claimed = w.put(number, booking._replace(hold=ASKING, lease=n, first=False)).spent("repeats")
                yield Step(f"reservation.retry, {number}", self._asking(claimed, n, number), by_itself=False)
        for number, release in enumerate(w.releases):
            if release.state == DEAD and release.age == DAY and release.lease == FREE and w.left.repeats:
                claimed = w.put(number, release._replace(state=OPEN, lease=n)).spent("repeats")
                yield Step(f"release.retry, {number}", self._releasing(claimed, n, number), by_itself=False)

    def _worker(self, w: World, n: int) -> Iterator[Step]:
        week = self.broken == "a call is repeated after a week"
        for number, booking in enumerate(w.bookings):
            if booking.hold != ASKING or booking.lease != FREE or self.broken == "a reservation is asked for once":
                continue
            if booking.age == FRESH or week:
                claimed = w.put(number, booking._replace(lease=n, first=False))
                yield Step(f"reservation.claim, {number}", self._asking(claimed, n, number))
            else:
                yield Step(f"reservation.claim, {number}: given up", w.put(number, booking._replace(hold=STUCK)))
        for number, release in enumerate(w.releases):
            if release.state != OPEN or release.lease != FREE:
                continue
            if release.age == FRESH or week:
                claimed = w.put(number, release._replace(lease=n))
                yield Step(f"release.claim, {number}", self._releasing(claimed, n, number))
            else:
                yield Step(f"release.claim, {number}: given up", w.put(number, release._replace(state=DEAD)))
        if owed := w.owed():
            number = len(w.releases)
            state = DONE if self.broken == "a release is done before it is sent" else OPEN
            cut = w._replace(releases=(*w.releases, Release(owed, state, lease=n)))
            for member in owed:
                cut = cut.put(member, w.bookings[member]._replace(release=number))
            yield Step(f"seats.release, {number}: {owed}", self._releasing(cut, n, number))

    def _asking(self, w: World, n: int, number: int, *, is_request: bool = False) -> World:
        again = 0
        if self.broken == "a new key at each reservation":
            again = sum(each.key.call == RESERVE and each.key.of == number for each in w.decided)
        process = Process(
            RESERVE, number, Key(RESERVE, number, again), self.bounds.seats[number], is_request=is_request
        )
        return w.now(n, process)

    def _releasing(self, w: World, n: int, number: int) -> World:
        members = w.releases[number].members
        again = 0
        if self.broken == "a new key at each release":
            again = sum(each.key.call == RELEASE and each.key.of == number for each in w.decided)
        if self.broken == "members are added to a release":
            members = tuple(each for each, booking in enumerate(w.bookings) if booking.hold == GIVING_BACK)
            for member in members:
                w = w.put(member, w.bookings[member]._replace(release=number))
        seats = sum(self.bounds.seats[member] for member in members)
        return w.now(n, Process(RELEASE, number, Key(RELEASE, number, again), seats))

    # A process at work

    def _work(self, w: World, n: int, process: Process) -> Iterator[Step]:
        if w.left.crashes:
            yield Step(f"a process dies before: {process.does}", w.crashed(n), by_itself=False)
        if process.does in (RESERVE, RELEASE):
            yield from self._call(w, n, process)
        else:
            yield from getattr(self, f"_{process.does}")(w, n, process)

    def _call(self, w: World, n: int, process: Process) -> Iterator[Step]:
        key, seats = process.key, process.seats
        name = f"{key.call} {key.of}"
        heard, after = self._flight_service(w, key, seats)
        yield Step(f"{name}: {heard}", self._heard(after, n, process, heard))
        if w.left.losses:
            answer_lost = self._heard(after, n, process, UNKNOWN).spent("losses")
            yield Step(f"{name}: {heard}, and the answer is lost", answer_lost, by_itself=False)
            lost = self._heard(w, n, process, UNKNOWN).spent("losses")
            yield Step(f"{name} is lost", lost, by_itself=False)
            refused = self._heard(w, n, process, UNKNOWN if process.doubt else NOT_SENT).spent("losses")
            yield Step(f"{name} is not sent", refused, by_itself=False)
        late = w.with_delayed(key, seats)
        if w.left.delays:
            delayed = self._heard(late, n, process, UNKNOWN).spent("delays")
            yield Step(f"{name} is delayed", delayed, by_itself=False)
        if w.left.crashes:
            yield Step(f"a process dies, its {name} under way", late.crashed(n), by_itself=False)

    def _flight_service(self, w: World, key: Key, seats: int) -> tuple[str, World]:
        """Decide about a request, once for each key that is remembered."""
        for decided in w.decided:
            if decided.key == key and decided.known:
                return decided.answer, w
        if key.call == RELEASE:
            answer, taken = APPLIED, w.taken - seats
        elif w.taken + seats <= self.bounds.capacity:
            answer, taken = APPLIED, w.taken + seats
        else:
            answer, taken = REFUSED, w.taken
        if answer == REFUSED and self.broken == "a refusal is not final":
            return answer, w
        return answer, w._replace(taken=taken, decided=tuple(sorted((*w.decided, Decided(key, answer)))))

    def _heard(self, w: World, n: int, process: Process, heard: str) -> World:
        """Choose what a process does with an answer: send once more with the same key, or write it down."""
        if process.is_request and heard == UNKNOWN and not process.doubt:
            return w.now(n, process._replace(doubt=True))
        return w.now(n, process._replace(does="reserved" if process.does == RESERVE else "released", heard=heard))

    def _reserved(self, w: World, n: int, process: Process) -> Iterator[Step]:
        number, heard = process.of, process.heard
        booking = w.bookings[number]
        label = f"seats.reserved, {number}: {heard}"
        alone = booking.lease == n and booking.first
        if booking.lease == n:
            booking = booking._replace(lease=FREE)
            w = w.put(number, booking)
        if heard in (APPLIED, REFUSED):
            yield Step(label, self._recorded(w, number, heard).now(n, IDLE))
        elif booking.hold == ASKING and heard == NOT_SENT and (alone or self.broken == "not sent is never applied"):
            yield Step(label, w.ended(number, DROPPED).now(n, IDLE))
        else:
            yield Step(label, self._unclear(w, number).now(n, IDLE))
            if process.is_request and booking.status == PENDING:
                yield Step(f"{label}, for a client without a key", self._cancelled(w, number).now(n, IDLE))

    def _recorded(self, w: World, number: int, heard: str) -> World:
        """Write down what the Flight Service decided; that is true from each process, and at any time."""
        booking = w.bookings[number]
        if booking.hold not in (ASKING, STUCK):
            return w
        if heard == REFUSED:
            return w.ended(number, REFUSED)
        if booking.status == PENDING:
            return w.put(number, Booking(INITIATED, HELD))
        return w.ended(number, DROPPED if self.broken == "a late reservation is not released" else GIVING_BACK)

    def _unclear(self, w: World, number: int) -> World:
        """Leave the booking as it is, to be asked for again."""
        if w.bookings[number].hold == ASKING and self.broken == "an unclear reservation is forgotten":
            return w.ended(number, DROPPED)
        if w.bookings[number].hold == ASKING and self.broken == "an unclear reservation is released at once":
            return w.ended(number, GIVING_BACK)
        return w

    def _cancelled(self, w: World, number: int, *, expired: bool = False) -> World:
        """Cancel; held seats are owed back, and those that are asked for will be once they are known to be held."""
        booking = w.bookings[number]
        early = self.broken == "seats are released before they are known to be held" and booking.hold == ASKING
        if (booking.hold == HELD or early) and not (expired and self.broken == "an expiry releases nothing"):
            return w.ended(number, GIVING_BACK)
        return w.put(number, booking._replace(status=CANCELLED))

    def _released(self, w: World, n: int, process: Process) -> Iterator[Step]:
        number, heard = process.of, process.heard
        release = w.releases[number]
        after = w.put(number, release._replace(lease=FREE)) if release.lease == n else w
        if release.state in (OPEN, DEAD) and heard == APPLIED:
            after = after.put(number, Release(release.members, DONE))
        elif release.state == OPEN and heard != APPLIED and self.broken == "an unclear release is made again":
            after = after.voided(number)
        yield Step(f"seats.released, {number}: {heard}", after.now(n, IDLE))
