"""What travelers are told: in each kind and language, whatever the Flight Service names its flights."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from django.utils.translation.template import templatize

from bookings.answers.messages import LANGUAGES, REASONS, kind_of, language_for, written, written_briefly
from bookings.lifecycle import CancelReason, News
from bookings.services.messages.rules import is_urgent
from bookings.text.gsm7 import ONE_SMS, plain, room_of
from devtools.processes import REPOSITORY
from devtools.translations import compiled, lists, read
from tests.support.messages import a_told

TEMPLATES = REPOSITORY / "templates/messages"
HOSTILE = '<script>alert(1)</script>{{ reference }} %(city)s\r\nBcc: eve@example.org\n\x1b[31m "&\u202eX'

KINDS = {
    News.HELD: {},
    News.EXPIRING: {},
    News.PAID: {"status": "booked", "before": "initiated"},
    News.PAYMENT_FAILED: {},
    News.EXPIRED: {"status": "cancelled", "cancel_reason": "expired", "before": "initiated"},
    News.CANCELLED: {
        "status": "cancelled",
        "before": "booked",
        "cancel_reason": "flight_cancelled",
        "payment_state": "refund_due",
        "refund_amount": 1222000,
    },
    News.REFUNDED: {"status": "booked", "amount": 50000},
}


def told(news, **columns):
    return a_told(news, **{**KINDS[news], **columns})


def write(news, *, language="en", **columns):
    return written(told(news, **columns), language=language, domain="bookings.example.org")


def text(news, *, language="en", **columns):
    return written_briefly(told(news, **columns), language=language)


class Tags(HTMLParser):
    """The tags of a page and their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.open, self.said = [], set(), [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.said += f" {text}"


def words(text):
    return [word.rstrip(":") for word in text.split()]


def test_each_kind_of_news_has_its_templates_and_no_other_is_there():
    kinds = {kind_of(news) for news in News}

    shared = {"message.txt", "message.html", "booking.txt", "booking.html"}
    wanted = {f"{kind}.{ending}" for kind in kinds for ending in ("subject.txt", "txt", "html")}
    urgent = {f"{kind_of(news)}.sms.txt" for news in News if is_urgent(told(news))}
    assert {path.name for path in TEMPLATES.iterdir()} - shared == wanted | urgent
    assert urgent == {"paid.sms.txt", "expiring.sms.txt", "cancelled.sms.txt"}
    assert set(KINDS) == set(News)


def test_a_mail_says_what_happened_in_local_times():
    mail = write(News.CANCELLED)

    assert mail.subject == "ABCD1234: your booking is cancelled"
    assert mail.text == (
        "Hello,\n\nYour booking is cancelled. The airline has cancelled this flight.\n\n"
        "What you have paid goes back to you the way it came: 12,220.00 INR. With some banks that takes ten days.\n\n"
        "The file of this mail takes the flight out of your calendar.\n\n"
        "Booking: ABCD1234\nFlight: AI101\nFrom: New Delhi (DEL)\nTo: London (LHR)\n"
        "Departure: Tuesday, 14 July 2026, 18:25 (local time in New Delhi)\n"
        "Arrival: Tuesday, 14 July 2026, 22:55 (local time in London)\nSeats: 2\nPrice: 12,220.00 INR\n\n"
        "This mail comes from a machine, because your booking names this address. Days and times are those of the "
        "places that stand beside them.\n"
    )


def test_each_kind_says_the_same_in_html_as_in_text_and_nothing_is_loaded_by_it():
    for news in News:
        for language in LANGUAGES:
            mail = write(news, language=language)
            page = Tags(mail.html)
            in_the_title = ["ABCD1234"]
            assert sorted(words(page.said)) == sorted([*words(mail.text), *in_the_title]), news
            assert set(page.tags) == {"html", "head", "meta", "title", "body", "div", "p", "table", "tr", "th", "td"}
            assert page.attributes == {"lang", "charset", "name", "content", "style", "scope"}
            assert page.open == []
            assert "url(" not in mail.html
            assert f'<html lang="{language}">' in mail.html


def test_names_of_the_flight_service_stay_names():
    for news in News:
        for language in LANGUAGES:
            mail = write(
                news, language=language, flight_number=HOSTILE, departure_airport=HOSTILE, arrival_airport=HOSTILE
            )
            assert mail.subject.isprintable()
            assert "\n" not in mail.subject
            assert "script" not in Tags(mail.html).tags
            assert not any(line.startswith("Bcc") for line in (*mail.text.splitlines(), *mail.calendar.splitlines()))
            assert not set("\r\x1b\u202e") & set(mail.text + mail.html)
            assert not set("\x1b\u202e") & set(mail.calendar)


def test_an_sms_says_what_is_urgent_in_one_sms():
    said = {news: {each: text(news, language=each) for each in LANGUAGES} for news in News if is_urgent(told(news))}

    assert said == {
        News.EXPIRING: {
            "en": "ABCD1234: flight AI101 is not paid for yet. Pay until 1 Jul 2026, 14:45 (local time in DEL); "
            "then your seats are given to others.",
            "de": "ABCD1234: Flug AI101 ist noch nicht bezahlt. Zahlen Sie bis 1.7.2026, 14:45 (Ortszeit in DEL); "
            "danach bekommen andere Ihre Plätze.",
        },
        News.PAID: {
            "en": "ABCD1234: flight AI101 is booked. Departure: 14 Jul 2026, 18:25 (local time in DEL). Seats: 2.",
            "de": "ABCD1234: Flug AI101 ist gebucht. Abflug: 14.7.2026, 18:25 (Ortszeit in DEL). Plätze: 2.",
        },
        News.CANCELLED: {
            "en": "ABCD1234: the airline has cancelled flight AI101. Departure: 14 Jul 2026, 18:25 "
            "(local time in DEL). What you have paid goes back to you.",
            "de": "ABCD1234: Die Airline hat Flug AI101 gestrichen. Abflug: 14.7.2026, 18:25 (Ortszeit in DEL). "
            "Was Sie bezahlt haben, geht an Sie zurück.",
        },
    }


def test_an_sms_is_one_whatever_the_flight_service_names_its_flights_and_in_each_month():
    longest = {"flight_number": "W" * 64, "no_of_seats": 999}
    strange = {"flight_number": HOSTILE, "departure_airport": HOSTILE}
    unknown = {"flight_number": "\u202e☃", "flight_id": 2**63 - 1, "departure_at": None, "departure_airport": "QQQ"}
    for news in (each for each in News if is_urgent(told(each))):
        for language in LANGUAGES:
            for month in range(1, 13):
                when = dict.fromkeys(("departure_at", "expires_at"), datetime(2026, month, 28, 12, tzinfo=UTC))
                for columns in (longest, strange, unknown):
                    said = text(news, language=language, **{**when, **columns})
                    assert (room_of(said) or 999) <= ONE_SMS, said
                    assert said.isprintable()


def test_a_name_in_an_sms_is_written_by_its_plain_letters():
    names = {"LH 400": "LH 400", "Łódź Gdańsk": "odz Gdansk", "ÄÖ{1}€": "AO1", " a\n\tb ": "ab", "W" * 20: "W" * 12}

    assert {name: plain(name, longest=12) for name in names} == names
    assert [room_of(each) for each in ("Plätze §", "[€]", "ł", "", "`")] == [8, 6, None, 0, None]


def test_a_flight_that_is_hardly_known_is_shown_as_far_as_it_is():
    unknown = {"flight_number": "", "departure_airport": "", "arrival_airport": ""}
    mail = write(News.PAID, **unknown, departure_at=None, arrival_at=None, total_cost=0)
    elsewhere = write(News.PAID, departure_airport="QQQ", currency="DEM")

    assert "Flight: 7\nSeats: 2\n\n" in mail.text
    assert mail.calendar == ""
    assert "calendar" not in mail.text
    assert "From: QQQ\n" in elsewhere.text
    assert "Departure: Tuesday, 14 July 2026, 12:55 UTC\n" in elsewhere.text
    assert "Price: 1,222,000 minor units of DEM\n" in elsewhere.text


def test_another_language_has_its_own_words_days_and_numbers():
    mail = write(News.CANCELLED, language="de")

    assert mail.subject == "ABCD1234: Ihre Buchung ist storniert"
    assert "Abflug: Dienstag, 14. Juli 2026, 18:25 (Ortszeit in New Delhi)\n" in mail.text
    assert "geht auf demselben Weg an Sie zurück: 12.220,00 INR." in mail.text


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("en", "en"), ("de", "de"), ("de-AT", "de"), ("DE_ch", "de"), ("fr", "en"), ("", "en"), ("../de", "en")],
)
def test_who_wants_another_language_gets_english(wanted, language):
    assert language_for(wanted) == language


def test_a_reason_is_told_unless_it_is_staffs_own():
    told = {reason: write(News.CANCELLED, cancel_reason=reason).text for reason in CancelReason}

    beginning, end = "Hello,\n\nYour booking is cancelled.", "\n\nWhat you have paid"
    said = {reason: text.partition(end)[0].removeprefix(beginning).strip() for reason, text in told.items()}
    assert said == {reason: REASONS.get(reason, "") for reason in CancelReason}
    assert {reason for reason in CancelReason if not said[reason]} == {"fraud", "other", "expired"}


def test_each_text_is_translated_and_each_translation_is_used():
    sources = [templatize(path.read_text()) for path in TEMPLATES.iterdir()]
    in_templates = {text for each in sources for _, text in re.findall(r"gettext\(u(['\"])(.*?)\1\)", each)}
    in_code = {*REASONS.values(), "l, j F Y, H:i", "j M Y, H:i", "local time in %(city)s"}
    (german,) = lists()
    known = read(german.read_text())

    assert len(in_templates) > 25
    assert set(known) - {""} == in_templates | in_code
    assert all(known.values())
    for text, other in known.items():
        if text:
            assert sorted(re.findall(r"%\(\w+\)s", text)) == sorted(re.findall(r"%\(\w+\)s", other))


def test_what_python_reads_is_made_of_the_list():
    for path in lists():
        made = compiled(read(path.read_text()))
        assert path.with_suffix(".mo").read_bytes() == made, "python -m devtools.translations"
