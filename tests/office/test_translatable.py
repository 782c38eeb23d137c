"""Every word of the back office can be translated: shown in a language in which each has brackets round it."""

import re
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.utils import translation

from bookings.lifecycle import CancelReason
from bookings.models import Message
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.messages.fan_out import fan_out
from tests.support.bookings import STAFF, a_booked_booking, a_pending_booking, an_initiated_booking, one_pass
from tests.support.messages import give_contact
from tests.support.people import a_person, desk_of
from tests.support.webhooks import an_endpoint, announcements, to_deliver

pytestmark = pytest.mark.django_db

# What no translator gets to see: names of people, systems and schedules, keys, and what somebody typed.
NAMES = "anna|test|worker|dropped|desk-1|typed|background pass|delete old rows|compare (seats|payments)|flight=|XXX"
SCHEDULE = "look for missed news|write reports"
FUNCTION = r"bookings\.tasks\.\w+"
# An address, a type of event, a key.
OF_WEBHOOKS = r"(https://)?hooks\.example\.org/a|booking\.[a-z]+|(we|evt)_[0-9a-f]{32}|crm|request-1"
DATA = re.compile(
    rf"\b({NAMES}|{SCHEDULE}|{FUNCTION}|{OF_WEBHOOKS}"
    r"|[a-z]+:(read|write|manage|erase)|[0-9a-f-]{8,}|[2-9A-Z]{8}|\d[\d:., -]*s?)\b"
)


class Words(HTMLParser):
    """Collects what a reader sees or hears outside of the brackets: texts, and what is read aloud."""

    SPOKEN = ("placeholder", "title", "aria-label", "alt")
    OF_PROGRAMS = ("script", "style", "pre")

    def __init__(self):
        super().__init__()
        self.found, self._silent, self._depth = [], 0, 0

    def handle_starttag(self, tag, attributes):
        self._silent += tag in self.OF_PROGRAMS
        for name, value in attributes:
            if name in self.SPOKEN and value:
                self._keep(value)

    def handle_endtag(self, tag):
        self._silent -= tag in self.OF_PROGRAMS

    def handle_data(self, text):
        if not self._silent:
            self._keep(text)

    def _keep(self, text):
        """A translated sentence may hold markup, and other sentences: brackets are counted over all of it."""
        outside = []
        for letter in text:
            self._depth += letter == "⟦"
            outside.append(letter if self._depth == 0 else "")
            self._depth -= letter == "⟧"
        self.found.append("".join(outside))


def untranslated(page):
    words = Words()
    words.feed(page)
    left = {DATA.sub("", text).strip() for text in words.found}
    return sorted(text for text in left if re.search(r"[A-Za-z]{2,}", text))


@pytest.fixture
def brackets(monkeypatch):
    """A language that puts brackets round every message."""
    monkeypatch.setattr(translation._trans, "gettext", lambda message: f"⟦{message}⟧")
    monkeypatch.setattr(translation._trans, "pgettext", lambda context, message: f"⟦{message}⟧")
    monkeypatch.setattr(translation._trans, "ngettext", lambda one, many, n: f"⟦{one if n == 1 else many}⟧")


@pytest.fixture
def desk(admin_user):
    admin_user.username = "anna"
    admin_user.save()
    return desk_of(admin_user)


@pytest.fixture
def ids(flights, payments, settings):
    """A booking of each kind, by what became of it; and what others were told."""
    settings.MAIL_SERVER, settings.MAIL_FROM = "folder:", "noreply@bookings.example.org"
    found = {"initiated": an_initiated_booking(flights), "booked": a_booked_booking(flights, payments)}
    cancelled = a_booked_booking(flights, payments)
    cancel_booking(booking_id=cancelled.pk, actor=STAFF, reason=CancelReason.FRAUD, note="typed")
    one_pass(flights, payments)
    endpoint = an_endpoint().endpoint
    *_, delivery = to_deliver(endpoint, announcements(1))
    booking = delivery.announcement.booking
    give_contact(booking)
    fan_out([delivery.announcement], booking.created_at)
    Message.objects.update(state="sent", next_at=None, ended_at=booking.created_at)
    told = {"endpoint": endpoint, "delivery": delivery, "told": booking, "message": Message.objects.get()}
    return {**found, "cancelled": cancelled, "pending": a_pending_booking(flights), **told}


PAGES = [
    *(f"bookings/booking/{{{kind}}}/change/" for kind in ("initiated", "booked", "cancelled", "pending")),
    *(f"bookings/booking/{{{kind}}}/cancel/" for kind in ("initiated", "booked", "cancelled", "pending")),
    "bookings/booking/{booked}/seats/",
    *(f"bookings/booking/{{{kind}}}/contact/" for kind in ("told", "initiated")),
    "bookings/booking/{told}/message/{message}/",
    "search-by-email/",
    "search/?q=nothing",
    "search/?q=1001",
    "",
    "bookings/booking/",
    "customer/",
    "customer/?user=1001",
    "bookings/flight/1/",
    "bookings/bulkcancel/",
    "bookings/bulkcancel/new/?flight=1",
    "bookings/seatcall/",
    "bookings/payment/",
    "bookings/bookingevent/",
    "bookings/idempotencyrecord/",
    "bookings/reconciliation/",
    "bookings/dispute/",
    "bookings/gatewaynotice/",
    "bookings/paymentcomparison/",
    "bookings/webhookendpoint/",
    "bookings/webhookendpoint/{endpoint}/change/",
    *(f"bookings/webhookendpoint/{{endpoint}}/{word}/" for word in ("ping", "pause", "replay", "retire")),
    "bookings/webhookdelivery/",
    "bookings/webhookdelivery/{delivery}/change/",
    "bookings/webhookdelivery/{delivery}/again/",
    "bookings/booking/{told}/change/",
    "bookings/apikey/",
    "bookings/apikey/add/",
    "django_q/schedule/",
    "django_q/success/",
    "django_q/failure/",
    "django_q/ormq/",
]


@pytest.mark.slow
def test_no_page_has_a_word_that_cannot_be_translated(desk, ids, brackets):
    addresses = ["/admin/" + page.format(**{kind: booking.pk for kind, booking in ids.items()}) for page in PAGES]

    answers = {address: desk.get(address) for address in addresses}

    assert {address: answer.status_code for address, answer in answers.items()} == dict.fromkeys(addresses, 200)
    words = {address: untranslated(answer.content.decode()) for address, answer in answers.items()}
    assert words == {address: [] for address in addresses}


def test_the_page_that_refuses_has_none_either(brackets):
    answer = desk_of(a_person()).get("/admin/bookings/booking/")

    assert answer.status_code == 403
    assert untranslated(answer.content.decode()) == []


def test_the_page_of_a_filter_that_is_not_understood_has_its_name_alone(desk, brackets):
    answer = desk.get("/admin/bookings/booking/?flight=1&status=nonsense")

    assert answer.status_code == 400
    assert untranslated(answer.content.decode()) == ["status"]


@pytest.mark.slow
def test_the_log_in_has_none_either(client, brackets):
    typed = {"username": "anna", "password": "wrong"}

    answers = [client.get("/admin/login/"), *(client.post("/admin/login/", typed) for _ in range(6))]

    assert [answer.status_code for answer in answers] == [200] * 6 + [429]
    assert [untranslated(answer.content.decode()) for answer in answers] == [[]] * 7


@pytest.mark.slow
def test_what_is_said_of_a_form_that_was_not_sent_has_none_either(admin_user, ids, brackets):
    admin_user.username = "anna"
    admin_user.save()
    browser, address = Client(), f"/admin/bookings/booking/{ids['booked'].pk}/cancel/"

    refused = browser.post(address, {"reason": "fraud", "note": "typed"})
    said = {"username": "anna", "password": "password", "next": address, "unsent": refused.context["unsent"]}
    shown = browser.get(browser.post("/admin/login/", said).url)

    assert "Not sent" in shown.content.decode()
    assert [untranslated(answer.content.decode()) for answer in (refused, shown)] == [[], []]


def test_a_word_without_brackets_is_found():
    assert untranslated("<p>⟦Known⟧ <b title='unknown too'>unknown</b> K7MQ2XTR</p>") == ["unknown", "unknown too"]
