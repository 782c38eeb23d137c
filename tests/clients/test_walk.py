"""Generated clients hold, pay, repeat, list and cancel at the running service, with tokens and without."""

import itertools
import time
from datetime import timedelta

import pytest

from bookings.actor import Scope
from bookings.db.clock import database_time
from bookings.lifecycle import BookingStatus
from bookings.models import Booking
from tests.fuzz.service import ISSUER, SECRET, WITHOUT_LIMITS
from tests.support.announcements import announce
from tests.support.bookings import a_payment_row, a_saved_row
from tests.support.callers import a_service_key, a_token
from tests.support.processes import start_flightsim
from tests.support.servers import database_url, environment, start_web

pytestmark = [pytest.mark.long, pytest.mark.server, pytest.mark.django_db(transaction=True)]

SOLD_OUT, UNUSABLE = 2, 3
USER = 1001


@pytest.fixture(params=["token", "open"])
def service(request):
    """The service with a stand-in Flight Service: its address, and a token for whoever needs one."""
    with start_flightsim("--flights", "3", "--capacity", "50", "--unusable-flight", str(UNUSABLE)) as sim:
        sim.reset(flights={str(SOLD_OUT): 1})
        env = environment(
            DATABASE_URL=database_url(),
            FLIGHT_SERVICE_URL=sim.url,
            API_AUTH=request.param,
            JWT_SECRET=SECRET,
            JWT_ISSUER=ISSUER,
            **{**WITHOUT_LIMITS, "MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT": "11"},
        )
        with start_web(env=env) as web:
            yield web, sim, request.param


def test_a_generated_client_walks_the_whole_way(service, connect):
    web, sim, mode = service
    end = int(time.time()) + 3600
    token = a_token(USER, secret=SECRET, iss=ISSUER, aud="bookings", exp=end) if mode == "token" else ""
    client = connect(f"http://127.0.0.1:{web.port}", token)
    order = {"flightId": 1, "userId": USER, "noOfSeats": 2}

    held = client.call("createBooking", body=order, key="hold-1")
    again = client.call("createBooking", body=order, key="hold-1")
    booking = held.data
    payment = {"bookingId": booking["id"], "userId": USER, "totalCost": booking["totalCost"]}
    paid = client.call("payBooking", body=payment, key="pay-1")
    repaid = client.call("payBooking", body=payment, key="pay-1")
    second = client.call("createBooking", body={**order, "expectedPrice": booking["seatPrice"]}).data
    ended = client.call("cancelBooking", id=second["id"], body={"userId": USER, "reason": "plans changed"}, key="end-1")
    page = client.call("listBookings", query={"userId": USER, "limit": 5})
    one = client.call("getBooking", id=booking["id"])
    events = client.call("listBookingEvents", id=booking["id"])

    money = client.call("listBookingPayments", id=booking["id"])

    assert [answer.status for answer in (held, again, paid, repaid, ended, page, one, events, money)] == [
        *(201, 201, 201, 201, 200, 200, 200, 200, 200),
    ]
    assert (held.data["status"], paid.data["status"], ended.data["status"]) == ("initiated", "booked", "cancelled")
    assert (again.data, repaid.data) == (held.data, paid.data)
    assert (again.headers["idempotent-replayed"], repaid.headers["idempotent-replayed"]) == ("true", "true")
    assert [row["id"] for row in page.data["results"]] == [second["id"], booking["id"]]
    assert one.data["status"] == "booked"
    assert [event["to"] for event in events.data["results"]][-1] == "booked"
    assert [(each["state"], each["amount"]) for each in money.data["payments"]] == [("succeeded", booking["totalCost"])]
    assert money.data["refunds"] == []
    assert client.call("getServiceInfo").data["apiVersion"] == "v1"
    announce()
    key = a_service_key(Scope.BOOKINGS_READ, Scope.WEBHOOKS_MANAGE) if mode == "token" else ""
    told = connect(f"http://127.0.0.1:{web.port}", key).call("listEvents", query={"types": ["booking.paid"]})
    assert [event["data"]["booking"]["id"] for event in told.data["results"]] == [booking["id"]]
    assert sim.flight(1)["taken"] == 4


REFUSALS = {
    "another version": (412, "booking_changed"),
    "no such flight": (404, "flight_not_found"),
    "too few seats": (400, "seats_unavailable"),
    "another price": (400, "price_changed"),
    "no seats at all": (400, "invalid_request"),
    "a flight without a price": (502, "flight_unusable"),
    "too many unpaid seats": (429, "too_many_unpaid_seats"),
    "another amount": (400, "amount_mismatch"),
    "another currency": (400, "currency_mismatch"),
    "no such booking": (404, "booking_not_found"),
    "paid before": (409, "already_paid"),
    "cancelled before": (409, "booking_cancelled"),
    "a key of another payment": (422, "idempotency_key_reused"),
    "not held yet": (409, "not_payable_yet"),
    "being settled": (409, "payment_in_progress"),
    "after the window": (400, "payment_window_closed"),
    "a paid one is cancelled": (409, "already_paid"),
    "a reason that shows nothing": (400, "invalid_request"),
    "no such booking to read": (404, "booking_not_found"),
    "no such timeline": (404, "booking_not_found"),
    "no page": (400, "invalid_request"),
    "HTML": (406, "not_acceptable"),
    "no Flight Service": (503, "flight_service_unavailable"),
}


class Guest:
    """A user of a generated client, with a new key for each intent."""

    def __init__(self, client):
        self.call, self._keys = client.call, itertools.count()

    def create(self, **fields):
        order = {"flightId": 1, "userId": USER, "noOfSeats": 2, **fields}
        return self.call("createBooking", body=order, key=f"hold-{next(self._keys)}")

    def pay(self, booking, key=None, **fields):
        body = {"bookingId": booking["id"], "userId": USER, "totalCost": booking["totalCost"], **fields}
        return self.call("payBooking", body=body, key=key or f"pay-{next(self._keys)}")

    def cancel(self, booking, reason="plans changed", **headers):
        return self.call("cancelBooking", id=booking["id"], body={"userId": USER, "reason": reason}, **headers)


def test_a_generated_client_reads_why_it_is_refused(service, connect):
    web, sim, mode = service
    url = f"http://127.0.0.1:{web.port}"
    guest = Guest(connect(url, a_service_key() if mode == "token" else ""))
    create, pay, cancel, call = guest.create, guest.pay, guest.cancel, guest.call
    booking, paid, ended = (create().data for _ in range(3))
    pay(paid, key="pay-first")
    cancel(ended)
    waiting = a_saved_row(BookingStatus.PENDING)
    settling = a_saved_row()
    Booking.objects.filter(pk=settling.pk).update(active_payment_id=a_payment_row(settling).pk)
    late = {"id": a_saved_row(created_at=database_time() - timedelta(hours=1)).pk, "totalCost": 4000}

    heard = {
        "another version": cancel(booking, seen='"1.99"'),
        "no such flight": create(flightId=99),
        "too few seats": create(flightId=SOLD_OUT),
        "another price": create(expectedPrice=1),
        "no seats at all": create(noOfSeats=0),
        "a flight without a price": create(flightId=UNUSABLE),
        "too many unpaid seats": create(noOfSeats=10),
        "another amount": pay(booking, totalCost=1),
        "another currency": pay(booking, currency="BHD"),
        "no such booking": pay({"id": 987654321, "totalCost": 1}),
        "paid before": pay(paid),
        "cancelled before": pay(ended),
        "a key of another payment": pay(booking, key="pay-first"),
        "not held yet": pay({"id": waiting.pk, "totalCost": 1}),
        "being settled": pay({"id": settling.pk, "totalCost": settling.total_cost}),
        "after the window": pay(late),
        "a paid one is cancelled": cancel(paid),
        "a reason that shows nothing": cancel(booking, reason="\u200b"),
        "no such booking to read": call("getBooking", id=987654321),
        "no such timeline": call("listBookingEvents", id=987654321),
        "no page": call("listBookings", query={"cursor": "x"}),
        "HTML": call("listBookings", headers={"Accept": "text/html"}),
    }
    sim.kill()
    heard["no Flight Service"] = create()

    assert {name: (answer.status, answer.code) for name, answer in heard.items()} == REFUSALS
    assert not any(answer.success for answer in heard.values())
    if mode == "token":
        strangers = connect(url, "no token"), connect(url, a_service_key(Scope.BOOKINGS_READ, name="reader"))
        refusals = [Guest(client).create() for client in strangers]
        assert [(answer.status, answer.code) for answer in refusals] == [(401, "token_invalid"), (403, "forbidden")]
