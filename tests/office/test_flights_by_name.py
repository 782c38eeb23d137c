"""Staff see, find and filter flights as people say them, and what clients keep with their bookings."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.bookings import a_saved_row
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

LIST = "/admin/bookings/booking/"
NAMED = {
    "flight_number": "UK 808",
    "departure_airport": "DEL",
    "arrival_airport": "BLR",
    "departure_at": datetime(2030, 1, 1, 9, tzinfo=UTC),
    "arrival_at": datetime(2030, 1, 1, 12, tzinfo=UTC),
}
HOSTILE = "<script>alert('x')</script>"


def shown(answer):
    return [line.booking.pk for line in answer.context["lines"]]


def exported(desk):
    answer = desk.get(f"{LIST}export/")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.slow
@pytest.mark.parametrize("page", ["", "{}/change/"])
def test_a_flight_is_shown_by_number_route_and_departure(desk, page):
    booking = a_saved_row(flight_id=7, **NAMED)

    content = desk.get(LIST + page.format(booking.pk)).content.decode()

    assert 'href="/admin/bookings/flight/7/">UK 808</a>' in content
    assert '<span class="quiet">DEL → BLR</span>' in content
    assert '<time datetime="2030-01-01T09:00:00+00:00">2030-01-01 09:00</time>' in content


@pytest.mark.slow
def test_a_flight_that_has_no_name_is_shown_by_its_id(desk):
    a_saved_row(flight_id=7)

    content = desk.get(LIST).content.decode()

    assert 'href="/admin/bookings/flight/7/">7</a></td>' in content


@pytest.mark.parametrize(
    ("ends", "said"), [(("DEL", ""), "DEL → ?"), (("", "BLR"), "? → BLR")], ids=["from alone", "to alone"]
)
def test_of_a_route_that_is_half_known_that_half_is_shown(desk, ends, said):
    a_saved_row(departure_airport=ends[0], arrival_airport=ends[1])

    assert f'<span class="quiet">{said}</span>' in desk.get(LIST).content.decode()


@pytest.mark.slow
def test_the_pages_of_a_cancellation_name_the_flight(db):
    booking = a_saved_row(flight_id=7, **NAMED)
    desk = desk_of(a_person(group="Supervisor"))

    one = text_of(desk.get(f"{LIST}{booking.pk}/cancel/"))
    many = desk.get("/admin/bookings/bulkcancel/new/?flight=7").content.decode()

    assert "2 seats on flight UK 808" in one
    assert "2 seats go back to flight UK 808" in one
    assert ">UK 808</a>" in many


@pytest.mark.slow
def test_a_number_is_no_flight_to_cancel(db):
    a_saved_row(flight_id=7, **NAMED)
    desk = desk_of(a_person(group="Supervisor"))

    assert desk.get("/admin/bookings/bulkcancel/new/?flight=UK+808").status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["UK 808", "uk808", "UK-808"])
def test_the_list_is_filtered_by_a_flight_number(desk, typed):
    wanted, *_ = a_saved_row(flight_id=7, **NAMED), a_saved_row(flight_number="UK 809"), a_saved_row()

    answer = desk.get(LIST, {"flight": typed})

    assert shown(answer) == [wanted.pk]
    assert f'value="{typed}"' in answer.content.decode()
    assert "Cancel these bookings" not in answer.content.decode()


def test_what_may_be_a_number_is_read_as_a_flight_number(desk):
    wanted, _ = a_saved_row(flight_number="1E 3"), a_saved_row(flight_id=1000)

    assert shown(desk.get(LIST, {"flight": "1e3"})) == [wanted.pk]


@pytest.mark.slow
def test_a_flight_number_goes_on_page_by_page(desk):
    rows = [a_saved_row(flight_number="UK 808").pk for _ in range(51)]

    first = desk.get(LIST, {"flight": "UK 808"})
    second = desk.get(LIST + first.context["older"])

    assert (shown(first), shown(second)) == (rows[:0:-1], rows[:1])


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["UK 808", "uk808"])
def test_a_flight_number_is_searched_for(desk, typed):
    rows = [a_saved_row(flight_id=7, **NAMED) for _ in range(2)]

    answer = desk.get("/admin/search/", {"q": typed})

    (group,) = answer.context["groups"]
    assert [line.booking.pk for line in group.lines] == [row.pk for row in reversed(rows)]
    assert shown(desk.get(group.address)) == [row.pk for row in reversed(rows)]


def test_of_a_flight_number_the_bookings_that_depart_last_are_found_however_they_are_spelled(desk):
    tenth = datetime(2030, 1, 10, 9, tzinfo=UTC)
    unknown = a_saved_row(flight_number="UK 808")
    days = [a_saved_row(flight_number="UK 808", departure_at=tenth + timedelta(days=day)) for day in range(5)]
    ninth, fifteenth = (
        a_saved_row(flight_number=spelling, departure_at=tenth + timedelta(days=day))
        for spelling, day in (("UK808", -1), ("UK-808", 5))
    )
    eighth, a_year_before, the_first = (
        a_saved_row(flight_number="UK 808", departure_at=tenth - timedelta(days=days)) for days in (2, 365, 366)
    )

    (group,) = desk.get("/admin/search/", {"q": "UK 808"}).context["groups"]

    wanted = [fifteenth, *reversed(days), ninth, eighth, a_year_before, the_first]
    assert [line.booking.pk for line in group.lines] == [row.pk for row in wanted]
    assert unknown not in wanted


def test_a_booking_whose_departure_is_not_known_is_found_behind_the_others(desk):
    unknown, known = a_saved_row(flight_number="UK 808"), a_saved_row(**NAMED)

    (group,) = desk.get("/admin/search/", {"q": "UK 808"}).context["groups"]

    assert [line.booking.pk for line in group.lines] == [known.pk, unknown.pk]


def test_what_a_client_calls_a_booking_is_searched_for(desk):
    booking, _ = a_saved_row(client_reference="Reise 4711 é"), a_saved_row(client_reference="Reise 4712")

    answer = desk.get("/admin/search/", {"q": " Reise 4711 é "})

    assert answer.headers["Location"] == f"{LIST}{booking.pk}/change/"


# --- what the client keeps -----------------------------------------------------------------------------------


def test_what_a_client_keeps_is_shown_as_text_and_nothing_else(desk):
    metadata = {HOSTILE: f"{HOSTILE}\nsecond line\u202e\x00", "order": "A-17"}
    booking = a_saved_row(client_reference=HOSTILE, metadata=json.dumps(metadata))

    content = desk.get(f"{LIST}{booking.pk}/change/").content.decode()

    assert HOSTILE not in content
    assert content.count("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;") == 3
    assert "<br>second line\ufffd\ufffd</bdi>" in content
    assert "\u202e" not in content
    assert "<dt><bdi>order</bdi></dt><dd><bdi>A-17</bdi></dd>" in content


def test_without_it_nothing_is_said_about_it(desk):
    content = text_of(desk.get(f"{LIST}{a_saved_row().pk}/change/"))

    assert "Kept by the client" not in content
    assert "Client's reference" not in content


def test_an_export_has_the_flight_the_money_and_what_the_client_keeps(desk):
    a_saved_row("booked", client_reference="=1+1", metadata='{"a": "=1+1"}', **NAMED)

    (row,) = exported(desk)

    assert {name: row[name] for name in NAMED} == {
        **NAMED,
        "departure_at": "2030-01-01T09:00:00+00:00",
        "arrival_at": "2030-01-01T12:00:00+00:00",
    }
    assert (row["payment_state"], row["refund_at"], row["cancelled_at"]) == ("succeeded", "", "")
    assert (row["client_reference"], row["metadata"]) == ("'=1+1", '{"a": "=1+1"}')
