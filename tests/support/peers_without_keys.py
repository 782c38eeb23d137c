"""A Flight Service that ignores keys, as a third implementation of what the doctor asks."""

import uuid
from dataclasses import replace

from bookings.ports import SeatChange, SeatOutcome
from tests.support.fakes import FakeFlights


class ForgetfulFlights(FakeFlights):
    """The Flight Service in memory, to which every change is a new one."""

    def change_seats(self, change: SeatChange, *, seconds: float) -> SeatOutcome:
        return super().change_seats(replace(change, key=uuid.uuid4()), seconds=seconds)
