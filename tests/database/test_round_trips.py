"""
How often a request waits for its database: packets that are sent, not statements. One more makes this fail.

As production does it: between two requests a connection is looked at.
"""

import pytest
from django.db import connection

from bookings.db import once_more
from bookings.models import Booking
from bookingsite import kept_connection
from tests.support.api import BOOKINGS, shown
from tests.support.packets import packets_of
from tests.support.sessions import kill_session, session_number

pytestmark = [pytest.mark.server, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cost(api, monkeypatch):
    """Give the number of packets that a request sends, once all that is said only once was said."""
    for number in range(2):
        api.pay(shown(api.create(key=f"warm-{number}")))
        api.cancel(shown(api.create()))
    sent = packets_of(monkeypatch)

    def of(request) -> int:
        sent.clear()
        connection.close_if_unusable_or_obsolete()
        answer = request()
        assert answer.status_code in (200, 201), answer.content
        return len(sent)

    return of


@pytest.mark.slow
def test_a_request_costs_a_fixed_number_of_round_trips(api, cost, monkeypatch, settings):
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "noreply@bookings.example.org"
    # A slow machine has looked again by the next request.
    monkeypatch.setattr(kept_connection, "LOOK_EVERY_SECONDS", 3600.0)
    unpaid = [shown(api.create()) for _ in range(4)]

    costs = {
        "create": cost(api.create),
        "first create of a user": cost(lambda: api.create(userId=77)),
        "create with a key": cost(lambda: api.create(key="k")),
        "create with a contact": cost(lambda: api.create(contact={"email": "ada@example.org"})),
        "create, replayed": cost(lambda: api.create(key="k")),
        "pay": cost(lambda: api.pay(unpaid[0], key="p")),
        "cancel": cost(lambda: api.cancel(unpaid[1])),
        "cancel with a key": cost(lambda: api.cancel(unpaid[2], key="c")),
        "read": cost(lambda: api.get(f"{BOOKINGS}/{unpaid[3]['id']}")),
        "list": cost(lambda: api.get(BOOKINGS)),
    }

    assert costs == {
        "create": 3,
        "first create of a user": 3,
        "create with a key": 6,
        "create with a contact": 5,
        "create, replayed": 1,
        "pay": 4,
        "cancel": 3,
        "cancel with a key": 4,
        "read": 1,
        "list": 1,
    }


def test_a_connection_that_was_not_looked_at_lately_costs_one_more(api, cost, monkeypatch):
    booking = shown(api.create())
    monkeypatch.setattr(kept_connection, "LOOK_EVERY_SECONDS", 0.0)

    assert cost(lambda: api.get(f"{BOOKINGS}/{booking['id']}")) == 2


@pytest.mark.slow
def test_a_connection_that_was_closed_at_the_other_end_is_replaced_however_lately_it_was_used(api, cost):
    booking = shown(api.create())
    connection.close()
    assert Booking.objects.count()
    kill_session(session_number())
    connection.close_if_unusable_or_obsolete()

    assert api.get(f"{BOOKINGS}/{booking['id']}").status_code == 200


@pytest.mark.slow
def test_one_that_is_not_looked_at_at_all_fails_then(api, cost, monkeypatch):
    """The twin."""
    booking = shown(api.create())
    monkeypatch.setattr(kept_connection.KeptConnection, "close_if_health_check_failed", lambda _: None)
    monkeypatch.setattr(once_more, "helps", lambda _: False)
    kill_session(session_number())
    connection.close_if_unusable_or_obsolete()

    assert api.get(f"{BOOKINGS}/{booking['id']}").status_code == 503
