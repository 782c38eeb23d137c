"""What is true of a booking that is in the archive: for clients, gateways and operators, and for those to come."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.diagnostics.archive import check_archive
from bookings.errors import BookingNotFound
from bookings.models import (
    ArchiveRound,
    BookingEvent,
    Dispute,
    GatewayNotice,
    Payment,
)
from bookings.observability import gauges
from bookings.queries.bookings import free_references
from bookings.queries.bookings.archived import archived_as
from bookings.queries.bookings.free_references import forget_drawn_references, free_reference
from bookings.queries.bookings.visible import booking_shown_to
from bookings.queries.seats.held import seats_of
from bookings.services.payments.follow_notices import follow_notices
from bookings.text.references import reference_at
from tests.support.api import BOOKINGS, refused, shown
from tests.support.archive import archive_all, long_ago
from tests.support.bookings import (
    a_booked_booking,
    a_cancelled_booking,
    a_notice_row,
    a_saved_row,
    customer,
    gateways_of,
)
from tests.support.cases import move
from tests.support.invariants import assert_in_step
from tests.support.notices import RingingPayments
from tests.support.signed_notices import a_dispute

pytestmark = pytest.mark.django_db

KEPT = timedelta(days=12 * 31)


@pytest.fixture(autouse=True)
def twelve_months(settings):
    settings.KEEP_MONTHS = 12
    forget_drawn_references()


def test_clients_read_an_archived_booking_as_it_ended_and_can_do_nothing_with_it(api, flights, payments):
    booking = shown(api.create(clientReference="trip 1", metadata={"seat": "12A"}))
    api.pay(booking)
    long_ago(flights, payments)
    address = f"{BOOKINGS}/{booking['id']}"
    before = api.get(address)
    assert shown(before)["status"] == "booked"

    assert archive_all() == 1

    after = api.get(address)
    assert (after.status_code, after.json()["data"], after.headers["ETag"]) == (
        200,
        before.json()["data"],
        before.headers["ETag"],
    )
    assert api.get(f"{BOOKINGS}/{booking['reference']}").json()["data"] == before.json()["data"]
    assert api.get(address, headers={"If-None-Match": before.headers["ETag"]}).status_code in (200, 304)
    not_there = (404, "booking_not_found")
    assert refused(api.get(f"{address}/events")) == refused(api.get(f"{address}/payments")) == not_there
    assert refused(api.cancel(booking)) == refused(api.pay(booking)) == not_there
    assert shown(api.get(BOOKINGS))["results"] == []
    assert refused(api.get(f"{BOOKINGS}/{booking['id'] + 1}")) == not_there


def test_another_customer_does_not_see_it(flights, payments):
    booking = a_booked_booking(flights, payments)
    long_ago(flights, payments)
    archive_all()

    assert booking_shown_to(customer(1001, verified=True), str(booking.pk)).reference == booking.reference
    with pytest.raises(BookingNotFound):
        booking_shown_to(customer(1002, verified=True), str(booking.pk))


def test_neither_reference_nor_id_is_given_again(api, flights, payments, monkeypatch):
    booking = a_booked_booking(flights, payments)
    long_ago(flights, payments)
    archive_all()
    here = a_saved_row("cancelled", reference="CCCCCCCC")
    coming = [booking.reference, here.reference, "BBBBBBBB", *(reference_at(number) for number in range(900, 997))]
    with monkeypatch.context() as patch:
        patch.setattr(free_references, "new_reference", lambda **_: coming.pop(0))
        drawn = {free_reference() for _ in range(98)}

    assert len(drawn) == 98
    assert not drawn & {booking.reference, "CCCCCCCC"}
    forget_drawn_references()
    assert shown(api.create())["id"] > booking.pk


def test_a_reference_that_was_drawn_long_ago_is_drawn_anew(monkeypatch):
    coming = map(reference_at, range(1000))
    monkeypatch.setattr(free_references, "new_reference", lambda **_: next(coming))
    first = free_reference()
    monkeypatch.setattr(free_references, "GOOD_FOR_SECONDS", -1.0)
    forget_drawn_references()
    free_references._draw()
    monkeypatch.setattr(free_references, "GOOD_FOR_SECONDS", 3600.0)

    assert free_reference() not in {first, *map(reference_at, range(200))}


def test_seats_of_archived_bookings_are_still_taken_on_their_flight(flights, payments):
    _paid, stays = (a_booked_booking(flights, payments) for _ in range(2))
    a_cancelled_booking(flights)
    long_ago(flights, payments)
    move(stays, "take")
    before = seats_of(1)

    assert archive_all() == 2

    after = seats_of(1)
    assert (after.held, after.bookings, after.under_way) == (before.held, before.bookings, 0) == (4, 3, 0)
    assert_in_step(flights)


def numbers():
    return {name: values for name, _, values in gauges.numbers()}["archive_behind_seconds"]


def said():
    (finding,) = check_archive()
    return str(finding.verdict), finding.message


def test_operators_see_how_far_it_is_behind(settings):
    settings.KEEP_MONTHS = 0
    assert (numbers(), said()[0]) == ([], "OK")
    settings.KEEP_MONTHS = 12
    assert (numbers(), said()[0]) == ([({}, 0.0)], "OK")
    a_saved_row("cancelled", created_at=database_time() - KEPT - timedelta(days=2))

    ((_, behind),) = numbers()
    assert timedelta(seconds=behind) // timedelta(days=1) == 2
    assert said() == ("WARN", "bookings that are due have not been looked at for 48 h")
    archive_all()
    assert said() == ("OK", "bookings leave 372 days after their end")
    ArchiveRound.objects.update(finished_at=F("finished_at") - timedelta(hours=13))
    assert said() == ("WARN", "bookings that are due have not been looked at for 13 h")


def test_the_command_moves_shows_and_brings_back(capsys, settings, flights, payments):
    booking = a_booked_booking(flights, payments)
    long_ago(flights, payments)

    call_command("archive_bookings")
    call_command("archive_bookings", "--show", booking.reference.lower())
    first, _, document = capsys.readouterr().out.partition("\n")
    call_command("archive_bookings", "--bring-back", booking.reference)

    assert first == "bookings archived: 1"
    assert json.loads(document)["booking"]["reference"] == booking.reference
    assert f"as booking {booking.pk}" in capsys.readouterr().out
    for option in ("--show", "--bring-back"):
        with pytest.raises(CommandError, match="no such booking in the archive"):
            call_command("archive_bookings", option, booking.reference)
    settings.KEEP_MONTHS = 0
    with pytest.raises(CommandError, match="KEEP_MONTHS is 0"):
        call_command("archive_bookings")


# --- a gateway tells something months later -------------------------------------------------------------


def follow(payments):
    """Look at what gateways have told, twice: a booking that is brought back is looked at after a pause."""
    for _ in range(2):
        GatewayNotice.objects.filter(state="new").update(next_at=database_time())
        follow_notices(payments=gateways_of(payments), deadline=Deadline(20))


def test_a_dispute_about_an_archived_payment_brings_its_booking_back(flights):
    payments = RingingPayments()
    booking = a_booked_booking(flights, payments)
    Payment.objects.update(gateway_id="pi_7")
    long_ago(flights, payments)
    archive_all()
    payments.disputes["dp_1"] = a_dispute("pi_7")
    a_notice_row(kind="dispute", object_id="dp_1")

    follow(payments)

    assert (GatewayNotice.objects.get().state, Dispute.objects.get().payment.booking_id) == ("done", booking.pk)
    assert archive_all() == 0
    assert BookingEvent.objects.filter(actor_name="worker", note="Brought back from the archive.").count() == 1


def test_a_notice_that_names_no_payment_brings_nothing_back():
    assert archived_as("") == ""
