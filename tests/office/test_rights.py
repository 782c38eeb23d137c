"""Who may do what in the back office, and what those are told who may not."""

import logging

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from bookings.models import (
    Booking,
    BookingEvent,
    BulkCancel,
    IdempotencyRecord,
    Payment,
    SeatCall,
    WebhookDelivery,
    WebhookEndpoint,
)
from tests.support.bookings import an_initiated_booking
from tests.support.people import a_person, desk_of, make_groups, text_of

pytestmark = pytest.mark.django_db

RESOLVE = "Can decide about dead and stuck calls to the Flight Service"
MANAGE = "Can ping, pause, disable and retire webhook endpoints, and send again (bookings.manage_webhooks)"
RECORDS = (
    *(Booking, BookingEvent, BulkCancel, IdempotencyRecord, Payment, SeatCall),
    *(WebhookDelivery, WebhookEndpoint),
)

MAY_SEE = {
    "view_booking",
    "view_bookingevent",
    "view_bulkcancel",
    "view_bulkcancelrow",
    "view_dispute",
    "view_gatewaynotice",
    "view_idempotencyrecord",
    "view_payment",
    "view_paymentcomparison",
    "view_reconciliation",
    "view_refund",
    "view_seatcall",
    "view_seatcallevent",
    "view_webhookdelivery",
    "view_webhookendpoint",
}
MAY_SEE_THE_QUEUE = {"view_failure", "view_ormq", "view_schedule", "view_success"}


@pytest.mark.parametrize(
    ("group", "rights"),
    [
        ("Support", MAY_SEE | {"cancel_booking", "change_seats", "extend_booking", "note_booking", "work_case"}),
        (
            "Supervisor",
            MAY_SEE
            | MAY_SEE_THE_QUEUE
            | {"cancel_booking", "change_seats", "extend_booking", "note_booking", "work_case", "assign_case"}
            | {"bulk_cancel", "approve_bulk_cancel", "manage_contacts", "manage_webhooks"}
            | {"refund_payment", "resolve_payment", "resolve_seatcall", "reset_password", "view_user"},
        ),
        ("Auditor", MAY_SEE | MAY_SEE_THE_QUEUE | {"view_apikey"}),
    ],
)
def test_a_group_has_exactly_these_rights(group, rights):
    make_groups()

    found = set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))

    assert found == rights


def test_the_migration_may_run_twice():
    make_groups()
    make_groups()

    assert sorted(Group.objects.values_list("name", flat=True)) == ["Auditor", "Supervisor", "Support"]


@pytest.mark.slow
@pytest.mark.parametrize("model", RECORDS, ids=lambda model: model.__name__)
def test_nobody_adds_edits_or_deletes_a_record_by_hand_superusers_included(admin_client, model):
    pages = admin.site.get_model_admin(model)
    request = admin_client.get("/admin/").wsgi_request

    allowed = (
        pages.has_add_permission(request),
        pages.has_change_permission(request),
        pages.has_delete_permission(request),
        pages.get_actions(request),
    )

    assert allowed == (False, False, False, {})


@pytest.mark.slow
@pytest.mark.parametrize("model", RECORDS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("page", ["add", "delete"])
def test_the_addresses_that_would_add_or_delete_are_refused_to_superusers(admin_client, model, page):
    arguments = [1] if page == "delete" else []
    address = reverse(f"admin:bookings_{model._meta.model_name}_{page}", args=arguments)

    assert admin_client.post(address, {"post": "yes"}).status_code in (403, 404, 405)


def test_a_form_sent_to_the_page_of_a_booking_changes_nothing(admin_client, flights):
    booking = an_initiated_booking(flights)
    before = Booking.objects.values().get()

    admin_client.post(f"/admin/bookings/booking/{booking.pk}/change/", {"status": "booked", "_save": "Save"})

    assert Booking.objects.values().get() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("/admin/bookings/booking/1/cancel/", "Can cancel bookings (bookings.cancel_booking)"),
        ("/admin/bookings/booking/1/extend/", "Can give customers longer to pay (bookings.extend_booking)"),
        ("/admin/bookings/booking/1/seats/", "Can change the seats of bookings (bookings.change_seats)"),
        ("/admin/bookings/booking/1/note/", "Can add notes to bookings (bookings.note_booking)"),
        ("/admin/bookings/apikey/add/", "Can make, rotate and revoke API keys (bookings.manage_api_keys)"),
        # Also where there is no such row: who lacks the right is not told.
        ("/admin/bookings/apikey/1/rotate/", "Can make, rotate and revoke API keys (bookings.manage_api_keys)"),
        ("/admin/bookings/apikey/1/revoke/", "Can make, rotate and revoke API keys (bookings.manage_api_keys)"),
        ("/admin/bookings/webhookendpoint/1/retire/", MANAGE),
        ("/admin/bookings/webhookdelivery/1/again/", MANAGE),
        ("/admin/bookings/booking/1/take/retry/", f"{RESOLVE} (bookings.resolve_seatcall)"),
        ("/admin/bookings/seatcall/1/applied/", f"{RESOLVE} (bookings.resolve_seatcall)"),
        (
            "/admin/bookings/payment/1/applied/",
            "Can decide about dead charges and refunds (bookings.resolve_payment)",
        ),
        ("/admin/auth/user/", "Can view user (auth.view_user)"),
        ("/admin/auth/user/add/", "Can add user (auth.add_user)"),
    ],
)
def test_a_refusal_names_the_missing_right_and_is_logged(address, right, caplog):
    desk = desk_of(a_person("otto", group="Auditor"))
    caplog.set_level(logging.WARNING)

    answer = desk.post(address)

    assert answer.status_code == 403
    assert f"This needs the right {right}, which you do not have." in text_of(answer)
    assert "Nothing was changed." in text_of(answer)
    (line,) = [record.msg for record in caplog.records if record.msg.get("event") == "backoffice.forbidden"]
    assert (line["by"], line["right"]) == ("otto", right.rpartition("(")[2].rstrip(")"))


@pytest.mark.slow
def test_whoever_has_no_right_at_all_is_told_so_by_every_page_of_bookings(flights):
    booking = an_initiated_booking(flights)
    desk = desk_of(a_person("nobody"))
    pages = [
        "/admin/search/?q=1",
        "/admin/bookings/booking/",
        f"/admin/bookings/booking/{booking.pk}/change/",
        "/admin/bookings/flight/1/",
        "/admin/bookings/payment/",
        "/admin/bookings/seatcall/",
    ]

    answers = [desk.get(page) for page in pages]

    assert [answer.status_code for answer in answers] == [403] * len(pages)
    assert all(booking.reference not in answer.content.decode() for answer in answers)


def test_a_refused_cancellation_changes_nothing(flights):
    booking = an_initiated_booking(flights)
    desk = desk_of(a_person("otto", group="Auditor"))

    answer = desk.post(f"/admin/bookings/booking/{booking.pk}/cancel/", {"reason": "fraud", "seen_version": "1"})

    booking.refresh_from_db()
    assert (answer.status_code, booking.status) == (403, "initiated")
