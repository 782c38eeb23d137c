"""The two implementations of the Flight Service port, with the faults of its contract."""

import uuid
from datetime import UTC, datetime

from bookings.gateways.flight_service.http import HttpFlightService
from bookings.gateways.flight_service.resilience.guard import Guard
from bookings.ports import CallWord, Leg, SeatChange
from tests.support.fakes import FakeFlights, Fault

CAPACITY = 10

# Of flight 1 of the stand-in.
LEG = Leg(
    *("UK 808", "DEL", "BLR"),
    departure_at=datetime(2030, 1, 1, 9, tzinfo=UTC),
    arrival_at=datetime(2030, 1, 1, 12, tzinfo=UTC),
)


class InMemory:
    """The fake, with the faults of this contract."""

    def __init__(self):
        self.fake = FakeFlights(capacity=CAPACITY, seat_maps=True)
        self.fake.set_flight(1, leg=LEG)
        self.service = self.fake

    def lose_next_reply(self):
        self.fake.fail_next(Fault.DROP_REPLY)

    def lose_next_request(self):
        self.fake.fail_next(Fault.DROP_REQUEST)

    def go_down(self):
        self.fake.down = True

    def rest(self):
        self.fake.resting = True

    def rest_is_over(self):
        self.fake.resting = False

    def taken(self):
        return self.fake.taken(1)

    def seats_taken(self):
        return self.fake.seats_taken(1)


class OverHttp:
    """The gateway and a stand-in Flight Service, with the faults of this contract."""

    def __init__(self, sim):
        self.sim = sim
        self.is_down = False
        self.now = 1000.0
        self.guard = Guard(clock=lambda: self.now)
        self.service = HttpFlightService(sim.url, guard=self.guard)

    def lose_next_reply(self):
        self.sim.faults(drop_reply_rate=1.0, faults_on="patch", times=1)

    def lose_next_request(self):
        self.sim.faults(drop_request_rate=1.0, faults_on="patch", times=1)

    def go_down(self):
        self.sim.stop()
        self.is_down = True

    def rest(self):
        for _ in range(5):
            with self.guard.call() as call:
                call.ended(CallWord.UNKNOWN, healthy=False)

    def rest_is_over(self):
        self.now += 10

    def taken(self):
        flight = self.sim.flight(1)
        return flight["taken"] - flight["given_back"]

    def seats_taken(self):
        return set(self.sim.flight(1)["seatsTaken"])


def take(peer, seats, *, key=None, flight_id=1):
    change = SeatChange(key=key or uuid.uuid4(), flight_id=flight_id, seats=seats, reserves=True)
    return peer.service.change_seats(change, seconds=5)


def give_back(peer, seats, *, key=None, flight_id=1):
    change = SeatChange(key=key or uuid.uuid4(), flight_id=flight_id, seats=seats, reserves=False)
    return peer.service.change_seats(change, seconds=5)
