"""Second implementations of what this service asks of others: in memory, keyed, and faulty on demand."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from bookings.gateways.flight_service.resilience.retry_budget import RetryBudget
from bookings.gateways.flight_service.responses import WORDS
from bookings.ports import (
    NO_LEG,
    Applied,
    BreakerState,
    CallWord,
    CountedNotNamed,
    Flight,
    FlightsHealth,
    FlightsUnreachable,
    Leg,
    Mistake,
    NoFlight,
    NoSeatMap,
    NotSent,
    SeatChange,
    SeatMap,
    SeatOutcome,
    Unknown,
    UnknownFlight,
    UnusableFlight,
)
from tests.support.fake_payments import FakePayments as FakePayments
from tests.support.fake_seats import Shelf
from tests.support.faults import ChargeFault as ChargeFault
from tests.support.faults import Fault, Planned
from tests.support.faults import ProcessDied as ProcessDied


@dataclass
class _Shelf(Shelf):
    price: int = 0
    currency: str | None = None
    leg: Leg = NO_LEG

    def flight(self, flight_id: int, *, shows_capacity: bool) -> Flight:
        capacity = self.capacity if shows_capacity else None
        shown = Flight(flight_id, self.price, self.remaining, capacity, currency=self.currency, leg=self.leg)
        return replace(shown, seat_map=self.version)


class FakeFlights(Planned[Fault]):
    """
    The Flight Service as a second implementation of the port: the first decision for a key is final.

    `down` refuses every connection; `resting` sends nothing, as an open breaker; `shows_flights = False` makes a GET
    fail, and `shows_capacity = False` makes it show less; flights in `unusable` are shown in a way that cannot be sold;
    with `remembers` flights are sold as they were seen, for any time. Seats have numbers with `seat_maps`, and with
    `ignores_numbers` they are counted all the same.
    """

    def __init__(self, *, flights: int = 12, capacity: int = 120, price: int = 2000, seat_maps: bool = False) -> None:
        super().__init__()
        self.down = False
        self.resting = False
        self.shows_flights = True
        self.shows_capacity = True
        self.remembers = False
        self.ignores_numbers = False
        self.unusable: set[int] = set()
        self.probes = 0
        self.retry_after: float | None = None
        self.arrived: list[SeatChange] = []
        version = 1 if seat_maps else None
        self._shelves = {number: _Shelf(capacity, capacity, version, price=price) for number in range(1, flights + 1)}
        self._decisions: dict[UUID, tuple[SeatChange, SeatOutcome]] = {}
        self._recalled: dict[int, Flight] = {}
        self._doubted: set[int] = set()
        self._after_look: deque[Callable[[], object]] = deque()
        self._budget, self.calls = RetryBudget(), Counter(dict.fromkeys(CallWord, 0))

    # --- the port ---------------------------------------------------------------------------------------

    def get_flight(self, flight_id: int, *, seconds: float) -> Flight:
        if self.resting:
            self.calls[CallWord.OPEN] += 1
            raise FlightsUnreachable(flight_id)
        if flight_id in self.unusable and not self.down and seconds > 0:
            self.calls[CallWord.UNUSABLE] += 1
            raise UnusableFlight(flight_id)
        is_shown = not self.down and self.shows_flights and seconds > 0
        self.calls[CallWord.DONE if is_shown else CallWord.UNKNOWN] += 1
        if not is_shown:
            raise FlightsUnreachable(flight_id)
        with self._lock:
            shelf = self._shelves.get(flight_id)
            if shelf is None:
                raise UnknownFlight(flight_id)
            flight = shelf.flight(flight_id, shows_capacity=self.shows_capacity)
            self._recalled[flight_id] = flight
            self._doubted.discard(flight_id)
            if self._after_look:
                self._after_look.popleft()()
            return flight

    def recent_flight(self, flight_id: int, *, seconds: float) -> Flight:
        if self.remembers and flight_id in self._recalled and flight_id not in self._doubted:
            return replace(self._recalled[flight_id], is_remembered=True)
        return self.get_flight(flight_id, seconds=seconds)

    def get_seat_map(self, flight_id: int, *, seconds: float) -> SeatMap:
        flight = replace(self.get_flight(flight_id, seconds=seconds), leg=NO_LEG, seat_map=None)
        with self._lock:
            shelf = self._shelves[flight_id]
            if shelf.version is None:
                raise NoSeatMap(flight_id)
            return SeatMap(flight, shelf.version, shelf.cabins(), shelf.seats())

    def answers(self, *, seconds: float) -> bool:
        self.probes += 1
        return not self.down and self.shows_flights and seconds > 0

    def recall_flight(self, flight_id: int) -> Flight | None:
        return self._recalled.get(flight_id)

    def change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        if self.resting:
            self.calls[CallWord.OPEN] += 1
            return NotSent("circuit breaker open")
        outcome = self._change_seats(change, seconds=seconds)
        self.calls[WORDS[type(outcome)]] += 1
        if not isinstance(outcome, Applied):
            self._doubted.add(change.flight_id)
        if not isinstance(outcome, NotSent | Unknown):
            self._budget.earn()
        return outcome

    def is_available(self) -> bool:
        return not self.resting

    def spend_repetition(self) -> bool:
        return self._budget.spend()

    def health(self) -> FlightsHealth:
        return FlightsHealth(
            breaker=BreakerState.OPEN if self.resting else BreakerState.CLOSED,
            failures=5 * self.resting,
            next_try_in=2.5 * self.resting,
            repetitions_left=self._budget.left(),
            calls_in_flight=0,
            calls=self.calls,
        )

    def _change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        fault = self._next_fault()
        if self.down or fault is Fault.REFUSE_CONNECTION or seconds <= 0:
            return NotSent("refused")
        if fault is Fault.DROP_REQUEST:
            return Unknown("dropped", self.retry_after)
        if fault is Fault.MISTAKE:
            return Mistake("400 invalid_request")
        with self._lock:
            self.arrived.append(change)
            outcome = self._decide(change)
        self._let_it_be_under_way(fault)
        return Unknown("dropped", self.retry_after) if fault is Fault.DROP_REPLY else outcome

    # --- for tests --------------------------------------------------------------------------------------

    def after_look(self, action: Callable[[], object]) -> None:
        """Run `action`, which sells seats or the like, when a flight has been looked at next."""
        self._after_look.append(action)

    def set_flight(
        self,
        flight_id: int,
        *,
        price: int | None = None,
        currency: str | None = None,
        remaining: int | None = None,
        leg: Leg | None = None,
    ) -> None:
        """
        Change a flight's price, what it is in, or what people call it, or sell and return seats elsewhere.

        Its capacity follows.
        """
        shelf = self._shelves[flight_id]
        shelf.currency = currency or shelf.currency
        shelf.leg = leg or shelf.leg
        if price is not None:
            shelf.price = price
        if remaining is not None:
            shelf.capacity += remaining - shelf.remaining
            shelf.remaining = remaining

    def number_seats(self, *, version: int | None = 1) -> None:
        """Give the seats of all flights numbers; None takes them away."""
        for shelf in self._shelves.values():
            shelf.version = version

    def remove_flight(self, flight_id: int) -> None:
        """Make a flight unknown."""
        del self._shelves[flight_id]

    def has_applied(self, key: UUID) -> bool:
        """What a person there finds in the log about one key."""
        return key in self._decisions and isinstance(self._decisions[key][1], Applied)

    def has_counted(self, key: UUID) -> bool:
        """Whether it has counted the seats of this call, and ignored their numbers."""
        return key in self._decisions and isinstance(self._decisions[key][1], CountedNotNamed)

    def recall(self, flight: Flight) -> None:
        """Have seen this flight, and not since."""
        self._recalled[flight.id] = flight

    def forget_what_was_seen(self) -> None:
        """Recall no flight any more, as five minutes or a restart would do."""
        self._recalled.clear()

    def remaining(self, flight_id: int = 1) -> int:
        return self._shelves[flight_id].remaining

    def taken(self, flight_id: int = 1) -> int:
        """Seats taken and not given back."""
        shelf = self._shelves[flight_id]
        return shelf.capacity - shelf.remaining

    def seats_taken(self, flight_id: int = 1) -> set[str]:
        """The numbers that are taken."""
        return set(self._shelves[flight_id].taken)

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """Tell the seats of all flights, in the form of the stand-in Flight Service."""
        return {
            "flights": [
                {
                    "id": number,
                    "capacity": shelf.capacity,
                    "remaining": shelf.remaining,
                    "seatsTaken": sorted(shelf.taken),
                }
                for number, shelf in self._shelves.items()
            ]
        }

    def _decide(self, change: SeatChange) -> SeatOutcome:
        earlier = self._decisions.get(change.key)
        if earlier is not None:
            same = earlier[0] == change
            return earlier[1] if same else Mistake("422 idempotency_key_reused")
        outcome = self._move(change)
        self._decisions[change.key] = (change, outcome)
        return outcome

    def _move(self, change: SeatChange) -> SeatOutcome:
        shelf = self._shelves.get(change.flight_id)
        if shelf is None:
            return NoFlight() if change.reserves else Mistake("404 flight_not_found")
        outcome = shelf.move(change, ignores_numbers=self.ignores_numbers)
        is_by_number = bool(change.numbers or change.in_place_of)
        return CountedNotNamed() if outcome == Applied() and is_by_number and self.ignores_numbers else outcome


class ForgetfulFlights(FakeFlights):
    """The Flight Service in memory, to which every change is a new one: it ignores keys."""

    def change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        return super().change_seats(replace(change, key=uuid4()), seconds=seconds)
