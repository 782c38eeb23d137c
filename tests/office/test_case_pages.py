"""Cases in the back office: the form on a booking's page, who sees what, and the lists of cases."""

import uuid

import pytest

from bookings.models import BookingCase, BookingEvent
from tests.support.bookings import a_saved_row
from tests.support.cases import how_it_stands, move
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

LIST = "/admin/bookings/booking/"


@pytest.fixture
def booking():
    return a_saved_row()


@pytest.fixture
def anna():
    return desk_of(a_person("anna", group="Support"))


@pytest.fixture
def tess(db):
    return desk_of(a_person("tess", group="Support"))


@pytest.fixture
def lead(db):
    return desk_of(a_person("lea", group="Supervisor"))


def page_of(booking):
    return f"{LIST}{booking.pk}/change/"


def form_of(desk, booking):
    """What the form of the case carries unseen: its own key, as the page has others."""
    form = desk.get(page_of(booking)).context["case_form"]
    return {name: form[name].value() for name in ("seen_version", "action_key")}


def moved(desk, booking, what, **said):
    """What is answered to the form of a case, as the page of the booking would carry it now."""
    case = BookingCase.objects.filter(pk=booking.pk).first()
    unseen = {"seen_version": case.version if case else 0, "action_key": uuid.uuid4().hex}
    return desk.post(f"{LIST}{booking.pk}/case/", {**unseen, "move": what, **said})


def shown(answer):
    return [line.booking.pk for line in answer.context["lines"]]


@pytest.mark.slow
def test_a_case_is_taken_on_the_page_of_the_booking(anna, booking):
    before = text_of(anna.get(page_of(booking)))

    answer = moved(anna, booking, "take", remark="Calls again.")
    page = text_of(anna.get(answer.url))

    assert "It is no case: take it, and colleagues see that you work on it." in before
    assert (answer.status_code, answer.url) == (302, page_of(booking))
    assert "The case is yours." in page
    assert "Has it you Open since " in page
    assert "Case taken by staff anna Calls again." in page


@pytest.mark.slow
def test_who_opens_a_taken_case_sees_who_has_it_and_cannot_move_it(anna, tess, booking):
    moved(anna, booking, "take")

    page = text_of(tess.get(page_of(booking)))
    answer = moved(tess, booking, "take")

    assert "anna has this case." in page
    assert "anna works on it. Ask before you change the booking." in page
    assert "Take" not in page
    assert answer.status_code == 409
    assert "A colleague has this case, or it is not open, and your rights do not cover it." in text_of(answer)
    assert how_it_stands(booking)[0] == "anna"


@pytest.mark.slow
def test_who_is_about_to_cancel_the_booking_of_a_colleagues_case_is_told(anna, tess, booking):
    moved(anna, booking, "take")

    pages = [text_of(each.get(f"{LIST}{booking.pk}/cancel/")) for each in (tess, anna)]

    assert ["anna has this case. Ask before you cancel." in page for page in pages] == [True, False]


@pytest.mark.slow
def test_a_case_is_handed_over_with_a_date(anna, tess, booking):
    moved(anna, booking, "take")

    answer = moved(anna, booking, "hand_over", to="tess", follow_up_on="2026-12-01", remark="You know her.")

    assert "The case is handed over to tess." in text_of(anna.get(answer.url))
    page = text_of(tess.get(page_of(booking)))
    assert "Has it you " in page
    assert "Follow up on 2026-12-01" in page
    assert "Case handed over by staff anna → tess, 2026-12-01 You know her." in page


@pytest.mark.slow
def test_colleagues_are_who_works_here_and_may_work_on_cases(anna, tess, lead, booking):
    a_person("otto", group="Auditor")
    gone = a_person("gone", group="Support")
    gone.is_active = False
    gone.save()
    moved(anna, booking, "take")

    form = anna.get(page_of(booking)).context["case_form"]

    assert [name for name, _ in form.fields["to"].choices] == ["", "lea", "tess"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"to": ""}, "to"),
        ({"to": "otto"}, "to"),
        ({"to": "anna"}, "to"),
        ({"to": "tess", "follow_up_on": "tomorrow"}, "follow_up_on"),
        ({"to": "tess", "remark": "x" * 301}, "remark"),
        ({"to": "tess", "remark": "\u200b"}, "remark"),
        ({"to": "tess", "action_key": "x"}, "action_key"),
        ({"to": "tess", "seen_version": "-1"}, "seen_version"),
        ({"to": "tess", "move": "keep"}, "move"),
    ],
)
def test_a_form_that_will_not_do_moves_nothing_and_keeps_what_was_typed(anna, tess, booking, said, field):
    moved(anna, booking, "take")

    sent = {**form_of(anna, booking), "move": "hand_over", "remark": "You know her.", **said}
    page = anna.post(f"{LIST}{booking.pk}/case/", sent)

    form = page.context["case_form"]
    assert (page.status_code, list(form.errors)) == (400, [field])
    assert form["remark"].value() == sent["remark"]
    assert how_it_stands(booking)[0] == "anna"
    assert "Nothing was changed." in text_of(page)


@pytest.mark.slow
def test_an_old_page_shows_the_case_as_it_is_and_keeps_what_was_typed(anna, tess, booking):
    old = form_of(tess, booking)
    moved(anna, booking, "take")
    moved(anna, booking, "give_back")

    page = tess.post(f"{LIST}{booking.pk}/case/", {**old, "move": "take", "remark": "Mine now."})

    form = page.context["case_form"]
    assert (page.status_code, form["remark"].value(), form["seen_version"].value()) == (409, "Mine now.", 2)
    assert "This case has moved since it was shown." in text_of(page)
    assert how_it_stands(booking)[0] == ""
    assert moved(tess, booking, "take").status_code == 302


@pytest.mark.slow
def test_a_double_click_moves_it_once(anna, booking):
    sent = {**form_of(anna, booking), "move": "take"}

    answers = [anna.post(f"{LIST}{booking.pk}/case/", sent) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert BookingEvent.objects.filter(what="case_taken").count() == 1


@pytest.mark.slow
def test_who_may_assign_takes_a_case_over_and_hands_it_on(anna, tess, lead, booking):
    moved(anna, booking, "take")

    page = text_of(lead.get(page_of(booking)))
    moved(lead, booking, "hand_over", to="tess")
    handed_over = how_it_stands(booking)[0]
    moved(lead, booking, "take")

    assert "anna has this case." in page
    assert "Take it over" in page
    assert (handed_over, how_it_stands(booking)[0]) == ("tess", "lea")


@pytest.mark.slow
def test_a_case_is_given_back_and_closed(anna, booking):
    moved(anna, booking, "take")
    given_back = text_of(anna.get(moved(anna, booking, "give_back").url))
    moved(anna, booking, "take")
    closed = text_of(anna.get(moved(anna, booking, "close").url))

    assert "The case is free: a colleague may take it." in given_back
    assert "Has it free to take" in given_back
    assert "The case is closed." in closed
    assert "It is no case: take it" in closed


@pytest.mark.slow
def test_who_may_only_see_sees_who_has_it_and_no_form(anna, booking):
    moved(anna, booking, "take")
    otto = desk_of(a_person("otto", group="Auditor"))

    page = text_of(otto.get(page_of(booking)))
    answer = otto.post(f"{LIST}{booking.pk}/case/", {"move": "take"})

    assert "anna has this case." in page
    assert "Take" not in page
    assert answer.status_code == 403
    assert "Can take, hand over and close cases (bookings.work_case)" in text_of(answer)


def test_a_case_of_no_booking_is_not_found(anna):
    assert anna.post(f"{LIST}99/case/", {"move": "take"}).status_code == 404


@pytest.mark.slow
def test_the_list_says_who_works_on_a_booking_and_whether_it_is_due(anna, booking):
    free, plain = a_saved_row(), a_saved_row()
    moved(anna, booking, "take")
    moved(anna, booking, "date", follow_up_on="2026-01-01")
    moved(anna, free, "take")
    moved(anna, free, "give_back")

    flags = {
        line.booking.pk: [(str(flag.text), flag.tone) for flag in line.flags]
        for line in anna.get(LIST).context["lines"]
    }

    assert flags == {
        booking.pk: [("Case of anna", "busy"), ("Follow up: 2026-01-01", "warn")],
        free.pk: [("Case free to take", "busy")],
        plain.pk: [],
    }


@pytest.mark.slow
def test_a_date_that_is_ahead_is_no_flag(anna, booking):
    move(booking, "take")
    BookingCase.objects.update(follow_up_on="2999-01-01")

    (line,) = anna.get(LIST).context["lines"]

    assert [str(flag.text) for flag in line.flags] == ["Case of anna"]


@pytest.mark.slow
def test_the_quick_views_of_cases_count_and_show_them(anna, booking):
    free, of_tess = a_saved_row(), a_saved_row()
    moved(anna, booking, "take")
    moved(anna, booking, "date", follow_up_on="2026-01-01")
    moved(anna, free, "take")
    moved(anna, free, "give_back")
    move(of_tess, "take", by="tess")

    tabs = {str(tab.text): tab for tab in anna.get(LIST).context["tabs"]}

    assert [tabs[name].count for name in ("My cases", "Cases due", "Cases free to take")] == ["1", "1", "1"]
    assert shown(anna.get(tabs["My cases"].address)) == [booking.pk]
    assert shown(anna.get(tabs["Cases due"].address)) == [booking.pk]
    assert shown(anna.get(tabs["Cases free to take"].address)) == [free.pk]
    assert shown(anna.get(f"{LIST}?owner=tess")) == [of_tess.pk]
    assert [tab.text for tab in anna.get(f"{LIST}?owner=anna").context["tabs"] if tab.is_current] == ["My cases"]


@pytest.mark.slow
def test_who_may_not_work_on_cases_has_no_cases_of_their_own(desk, booking):
    assert "My cases" not in {str(tab.text) for tab in desk.get(LIST).context["tabs"]}


@pytest.mark.slow
@pytest.mark.parametrize("owner", ["a b", "x" * 151, "<b>", "a,b"])
def test_a_name_that_no_user_can_have_is_not_understood(desk, owner):
    page = desk.get(LIST, {"owner": owner})

    assert page.status_code == 400
    assert "This page does not know a filter in its address: owner" in text_of(page)


@pytest.mark.slow
def test_an_export_and_a_bulk_cancellation_take_the_owner_too(lead, booking):
    other = a_saved_row()
    move(booking, "take", by="lea")

    export = lead.get(f"{LIST}export/?owner=lea")
    content = b"".join(export.streaming_content).decode()
    plan = lead.get(f"/admin/bookings/bulkcancel/new/?flight={booking.flight_id}&owner=lea").context["plan"]

    assert booking.reference in content
    assert other.reference not in content
    assert [line[0].pk for line in plan.lines] == [booking.pk]


@pytest.mark.slow
def test_what_was_typed_before_the_session_ended_stands_in_the_form_of_the_case_alone(client, booking):
    a_person("anna", group="Support")
    address = f"{LIST}{booking.pk}/case/"

    refused = client.post(address, {"move": "take", "remark": "Calls again."})
    said = {"username": "anna", "password": "a long password", "next": address, "unsent": refused.context["unsent"]}
    page = client.get(client.get(client.post("/admin/login/", said).url).url)

    assert BookingCase.objects.count() == 0
    assert page.context["case_form"]["remark"].value() == "Calls again."
    assert not page.context["note_form"]["note"].value()
