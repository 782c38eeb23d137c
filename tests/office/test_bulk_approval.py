"""The page on which a second person decides about a large bulk cancellation."""

import pytest

from bookings.models import Booking, BulkCancel
from bookings.queries.bookings.bulk_cancel import plan_bulk_cancel
from bookings.services.access.log_ins import Visit
from bookings.services.access.reset_links import make_reset_link
from tests.support.bookings import a_booked_booking, an_initiated_booking, many_rows, pay
from tests.support.bulk import FLIGHT_1, carry_out, start
from tests.support.people import a_person, desk_of, fields_of, text_of

pytestmark = pytest.mark.django_db

BULKS = "/admin/bookings/bulkcancel/"


@pytest.fixture(autouse=True)
def one_person_cancels_one_booking(settings):
    settings.BULK_APPROVAL_BOOKINGS = 1


def page_of(bulk):
    return f"{BULKS}{bulk.pk}/change/"


def decided(desk, bulk, decision, **said):
    """What a person's page answers to its form."""
    fields = fields_of(desk.get(page_of(bulk)))
    return desk.post(f"{BULKS}{bulk.pk}/decide/", {"note": "", **fields, "decision": decision, **said})


@pytest.fixture
def sam():
    """The supervisor who asks: `start` does it in this name."""
    return a_person("sam", group="Supervisor")


@pytest.fixture
def tess():
    return desk_of(a_person("tess", group="Supervisor"))


def test_who_asks_is_told_beforehand_and_the_page_says_what_it_waits_for(sam):
    many_rows(2)
    desk, address = desk_of(sam), f"{BULKS}new/?flight=1"
    before = desk.get(address)

    wish = {"seen": plan_bulk_cancel(FLIGHT_1).seen, "reason": "flight_cancelled", "note": "", "confirm": "1"}
    answer = desk.post(address, {**wish, "action_key": before.context["form"]["action_key"].value()})

    assert "a second person must approve it first" in text_of(before)
    assert "Ask for approval to cancel 2 bookings" in text_of(before)
    page = text_of(desk.get(answer.url))
    assert "Needs approval: sam has asked to cancel 2 bookings." in page
    assert "You have asked for it: another person must approve it." in page
    assert "Approve: cancel" not in page
    assert "Take it back" in page


@pytest.mark.slow
def test_what_one_person_may_cancel_says_nothing_of_approval(sam, flights):
    an_initiated_booking(flights)

    page = text_of(desk_of(sam).get(f"{BULKS}new/?flight=1"))

    assert "Cancel 1 booking " in page
    assert "approv" not in page


@pytest.mark.slow
def test_a_second_person_sees_what_would_become_of_each_and_approves(tess, flights, payments):
    booked, unpaid = a_booked_booking(flights, payments, seats=3), an_initiated_booking(flights)
    bulk = start()

    page = text_of(tess.get(page_of(bulk)))
    answer = decided(tess, bulk, "approve", note="Agreed.")
    after = text_of(tess.get(answer.url))
    carry_out()

    assert "Bookings to cancel 2 Seats that go back 5 Money to refund 6,000 XXX" in page
    assert f"{booked.reference} 1001 ◐ Waiting 3 6,000 XXX" in page
    assert "Approved by tess: the worker cancels the bookings." in after
    assert "Approval ● Approved tess, " in after
    assert "Said to it Agreed." in after
    assert {Booking.objects.get(pk=each.pk).status for each in (booked, unpaid)} == {"cancelled"}


@pytest.mark.slow
def test_a_second_person_refuses_with_a_reason(tess):
    many_rows(2)
    bulk = start()

    silent = decided(tess, bulk, "refuse")
    answer = decided(tess, bulk, "refuse", note="It takes off.")
    after = text_of(tess.get(answer.url))
    carry_out()

    assert (silent.status_code, answer.status_code) == (400, 302)
    assert "Say why." in text_of(silent)
    assert "tess refused it, or took it back, at " in after
    assert "No booking was cancelled." in after
    assert "Said to it It takes off." in after
    assert "○ Skipped the bulk cancellation was refused, or taken back" in after
    assert Booking.objects.filter(status="cancelled").count() == 0


@pytest.mark.slow
def test_who_asked_cannot_approve_in_a_second_browser_either(sam):
    many_rows(2)
    bulk, first, second = start(), desk_of(sam), desk_of(sam)
    first.get(page_of(bulk))

    page = decided(second, bulk, "approve")

    bulk.refresh_from_db()
    assert (page.status_code, bulk.approval) == (403, "waiting")
    assert "Another person than the one who has asked for it must approve it." in text_of(page)


@pytest.mark.slow
def test_who_asked_cannot_approve_as_a_colleague_whose_password_it_has_set_anew(sam):
    many_rows(2)
    colleague, bulk = a_person("tess", group="Supervisor"), start()
    make_reset_link(colleague, by=sam, removes_factors=False, visit=Visit("192.0.2.1", done_by=sam.username))

    page = decided(desk_of(colleague), bulk, "approve")

    bulk.refresh_from_db()
    assert (page.status_code, bulk.approval) == (403, "waiting")
    assert "a third person must approve it" in text_of(page)


def test_who_asked_may_be_a_superuser_and_needs_another_person_all_the_same(admin_client):
    many_rows(2)
    bulk = start()
    BulkCancel.objects.update(asked_by="admin")

    assert decided(admin_client, bulk, "approve").status_code == 403


@pytest.mark.slow
def test_who_asked_takes_it_back(sam):
    many_rows(2)
    bulk = start()

    answer = decided(desk_of(sam), bulk, "refuse", note="Wrong day.")

    bulk.refresh_from_db()
    assert (answer.status_code, bulk.approval, bulk.decided_by) == (302, "refused", "sam")


def test_who_lacks_the_right_sees_it_and_cannot_decide():
    many_rows(2)
    bulk = start()
    desk = desk_of(a_person("kim", group="Support"))

    page = text_of(desk.get(page_of(bulk)))
    answer = desk.post(f"{BULKS}{bulk.pk}/decide/", {"decision": "approve"})

    bulk.refresh_from_db()
    assert "Your rights do not cover it: a supervisor can approve or refuse it." in page
    assert (answer.status_code, bulk.approval) == (403, "waiting")
    assert "(bookings.approve_bulk_cancel)" in text_of(answer)


@pytest.mark.slow
def test_other_refunds_than_were_shown_come_back_with_the_note(tess, flights, payments):
    booking, _ = an_initiated_booking(flights), an_initiated_booking(flights)
    bulk = start()
    fields = fields_of(tess.get(page_of(bulk)))
    pay(booking, payments)

    page = tess.post(f"{BULKS}{bulk.pk}/decide/", {**fields, "decision": "approve", "note": "Agreed."})

    assert page.status_code == 409
    assert "Other refunds would be made by now than this page has shown." in text_of(page)
    assert "Money to refund 4,000 XXX" in text_of(page)
    assert page.context["form"]["note"].value() == "Agreed."
    assert decided(tess, bulk, "approve").status_code == 302


@pytest.mark.slow
def test_two_who_decide_one_after_the_other_are_told_who_was_first(tess):
    many_rows(2)
    bulk, desk = start(), desk_of(a_person("uma", group="Supervisor"))
    fields = fields_of(desk.get(page_of(bulk)))
    decided(tess, bulk, "approve")

    answer = desk.post(f"{BULKS}{bulk.pk}/decide/", {**fields, "decision": "refuse", "note": "no"})

    assert "Approved by tess" in text_of(desk.get(answer.url))


@pytest.mark.slow
@pytest.mark.parametrize("said", [{"decision": "maybe"}, {"action_key": "x"}, {"decision": ""}])
def test_a_form_that_is_broken_decides_nothing(tess, said):
    many_rows(2)
    bulk = start()

    page = decided(tess, bulk, **{"decision": "approve", **said})

    bulk.refresh_from_db()
    assert (page.status_code, bulk.approval) == (400, "waiting")
    assert "This form is broken: open the page again." in text_of(page)


def test_a_form_of_one_that_is_not_there_is_not_found(tess):
    assert tess.post(f"{BULKS}99/decide/", {"decision": "approve"}).status_code == 404


@pytest.mark.slow
def test_the_list_shows_what_waits_and_filters_by_it(tess):
    many_rows(2)
    waiting = start()
    decided(tess, start(), "refuse", note="twice")

    everything = text_of(tess.get(BULKS))
    page = tess.get(f"{BULKS}?needs=approval")

    assert "▲ Needs approval" in everything
    assert "○ Refused" in everything
    assert [row.pk for row in page.context["cl"].result_list] == [waiting.pk]
    assert [row.pk for row in tess.get(f"{BULKS}?needs=worker").context["cl"].result_list] == []


@pytest.mark.slow
def test_the_start_page_leads_to_what_waits_for_approval(tess):
    many_rows(2)
    bulk = start()

    page = tess.get("/admin/").content.decode()

    assert f'<a href="{page_of(bulk)}">sam asks to cancel bookings of flight 1 together: may they?</a>' in page
    assert f'href="{BULKS}?needs=approval"' in page


@pytest.mark.slow
def test_what_was_said_before_the_session_ended_is_shown_again(client):
    many_rows(2)
    bulk, tess = start(), a_person("tess", group="Supervisor")
    address = f"{BULKS}{bulk.pk}/decide/"

    refused = client.post(address, {"decision": "approve", "note": "Agreed."})
    said = {"username": "tess", "password": "a long password", "next": address, "unsent": refused.context["unsent"]}
    there = client.get(client.post("/admin/login/", said).url)
    page = client.get(there.url)

    bulk.refresh_from_db()
    assert (bulk.approval, tess.username) == ("waiting", "tess")
    assert page.context["form"]["note"].value() == "Agreed."
