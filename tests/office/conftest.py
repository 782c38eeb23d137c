"""Who sits at the desk."""

import pytest

from tests.support.people import a_person


@pytest.fixture
def at_desk(db, client):
    """Log somebody in who works here and has these rights, and give the browser."""

    def log_in(*rights, name="anna"):
        client.force_login(a_person(name, *(right.partition(".")[2] for right in rights)))
        return client

    return log_in


@pytest.fixture
def desk(at_desk):
    """The browser of somebody who may see bookings, and the calls to the Flight Service."""
    return at_desk("bookings.view_booking", "bookings.view_seatcall")
