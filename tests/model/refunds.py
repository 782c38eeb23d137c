"""
Refunds as a model: one charge, staff who give parts of it back, and a gateway that adds up what it is told.

It honors keys for a day, may take its time, and may say later that a refund has failed. It does not look at the sum,
though a real one does, so that our own rules must keep it.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tests.model.explore import Step

DUE, SENT, DONE, FAILED, REPLACED, ELSEWHERE = "due", "sent", "done", "failed", "replaced", "elsewhere"
PENDING, MADE, RETURNED = "pending", "made", "returned"
UNKNOWN = "unknown"
# What a refund at the gateway means for its row.
MEANS = {PENDING: SENT, MADE: DONE, RETURNED: FAILED}

NONE = FREE = -1
# The lease of a process that has died.
OF_THE_DEAD = 9

ABOVE = "more given back than was charged"
TWICE = "one decision carried out twice"
UNTRUE = "a refund is not what its row says"


class Page(NamedTuple):
    """The page on which one of the staff decides about a refund. `seen`: what it showed as given back."""

    state: str = ""
    seen: int = 0


class Row(NamedTuple):
    """One refund as we know it. `page`: whose decision it is; `made`: its number at the gateway."""

    page: int
    amount: int
    state: str = DUE
    lease: int = FREE
    first: bool = True
    made: int = NONE


class Made(NamedTuple):
    """One refund as the gateway knows it; `key` is the number of our row, `known` whether the key still is."""

    key: int
    amount: int
    state: str
    known: bool = True


class Process(NamedTuple):
    """The worker, twice: what it does next, for which row, and what it has heard."""

    does: str = ""
    row: int = NONE
    heard: str = ""
    made: int = NONE


IDLE = Process()


class Left(NamedTuple):
    """How many faults, second clicks and refusals of the gateway are still to come."""

    crashes: int = 0
    losses: int = 0
    delays: int = 0
    pauses: int = 0
    clicks: int = 0
    forgets: int = 0
    returns: int = 0


class World(NamedTuple):
    """A state of the whole."""

    pages: tuple[Page, ...]
    rows: tuple[Row, ...]
    made: tuple[Made, ...]
    processes: tuple[Process, ...]
    # Rows whose refund is under way, though its caller has given up.
    delayed: tuple[int, ...]
    left: Left

    def with_row(self, number: int, row: Row) -> "World":
        return self._replace(rows=(*self.rows[:number], row, *self.rows[number + 1 :]))

    def with_made(self, number: int, made: Made) -> "World":
        return self._replace(made=(*self.made[:number], made, *self.made[number + 1 :]))

    def with_page(self, number: int, page: Page) -> "World":
        return self._replace(pages=(*self.pages[:number], page, *self.pages[number + 1 :]))

    def now(self, n: int, process: Process) -> "World":
        """
        Say what a process does next; comes last in a step.

        Two processes are the same but for their numbers, so that of two worlds that differ in these one is enough.
        """
        processes = (*self.processes[:n], process, *self.processes[n + 1 :])
        if len(processes) != 2 or processes[0] <= processes[1]:
            return self._replace(processes=processes)
        rows = tuple(row._replace(lease=1 - row.lease) if row.lease in (0, 1) else row for row in self.rows)
        return self._replace(processes=processes[::-1], rows=rows)

    def spent(self, what: str) -> "World":
        return self._replace(left=self.left._replace(**{what: getattr(self.left, what) - 1}))

    def given(self) -> int:
        """What is given back, or will be: all rows but those that failed."""
        return sum(row.amount for row in self.rows if row.state not in (FAILED, REPLACED))


class Bounds(NamedTuple):
    """How much is played through: what each page asks for, and what was charged."""

    pages: tuple[int, ...] = (2, 1)
    charged: int = 2
    processes: int = 2
    left: Left = Left()


class Refunds:
    """The rules within bounds. `broken` names one of BROKEN that is left out."""

    def __init__(self, bounds: Bounds, broken: str = "") -> None:
        self.bounds = bounds
        self.broken = broken

    def first(self) -> World:
        pages = tuple(Page() for _ in self.bounds.pages)
        return World(pages, (), (), (IDLE,) * self.bounds.processes, (), self.bounds.left)

    def steps(self, w: World) -> Iterator[Step]:
        yield from self._staff(w)
        yield from self._gateway(w)
        for number, row in enumerate(w.rows):
            if row.lease == OF_THE_DEAD:
                yield Step(
                    f"the lease of a dead process ends, row {number}", w.with_row(number, row._replace(lease=FREE))
                )
            elif row.lease != FREE and w.left.pauses:
                ended = w.with_row(number, row._replace(lease=FREE)).spent("pauses")
                yield Step(f"a lease ends under its holder, row {number}", ended, by_itself=False)
        for n, process in enumerate(w.processes):
            if process.does:
                yield from self._work(w, n, process)
            elif n == 0 or w.processes[n - 1].does:  # one idle process is as good as another
                yield from self._worker(w, n)

    def wrong(self, w: World) -> str:
        if sum(made.amount for made in w.made if made.state == MADE) > self.bounds.charged:
            return ABOVE
        for page in range(len(w.pages)):
            kept = [made for made in w.made if w.rows[made.key].page == page and made.state == MADE]
            if len(kept) > 1:
                return TWICE
        if self.is_end(w):
            for number, row in enumerate(w.rows):
                made = [made.state for made in w.made if made.key == number and made.state != RETURNED]
                if made != ([MADE] if row.state == DONE else []):
                    return UNTRUE
        return ""

    def is_end(self, w: World) -> bool:
        return (
            not w.delayed
            and not any(process.does for process in w.processes)
            and all(row.state in (DONE, REPLACED, ELSEWHERE) for row in w.rows)
            and not any(self._has_news(w, row) for row in w.rows)
        )

    # Staff and the gateway

    def _staff(self, w: World) -> Iterator[Step]:
        for number, page in enumerate(w.pages):
            if page.state == "":
                opened = w.with_page(number, Page("open", w.given()))
                yield Step(f"page {number} is opened", opened, by_itself=False)
            elif page.state == "open":
                yield Step(f"refund.asked, page {number}", self._asked(w, number), by_itself=False)
            elif w.left.clicks:
                again = self._asked(w, number) if self.broken == "a page has no key" else w
                yield Step(f"refund.asked, page {number} once more", again.spent("clicks"), by_itself=False)
        for number, row in enumerate(w.rows):
            unclear = row.state == DUE and row.lease == FREE and not row.first
            if row.state == FAILED or (unclear and self.broken == "decided while it is unclear"):
                yield from self._decided(w, number)

    def _decided(self, w: World, number: int) -> Iterator[Step]:
        """Give back what failed by a new refund under a new key, or elsewhere; or not, if the rest is taken by now."""
        row = w.rows[number]
        without = w.with_row(number, row._replace(state=REPLACED))
        if without.given() + row.amount <= self.bounds.charged:
            again = without._replace(rows=(*without.rows, Row(row.page, row.amount)))
            yield Step(f"refund.decided, row {number}: again", again)
            yield Step(f"refund.decided, row {number}: elsewhere", w.with_row(number, row._replace(state=ELSEWHERE)))
        else:
            yield Step(f"refund.decided, row {number}: no more", without)

    def _asked(self, w: World, number: int) -> World:
        """Under the payment's lock: write the refund, if all that has not failed is not too much with it."""
        page, amount = w.pages[number], self.bounds.pages[number]
        given = page.seen if self.broken == "the sum is what the page showed" else w.given()
        asked = w.with_page(number, Page("sent"))
        return asked._replace(rows=(*w.rows, Row(number, amount))) if given + amount <= self.bounds.charged else asked

    def _gateway(self, w: World) -> Iterator[Step]:
        for number, made in enumerate(w.made):
            if made.state == PENDING:
                yield Step(f"the gateway makes refund {number}", w.with_made(number, made._replace(state=MADE)))
            if made.state in (PENDING, MADE) and w.left.returns:
                returned = w.with_made(number, made._replace(state=RETURNED)).spent("returns")
                yield Step(f"refund {number} comes back", returned, by_itself=False)
            under_way = made.key in w.delayed or any(process.row == made.key for process in w.processes)
            if made.known and w.left.forgets and not under_way:
                forgotten = w.with_made(number, made._replace(known=False)).spent("forgets")
                yield Step(f"the key of row {made.key} is forgotten", forgotten, by_itself=False)
        for place, row in enumerate(w.delayed):
            rest = w._replace(delayed=(*w.delayed[:place], *w.delayed[place + 1 :]))
            for heard, _, after in self._refund(rest, row):
                yield Step(f"a delayed refund of row {row} arrives: {heard}", after)

    def _refund(self, w: World, number: int) -> Iterator[tuple[str, int, World]]:
        """Answer a known key as before; else make a refund, or promise one."""
        known = [place for place, made in enumerate(w.made) if made.key == number and made.known]
        if known and self.broken != "a new key at each try":
            yield w.made[known[0]].state, known[0], w
        else:
            for state in (MADE, PENDING):
                new = Made(number, w.rows[number].amount, state)
                yield state, len(w.made), w._replace(made=(*w.made, new))

    # The worker

    def _has_news(self, w: World, row: Row) -> bool:
        """Say whether a look would change the row: the gateway's notice, or the hourly comparison, leads to it."""
        heard_of = (SENT,) if self.broken == "a failure after done is not heard" else (SENT, DONE)
        return row.state in heard_of and MEANS[w.made[row.made].state] != row.state

    def _worker(self, w: World, n: int) -> Iterator[Step]:
        for number, row in enumerate(w.rows):
            if row.state == DUE and row.lease == FREE:
                does = "refund" if row.first or self.broken == "a repetition does not look first" else "look"
                claimed = w.with_row(number, row._replace(lease=n, first=False))
                yield Step(f"refund.claim, row {number}", claimed.now(n, Process(does, number)))
            elif self._has_news(w, row):
                yield Step(f"refund.claim, row {number}, to look", w.now(n, Process("look", number, made=row.made)))

    def _work(self, w: World, n: int, process: Process) -> Iterator[Step]:
        number = process.row
        if w.left.crashes:
            rows = tuple(row._replace(lease=OF_THE_DEAD) if row.lease == n else row for row in w.rows)
            yield Step(
                f"a process dies before: {process.does}",
                w._replace(rows=rows).spent("crashes").now(n, IDLE),
                by_itself=False,
            )
        if process.does == "look":
            yield from self._look(w, n, process)
        elif process.does == "refund":
            unheard = w.now(n, process._replace(does="record", heard=UNKNOWN))
            for heard, made, after in self._refund(w, number):
                answered = after.now(n, Process("record", number, heard, made))
                yield Step(f"refund of row {number}: {heard}", answered)
                if w.left.losses:
                    lost = unheard._replace(made=after.made).spent("losses")
                    yield Step(f"refund of row {number}: {heard}, and the answer is lost", lost, by_itself=False)
            if w.left.delays:
                delayed = unheard._replace(delayed=tuple(sorted((*w.delayed, number)))).spent("delays")
                yield Step(f"refund of row {number} is delayed", delayed, by_itself=False)
        else:
            yield Step(f"payment.refunded, row {number}: {process.heard}", self._recorded(w, n, process).now(n, IDLE))

    def _look(self, w: World, n: int, process: Process) -> Iterator[Step]:
        """Ask for the refund by its number; where we have none, for those that carry the mark of our row."""
        marked = [place for place, made in enumerate(w.made) if made.key == process.row]
        place = process.made if process.made != NONE else (marked[-1] if marked else NONE)
        if place == NONE:
            yield Step(f"look for row {process.row}: none", w.now(n, process._replace(does="refund")))
        else:
            heard = w.made[place].state
            found = Process("record", process.row, heard, place)
            yield Step(f"look for row {process.row}: {heard}", w.now(n, found))

    def _recorded(self, w: World, n: int, process: Process) -> World:
        row = w.rows[process.row]
        if row.lease == n:
            row = row._replace(lease=FREE)
        if process.heard == UNKNOWN:
            state = FAILED if row.state == DUE and self.broken == "unknown is failed" else row.state
            return w.with_row(process.row, row._replace(state=state))
        if row.state in (DUE, SENT, DONE):
            row = row._replace(state=MEANS[process.heard], made=process.made)
        return w.with_row(process.row, row)


class Broken(NamedTuple):
    """What the lack of a rule leads to, and bounds within which it does."""

    wrong: str
    bounds: Bounds


def bounds(*pages: int, charged: int = 2, **left: int) -> Bounds:
    """Bounds without faults but those that are named."""
    return Bounds(pages, charged, left=Left(**left))


QUICK: Mapping[str, Bounds] = MappingProxyType(
    {
        "two of the staff, a lost answer": bounds(2, 1, losses=1),
        "two parts, a double click, a dead process": bounds(1, 1, crashes=1, clicks=1),
        "one refund that comes back, a lease that ends": bounds(1, returns=1, pauses=1, losses=1),
        "one refund, a delayed call, a forgotten key": bounds(1, delays=1, forgets=1, crashes=1),
    }
)

FULL: Mapping[str, Bounds] = MappingProxyType(
    {
        "three of the staff, a lost answer, a refund that comes back": bounds(1, 2, 1, charged=3, losses=1, returns=1),
        "two parts, some faults": bounds(1, 1, losses=1, delays=1, pauses=1, returns=1),
        "one refund, each fault once": bounds(1, crashes=1, losses=1, delays=1, pauses=1, forgets=1, returns=1),
    }
)

BROKEN: Mapping[str, Broken] = MappingProxyType(
    {
        "the sum is what the page showed": Broken(ABOVE, bounds(2, 1)),
        "a page has no key": Broken(TWICE, bounds(1, clicks=1)),
        "unknown is failed": Broken(TWICE, bounds(1, losses=1)),
        "a new key at each try": Broken(TWICE, bounds(1, delays=1)),
        "a repetition does not look first": Broken(TWICE, bounds(1, losses=1, forgets=1)),
        "decided while it is unclear": Broken(TWICE, bounds(1, losses=1)),
        "a failure after done is not heard": Broken(UNTRUE, bounds(1, returns=1)),
    }
)
