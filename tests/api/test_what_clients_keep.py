"""clientReference and metadata: what a client keeps with a booking, shown as it was sent and read by nothing."""

import json

import pytest

from bookings.models import Booking
from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import a_saved_row

pytestmark = pytest.mark.django_db

STRANGE = {"<b>": "</script><script>alert(1)</script>", "=1+1": "a\nb\x00\u202e", "é": "", " ": "🛫" * 500}


def test_what_a_client_keeps_is_shown_wherever_its_booking_is(api):
    booking = shown(api.create(clientReference="Reise 4711 é", metadata=STRANGE))

    listed = shown(api.get(BOOKINGS))["results"][0]
    read = shown(api.get(f"{BOOKINGS}/{booking['id']}"))

    for each in (booking, listed, read):
        assert (each["clientReference"], each["metadata"]) == ("Reise 4711 é", STRANGE)


def test_it_stays_when_the_booking_is_paid_or_cancelled(api):
    kept = {"clientReference": "A", "metadata": {"order": "A-17"}}
    paid, ended = (shown(api.create(**kept)) for _ in range(2))

    for answer in (api.pay(paid), api.cancel(ended)):
        assert {name: shown(answer)[name] for name in kept} == kept


def test_without_it_there_is_none(api):
    booking = shown(api.create())

    assert (booking["clientReference"], booking["metadata"]) == (None, {})
    assert Booking.objects.values_list("client_reference", "metadata").get() == ("", "")


def test_an_empty_metadata_is_none(api):
    assert shown(api.create(metadata={}))["metadata"] == {}


@pytest.mark.parametrize(
    "text", ["", " ", "\u200b", "a\nb", "a\x00b", "\u202egnitset", "a" * 201, 7, None, [], {}, True], ids=repr
)
def test_what_is_no_client_reference_is_refused_and_nothing_is_written(api, text):
    answer = api.create(clientReference=text)

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == ["clientReference"]
    assert not Booking.objects.exists()


@pytest.mark.parametrize(
    "metadata",
    [
        *(None, [], "a", 7, True, [["a", "b"]]),
        *({"a": 1}, {"a": None}, {"a": True}, {"a": {}}, {"a": ["b"]}, {"a": "b" * 501}),
        *({"": "b"}, {"a" * 41: "b"}, {str(number): "" for number in range(51)}),
    ],
    ids=lambda metadata: repr(metadata)[:30],
)
def test_what_is_no_metadata_is_refused_without_being_quoted(api, metadata):
    answer = api.create(metadata=metadata)

    assert refused(answer) == (400, "invalid_request")
    assert list(answer.json()["error"]["fields"]) == ["metadata"]
    assert "b" * 50 not in answer.content.decode()
    assert not Booking.objects.exists()


def test_as_much_as_a_body_holds_is_kept(api):
    most = {f"{number:040}": "x" * 500 for number in range(50)}

    booking = shown(api.create(clientReference="c" * 200, metadata=most))

    assert shown(api.get(f"{BOOKINGS}/{booking['id']}"))["metadata"] == most


def test_more_than_a_body_holds_is_refused(api):
    answer = api.create(metadata={f"{number:040}": "€" * 500 for number in range(50)})

    assert refused(answer) == (413, "body_too_large")


@pytest.mark.parametrize("name", ["a", "__class__", "__proto__", "id", "%s", "{}"])
def test_no_name_means_anything(api, name):
    assert shown(api.create(metadata={name: "%(a)s {0} {{ x }}"}))["metadata"] == {name: "%(a)s {0} {{ x }}"}


# --- under a key ------------------------------------------------------------------------------------------


def test_a_repetition_gets_the_same_bytes(api):
    kept = {"clientReference": "A", "metadata": {"b": "é", "a": "2"}}

    answers = [api.create(key="k", **kept) for _ in range(2)]

    assert answers[0].content == answers[1].content
    assert Booking.objects.count() == 1


def test_the_order_of_names_does_not_matter(api):
    api.create(key="k", metadata={"a": "1", "b": "2"})

    assert api.create(key="k", metadata={"b": "2", "a": "1"}).headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    "other",
    [{}, {"clientReference": "B"}, {"metadata": {"a": "2"}}, {"metadata": {"a": "1", "b": ""}}, {"metadata": {}}],
    ids=repr,
)
def test_with_something_else_to_keep_it_is_another_request(api, other):
    kept = {"clientReference": "A", "metadata": {"a": "1"}}
    api.create(key="k", **kept)

    assert refused(api.create(key="k", **({**kept, **other} if other else {}))) == (422, "idempotency_key_reused")


def test_what_is_kept_is_in_no_answer_about_what_happened(api):
    booking = shown(api.create(clientReference="canary", metadata={"canary": "canary"}))

    assert "canary" not in json.dumps(shown(api.get(f"{BOOKINGS}/{booking['id']}/events")))


def test_a_row_without_it_shows_none(api):
    row = a_saved_row()

    assert shown(api.get(f"{BOOKINGS}/{row.pk}"))["metadata"] == {}


def test_blanks_around_a_reference_are_no_part_of_it_and_count(api):
    assert shown(api.create(clientReference=" A "))["clientReference"] == "A"
    assert refused(api.create(clientReference=" " + "a" * 200)) == (400, "invalid_request")
