"""A form that comes without a session, or with another one, is not carried out; what was typed comes back once."""

import re
import time
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import signing
from django.test import Client
from django_q.models import Schedule

from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import ApiKey, Booking, BookingEvent, BulkCancel, SeatCall, SeatCallEvent
from bookings.office import unsent
from bookings.services.bookings.cancel import cancel_booking
from tests.support.bookings import a_call_row, a_saved_row, an_initiated_booking, customer
from tests.support.callers import a_service_key
from tests.support.log_in import LOGIN, RIGHT, blob_in, end_session, log_in, log_in_elsewhere, token_in
from tests.support.people import fields_of, text_of

pytestmark = pytest.mark.django_db

NOT_SENT = "Not sent: nothing was done."
TYPED = "rang at noon, wants another day; her “name” is Łucja"
ELSEWHERE = [
    "https://example.org/",
    "//example.org",
    "///example.org",
    "/\\example.org",
    "javascript:alert(1)",
    "",
]


@pytest.fixture(autouse=True)
def people(django_user_model):
    for name in ("anna", "bert"):
        django_user_model.objects.create_superuser(name, password=RIGHT)


@pytest.fixture
def browser():
    """A browser that sends the tokens of its forms, as a real one does, and is logged in as anna."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="anna"))
    return client


def cancelling():
    booking = a_saved_row("booked")
    return f"/admin/bookings/booking/{booking.pk}/cancel/", {"reason": "fraud", "note": TYPED}


def cancelling_many():
    a_saved_row("initiated")
    return "/admin/bookings/bulkcancel/new/?flight=1&status=initiated", {"reason": "fraud", "note": TYPED}


def deciding():
    call = a_call_row(state="dead", first_sent_at=database_time())
    return f"/admin/bookings/seatcall/{call.pk}/applied/", {"note": TYPED}


def deciding_about_a_take():
    booking = a_saved_row("pending", hold="stuck", first_sent_at=database_time(), claims=1)
    return f"/admin/bookings/booking/{booking.pk}/take/applied/", {"note": TYPED}


def making_a_key():
    return "/admin/bookings/apikey/add/", {
        "name": TYPED[:80],
        "scopes": ["bookings:read"],
        "days": "17",
        "note": "w",
    }


def rotating_a_key():
    a_service_key()
    return f"/admin/bookings/apikey/{ApiKey.objects.get().pk}/rotate/", {"grace_hours": "77", "note": TYPED}


def revoking_a_key():
    a_service_key()
    return f"/admin/bookings/apikey/{ApiKey.objects.get().pk}/revoke/", {"note": TYPED}


def letting_work_rest():
    schedule = Schedule.objects.create(func="bookings.tasks.reap")
    return f"/admin/django_q/schedule/{schedule.pk}/pause/", {"note": TYPED}


def changing_a_person():
    bert = User.objects.get(username="bert")
    return f"/admin/auth/user/{bert.pk}/change/", {"first_name": "Łucja", "email": "l@example.org"}


def adding_a_group():
    return "/admin/auth/group/add/", {"name": "Łucja's"}


FORMS = [
    *(cancelling, cancelling_many, deciding, deciding_about_a_take, making_a_key, rotating_a_key, revoking_a_key),
    *(letting_work_rest, changing_a_person, adding_a_group),
]


def everything():
    models = (Booking, BookingEvent, BulkCancel, SeatCall, SeatCallEvent, ApiKey)
    people = list(User.objects.order_by("pk").values_list("username", "first_name", "email"))
    return people, [list(model.objects.order_by("pk").values()) for model in models]


def stands_in(page, typed):
    """The values of the fields that are not shown by the page as they were typed."""
    text = unescape(page.content.decode())
    text = re.sub(r"<textarea[^>]*>\n", "<textarea>", text)
    missing = []
    for name, value in typed.items():
        for each in value if isinstance(value, list) else [value]:
            chosen = re.search(rf'value="{re.escape(each)}"[^>]*(selected|checked)', text)
            text_field = r'<input type="(?!radio|checkbox)[a-z]+" [^>]*'
            written = re.search(rf'{text_field}value="{re.escape(each)}"', text)
            if not (chosen or written or f">{each}</textarea>" in text):
                missing.append(name)
    return missing


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_form_sent_after_the_session_ended_comes_back_after_the_log_in_with_what_was_typed(browser, form):
    address, typed = form()
    page = browser.get(address)
    before = everything()
    end_session(browser)

    refused = browser.post(address, {**fields_of(page), **typed, "csrfmiddlewaretoken": token_in(page)})
    logged_in = log_in(browser, page=refused)
    shown = browser.get(logged_in.url)
    again = browser.get(logged_in.url)

    assert (refused.status_code, logged_in.status_code, logged_in.url) == (403, 302, address)
    assert NOT_SENT in text_of(refused)
    assert NOT_SENT in text_of(shown)
    assert "What you typed stands below" in text_of(shown)
    assert stands_in(shown, typed) == []
    assert everything() == before
    assert NOT_SENT not in text_of(again)
    assert stands_in(again, typed) == list(typed)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_form_of_a_page_from_before_another_log_in_comes_back_at_once(browser, form):
    address, typed = form()
    page = browser.get(address)
    before = everything()
    log_in_elsewhere(browser)

    sent = browser.post(address, {**fields_of(page), **typed, "csrfmiddlewaretoken": token_in(page)})
    shown = browser.get(sent.url)

    assert (sent.status_code, sent.url) == (302, address)
    assert NOT_SENT in text_of(shown)
    assert stands_in(shown, typed) == []
    assert everything() == before


@pytest.mark.slow
def test_a_form_that_came_back_is_sent_by_a_click_and_works(browser, flights):
    booking = an_initiated_booking(flights)
    address, typed = f"/admin/bookings/booking/{booking.pk}/cancel/", {"reason": "fraud", "note": TYPED}
    page = browser.get(address)
    end_session(browser)
    refused = browser.post(address, {**fields_of(page), **typed, "csrfmiddlewaretoken": token_in(page)})
    shown = browser.get(log_in(browser, page=refused).url)
    assert Booking.objects.get().status == "initiated"

    sent = browser.post(address, {**fields_of(shown), **typed, "csrfmiddlewaretoken": token_in(shown)})

    assert sent.status_code == 302
    assert BookingEvent.objects.get(what="cancelled").note == TYPED
    assert fields_of(shown)["action_key"] != fields_of(page)["action_key"]


@pytest.mark.slow
def test_a_note_comes_back_on_the_page_of_its_booking(browser):
    booking = a_saved_row()
    page = browser.get(f"/admin/bookings/booking/{booking.pk}/change/")
    end_session(browser)
    said = {**fields_of(page), "note": TYPED, "csrfmiddlewaretoken": token_in(page)}

    refused = browser.post(f"/admin/bookings/booking/{booking.pk}/note/", said)
    there = browser.get(log_in(browser, page=refused).url)
    shown = browser.get(there.url)

    assert there.url == f"/admin/bookings/booking/{booking.pk}/change/"
    assert NOT_SENT in text_of(shown)
    assert TYPED in unescape(shown.content.decode())
    assert BookingEvent.objects.count() == 0


@pytest.mark.slow
def test_what_was_typed_about_a_booking_that_is_cancelled_by_now_is_offered_as_a_note(browser, flights):
    booking = an_initiated_booking(flights)
    address = f"/admin/bookings/booking/{booking.pk}/cancel/"
    page = browser.get(address)
    end_session(browser)
    cancel_booking(booking_id=booking.pk, actor=customer(), reason=CancelReason.CUSTOMER_REQUEST)
    said = {**fields_of(page), "reason": "fraud", "note": TYPED, "csrfmiddlewaretoken": token_in(page)}

    shown = browser.get(log_in(browser, page=browser.post(address, said)).url)

    assert "Keep it as a note" in text_of(shown)
    assert TYPED in unescape(shown.content.decode())


@pytest.mark.slow
def test_the_number_that_confirms_a_bulk_cancellation_is_typed_again(browser):
    address, typed = cancelling_many()
    page = browser.get(address)
    end_session(browser)
    said = {**fields_of(page), **typed, "confirm": "1", "csrfmiddlewaretoken": token_in(page)}

    shown = browser.get(log_in(browser, page=browser.post(address, said)).url)

    assert NOT_SENT in text_of(shown)
    assert 'value="1" maxlength="20"' not in shown.content.decode()
    assert shown.context["form"]["confirm"].value() is None
    assert shown.context["form"]["note"].value() == TYPED


@pytest.mark.slow
@pytest.mark.parametrize("lose", [end_session, log_in_elsewhere], ids=["ended", "another"])
def test_no_password_is_kept(browser, lose):
    address, secret = "/admin/auth/user/add/", "a long and secret word"
    page = browser.get(address)
    lose(browser)
    typed = {"username": "carla", "usable_password": "true", "password1": secret, "password2": secret}
    answer = browser.post(address, {**typed, "csrfmiddlewaretoken": token_in(page)})
    if lose is end_session:
        assert secret not in str(signing.loads(blob_in(answer), salt="bookings.office.unsent"))
        answer = log_in(browser, page=answer)
    assert secret not in str([session.get_decoded() for session in Session.objects.all()])

    shown = browser.get(answer.url)

    assert "carla" in shown.content.decode()
    assert secret not in shown.content.decode()
    assert not User.objects.filter(username="carla").exists()


def test_what_is_too_long_to_be_kept_is_said_to_be_lost(browser):
    address, typed = cancelling()
    page = browser.get(address)
    end_session(browser)

    refused = browser.post(address, {**typed, "note": "long " * 4_000, "csrfmiddlewaretoken": token_in(page)})
    shown = browser.get(log_in(browser, page=refused).url)

    assert len(blob_in(refused)) < 500
    assert NOT_SENT in text_of(shown)
    assert "What you typed was too long to be kept." in text_of(shown)


@pytest.mark.slow
def test_it_survives_a_wrong_password(browser):
    address, typed = cancelling()
    page = browser.get(address)
    end_session(browser)
    refused = browser.post(address, {**typed, "csrfmiddlewaretoken": token_in(page)})

    wrong = log_in(browser, page=refused, password="wrong")
    shown = browser.get(log_in(browser, page=wrong).url)

    assert (wrong.status_code, NOT_SENT in text_of(wrong)) == (200, True)
    assert stands_in(shown, typed) == []


@pytest.mark.slow
def test_it_survives_a_log_in_page_that_is_too_old(browser):
    address, typed = cancelling()
    page = browser.get(address)
    end_session(browser)
    refused = browser.post(address, {**typed, "csrfmiddlewaretoken": token_in(page)})

    too_old = log_in(browser, page=refused, csrfmiddlewaretoken="x" * 64)
    shown = browser.get(log_in(browser, page=too_old).url)

    assert too_old.status_code == 403
    assert "Nothing was changed." in text_of(too_old)
    assert stands_in(shown, typed) == []


@pytest.mark.slow
@pytest.mark.parametrize("change", ["forged", "old", "of another kind"])
def test_what_was_not_signed_here_a_short_while_ago_is_thrown_away(browser, monkeypatch, change):
    address, typed = cancelling()
    page = browser.get(address)
    end_session(browser)
    refused = browser.post(address, {**typed, "csrfmiddlewaretoken": token_in(page)})
    blob = blob_in(refused)
    if change == "old":
        monkeypatch.setattr(unsent, "SECONDS", -1)
    other = {
        "forged": blob[:-3] + "abc",
        "old": blob,
        "of another kind": signing.dumps({"page": address, "at": 0}),
    }

    shown = browser.get(log_in(browser, page=refused, unsent=other[change]).url)

    assert shown.status_code == 200
    assert NOT_SENT not in text_of(shown)
    assert TYPED not in unescape(shown.content.decode())


@pytest.mark.slow
def test_it_waits_for_its_own_page_and_not_longer_than_a_quarter_of_an_hour(browser, monkeypatch):
    address, typed = cancelling()
    page = browser.get(address)
    end_session(browser)
    refused = browser.post(address, {**typed, "csrfmiddlewaretoken": token_in(page)})
    log_in(browser, page=refused)

    elsewhere = browser.get("/admin/bookings/booking/")
    by_itself = browser.get(address, headers={"X-Refresh": "1"})
    in_a_while = time.time() + 901
    monkeypatch.setattr(unsent.time, "time", lambda: in_a_while)
    late = browser.get(address)

    assert [NOT_SENT in text_of(answer) for answer in (elsewhere, by_itself, late)] == [False] * 3
    assert "unsent" not in str([session.get_decoded() for session in Session.objects.all()])


@pytest.mark.slow
def test_whoever_logs_in_without_the_right_for_it_is_shown_nothing_of_it(browser, django_user_model):
    django_user_model.objects.create_user("otto", password=RIGHT, is_staff=True)
    address, typed = cancelling()
    page = browser.get(address)
    end_session(browser)
    refused = browser.post(address, {**typed, "csrfmiddlewaretoken": token_in(page)})

    shown = browser.get(log_in(browser, page=refused, name="otto").url)

    assert shown.status_code == 403
    assert TYPED not in unescape(shown.content.decode())


def test_a_stranger_that_sends_a_form_writes_no_session(client):
    answer = client.post("/admin/bookings/booking/1/cancel/", {"reason": "fraud", "note": TYPED})

    assert (answer.status_code, Session.objects.count()) == (403, 0)
    assert NOT_SENT in text_of(answer)


@pytest.mark.slow
@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://testserver.example.org"])
def test_a_form_from_another_site_is_refused_and_shown_to_nobody(browser, origin):
    address, typed = cancelling()
    token = token_in(browser.get(address))
    said = {**typed, "csrfmiddlewaretoken": token}

    answers = [browser.post(where, said, headers={"Origin": origin}) for where in (address, LOGIN, "/admin/logout/")]
    shown = browser.get(address)

    assert [answer.status_code for answer in answers] == [403] * 3
    assert all("Nothing was changed." in text_of(answer) for answer in answers)
    assert NOT_SENT not in text_of(shown)
    assert TYPED not in unescape(shown.content.decode())


def test_a_form_from_elsewhere_over_tls_is_told_by_its_referrer(browser):
    address, typed = cancelling()

    answer = browser.post(address, typed, secure=True, headers={"Referer": "https://example.org/"})

    assert answer.status_code == 403
    assert TYPED not in unescape(answer.content.decode())
    assert "unsent" not in str([session.get_decoded() for session in Session.objects.all()])
