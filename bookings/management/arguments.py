"""What several commands share: who runs them, and arguments that they take."""

import getpass

from bookings.actor import Actor, ActorKind
from bookings.text.ids import exact_id


def operator() -> Actor:
    """Name the person at the command line, by the account of this machine."""
    return Actor(kind=ActorKind.STAFF, name=f"{getpass.getuser()} (command line)"[:150])


def flight(text: str) -> int:
    """
    Read the id of a flight.

    :raises ValueError: if it can be none
    """
    flight_id = exact_id(text)
    if flight_id is None:
        raise ValueError(text)
    return flight_id
