"""A booking of the archive is found by what staff type, and its page shows all that was known of it."""

import pytest

from bookings.lifecycle import CancelReason
from bookings.models import ArchivedBooking, BulkCancel, Payment
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.bookings.note import note_booking
from tests.support.archive import archive_all, long_ago
from tests.support.bookings import STAFF, a_booked_booking, a_dispute_row, a_saved_row, an_initiated_booking
from tests.support.bulk import carry_out, start
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

SEARCH = "/admin/search/"


@pytest.fixture(autouse=True)
def twelve_months(settings):
    settings.KEEP_MONTHS = 12


@pytest.fixture
def gone(flights, payments):
    """A booking that was paid and refunded, and is in the archive."""
    booking = a_booked_booking(flights, payments, user_id=77)
    note_booking(booking_id=booking.pk, actor=STAFF, note="Calls on Monday", action_key="k")
    Payment.objects.update(gateway_id="pi_1")
    cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD, note="card was stolen")
    long_ago(flights, payments)
    dispute = a_dispute_row(payment=Payment.objects.get(), outcome="lost")
    type(dispute).objects.update(closed_at=dispute.opened_at)
    assert archive_all() == 1
    return ArchivedBooking.objects.get()


def page_of(booking):
    return f"/admin/bookings/booking/archived/{booking.pk}/"


def test_its_page_shows_what_became_of_it_and_offers_nothing(desk, gone):
    page = desk.get(page_of(gone))

    text = text_of(page)
    assert gone.reference in text
    assert "This booking is in the archive since" in text
    for said in ("card was stolen", "Calls on Monday", "refunded", "Seats: 2 seats went back", "pi_1", "lost"):
        assert said in text, said
    assert "<button" not in page.content.decode().partition("<main")[2].partition('id="the-notes"')[0]
    assert "/admin/bookings/seatcall/" not in page.content.decode().partition('id="the-timeline"')[2]


@pytest.mark.parametrize("by", ["reference", "id", "user", "flight", "payment"])
def test_the_only_one_that_is_meant_is_opened(desk, gone, by):
    numbers = {"id": gone.pk, "user": 77, "flight": gone.flight_id}
    typed = {**numbers, "reference": gone.reference.lower(), "payment": "pi_1"}

    answer = desk.get(SEARCH, {"q": f" {typed[by]} "})

    assert (answer.status_code, answer.headers["Location"]) == (302, page_of(gone))


def test_one_of_several_is_listed_beside_those_that_are_here(desk, gone):
    here = a_saved_row(user_id=77)

    text = text_of(desk.get(SEARCH, {"q": "77"}))

    assert "In the archive" in text
    assert (gone.reference in text, here.reference in text) == (True, True)


def test_its_old_address_leads_to_the_archive_and_others_nowhere(desk, gone):
    old = desk.get(f"/admin/bookings/booking/{gone.pk}/change/")

    assert (old.status_code, old.headers["Location"]) == (302, page_of(gone))
    for address in (f"/admin/bookings/booking/{gone.pk + 7}/change/", "/admin/bookings/booking/x/change/"):
        assert desk.get(address).status_code == 404
    assert desk.get("/admin/bookings/booking/archived/12345/").status_code == 404


def test_who_may_not_see_bookings_does_not_see_it(at_desk, gone):
    answer = at_desk("bookings.view_seatcall").get(page_of(gone))

    assert answer.status_code == 403


def test_a_bulk_cancellation_says_how_many_of_its_bookings_have_left(flights, payments):
    an_initiated_booking(flights)
    start()
    carry_out()
    long_ago(flights, payments)
    archive_all()
    desk = desk_of(a_person("sam", group="Supervisor"))

    text = text_of(desk.get(f"/admin/bookings/bulkcancel/{BulkCancel.objects.get().pk}/change/"))

    assert "1 booking of it is in the archive, and not counted here." in text
