"""A flight is cancelled by two people: 500 bookings are, too, while the worker is killed once in the middle."""

import uuid

import pytest
from django.db.models import Count
from playwright.sync_api import expect

from bookings.models import Booking, BookingEvent, BulkCancel, BulkCancelRow, SeatCall
from bookings.ports import Applied, SeatChange
from tests.support.bookings import many_rows
from tests.support.invariants import assert_in_step
from tests.support.waiting import await_that

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.django_db(transaction=True)]

BOOKINGS, SEATS_EACH = 500, 2

# Calls that give the seats back: one or two for each pass, of which a slow machine takes more; one for each booking
# would be 500.
FEW = 25

# Some are done and most are not, however fast the machine: then the worker is killed.
ENOUGH = 50

# A worker starts within seconds, and decides a row in ten milliseconds.
SOON_MILLISECONDS = 60_000


def a_full_flight(office):
    office.sim.reset(capacity=BOOKINGS * SEATS_EACH)
    change = SeatChange(uuid.uuid4(), 1, seats=BOOKINGS * SEATS_EACH, reserves=True)
    assert office.flights.change_seats(change, seconds=5) == Applied()
    many_rows(BOOKINGS, no_of_seats=SEATS_EACH)


def decided():
    return BulkCancelRow.objects.exclude(state="waiting").count()


def patches(office):
    return office.sim.ledger()["calls"]["patch"]


def test_each_of_500_bookings_is_cancelled_once_though_the_worker_is_killed(office, page):
    a_full_flight(office)
    office.sign_in(page, "Supervisor")
    page.goto("/admin/bookings/booking/?flight=1")
    page.get_by_role("link", name="Cancel these bookings").click()
    page.get_by_label("Reason").select_option("flight_cancelled")
    page.get_by_label("Flight id").fill("1")
    page.get_by_role("button", name="Ask for approval to cancel 500 bookings").click()
    expect(page.get_by_text("another person must approve it")).to_be_visible()
    office.sign_in(page, "Supervisor")
    page.goto("/admin/")
    page.get_by_role("link", name="asks to cancel bookings of flight 1 together").click()
    page.get_by_role("button", name="Approve: cancel 500 bookings").click()
    progress = page.url

    with office.worker() as worker:
        await_that(lambda: decided() >= ENOUGH)
        worker.kill()
    done_when_killed, patches_when_killed = decided(), patches(office)
    page.reload()
    done = page.get_by_text("All 500 bookings were decided at")
    expect(page.get_by_text("of 500 bookings are decided. You may leave this page")).to_be_visible()
    expect(done).to_have_count(0)
    with office.worker():
        # Nobody loads it anew: the page looks by itself.
        expect(done).to_be_visible(timeout=SOON_MILLISECONDS)
        await_that(lambda: office.sim.flight(1)["remaining"] == BOOKINGS * SEATS_EACH)

    assert page.url == progress
    assert ENOUGH <= done_when_killed < BOOKINGS
    assert BulkCancel.objects.get().finished_at is not None
    assert dict(BulkCancelRow.objects.values_list("state").annotate(rows=Count("pk"))) == {"cancelled": BOOKINGS}
    assert Booking.objects.exclude(status="cancelled").count() == 0
    assert BookingEvent.objects.values("booking").distinct().count() == BOOKINGS
    assert BookingEvent.objects.count() == BOOKINGS
    # One call for the flight and pass, sent once: the killed worker had not come to the seats. On a fast machine one
    # pass cancels all of them, and the next sends what was cancelled last; a slow one takes more passes.
    assert patches_when_killed == 1
    assert patches(office) - patches_when_killed == SeatCall.objects.count()
    assert 1 <= SeatCall.objects.count() <= FEW
    assert_in_step(office.sim)


def test_who_is_no_supervisor_is_offered_no_bulk_cancellation(office, page):
    office.sign_in(page, "Support")

    page.goto("/admin/bookings/booking/?flight=1")

    expect(page.get_by_role("link", name="Export CSV")).to_be_visible()
    expect(page.get_by_role("link", name="Cancel these bookings")).to_have_count(0)
