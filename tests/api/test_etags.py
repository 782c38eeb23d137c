"""A booking has a tag of its version, and a client may say which version it has seen."""

import pytest

from bookings.models import Booking, IdempotencyRecord
from bookings.queries.bookings import visible
from bookings.services.bookings import cancel as cancelling
from bookings.services.payments import pay as paying
from tests.support.api import BOOKINGS, refused, shown
from tests.support.bookings import let_time_pass, one_pass
from tests.support.fakes import ChargeFault, Fault

pytestmark = pytest.mark.django_db

CHANGED = (412, "booking_changed")
RATHER_LATER = {"Prefer": "respond-async"}


def read(api, booking, **headers):
    return api.get(f"{BOOKINGS}/{booking['id']}", **headers)


def tag(answer):
    return answer.headers["ETag"]


def test_each_answer_that_shows_a_booking_has_the_tag_that_reading_it_has(api, flights, payments):
    for prepare, ask in (
        (lambda: None, lambda booking: api.create()),
        (lambda: flights.fail_next(Fault.DROP_REPLY, Fault.DROP_REPLY), lambda _: api.create(headers=RATHER_LATER)),
        (lambda: None, api.pay),
        (lambda: payments.fail_next(ChargeFault.UNKNOWN), api.pay),
        (lambda: None, api.cancel),
    ):
        booking = shown(api.create())
        prepare()

        answer = ask(booking)

        assert answer.status_code < 300
        assert tag(answer) == tag(read(api, shown(answer)))


def test_a_tag_is_another_one_after_each_change(api, flights, payments):
    booking = shown(api.create())
    tags = [tag(read(api, booking))]

    api.pay(booking)
    tags.append(tag(read(api, booking)))

    other = shown(api.create())
    tags.append(tag(read(api, other)))
    let_time_pass(minutes=16)
    one_pass(flights, payments)
    tags.append(tag(read(api, other)))
    assert len(set(tags)) == 4
    assert tag(read(api, other)) == tags[-1]


@pytest.mark.parametrize("ask", ["pay", "cancel"])
@pytest.mark.parametrize("form", ["{}", "*", ' "1.99" , {} ', '"a-b", {}'])
def test_what_has_not_changed_is_done(api, ask, form):
    created = api.create()

    answer = getattr(api, ask)(shown(created), key="k", headers={"If-Match": form.format(tag(created))})

    assert answer.status_code in (200, 201)


@pytest.mark.parametrize("ask", ["pay", "cancel"])
def test_what_has_changed_is_left_alone(api, ask):
    created = api.create()
    booking = shown(created)
    Booking.objects.filter(pk=booking["id"]).update(version=7)
    before = Booking.objects.values().get()

    answer = getattr(api, ask)(booking, key="k", headers={"If-Match": tag(created)})

    assert refused(answer) == CHANGED
    assert answer.json()["error"]["retryable"] is False
    assert Booking.objects.values().get() == before
    assert IdempotencyRecord.objects.count() == 0
    assert getattr(api, ask)(booking, key="k", headers={"If-Match": tag(read(api, booking))}).status_code < 300


def test_a_cancellation_without_a_key_looks_at_the_version_too(api):
    created = api.create()
    Booking.objects.update(version=7)

    assert refused(api.cancel(shown(created), headers={"If-Match": tag(created)})) == CHANGED
    assert api.cancel(shown(created)).status_code == 200


@pytest.mark.parametrize(("module", "ask"), [(paying, "pay"), (cancelling, "cancel"), (visible, "read")])
def test_nothing_else_refuses_it(api, monkeypatch, module, ask):
    """The twin: without the comparison the request is carried out."""
    created = api.create()
    Booking.objects.update(version=7)
    monkeypatch.setattr(module, "refuse_if_changed", lambda booking, *, seen: None)
    headers = {"If-Match": tag(created)}

    if ask == "read":
        answer = read(api, shown(created), **headers)
    else:
        answer = getattr(api, ask)(shown(created), headers=headers)

    assert answer.status_code in (200, 201)


@pytest.mark.parametrize("sent", ['"{id}.0"', 'W/"{id}.1"', '"99.1"', '"{id}"', '"1"', '""', '"{id}.1.1"'])
def test_another_tag_than_that_of_now_is_another_version(api, sent):
    booking = shown(api.create())

    assert tag(read(api, booking)) == f'"{booking["id"]}.1"'
    assert refused(read(api, booking, **{"If-Match": sent.format(id=booking["id"])})) == CHANGED


@pytest.mark.parametrize("sent", ["", "1", "1.1", '"1.1', "**", '"1.1" "1.2"', "W/", '"é"'])
def test_what_is_no_tag_is_refused(api, sent):
    booking = shown(api.create())

    answer = read(api, booking, **{"If-Match": sent})

    assert refused(answer) == (400, "invalid_request")
    assert "If-Match" in answer.json()["error"]["explanation"]


@pytest.mark.parametrize("ask", ["pay", "cancel"])
def test_a_repetition_gets_the_stored_answer_although_the_first_request_has_changed_the_booking(api, ask):
    created = api.create()
    first, again = (getattr(api, ask)(shown(created), key="k", headers={"If-Match": tag(created)}) for _ in range(2))

    assert first.status_code in (200, 201)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "ETag" not in again.headers


def test_cancelling_what_is_cancelled_is_done_already_whatever_was_seen(api):
    created = api.create()
    answers = [api.cancel(shown(created), headers={"If-Match": tag(created)}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]


def test_who_may_not_see_a_booking_does_not_learn_that_it_has_changed(api):
    created = api.create()
    stranger = {"If-Match": '"1.1"'}

    assert refused(api.pay(shown(created), userId=2002, headers=stranger)) == (400, "user_mismatch")
    assert refused(api.cancel({"id": 987654321, "userId": 1001}, headers=stranger)) == (404, "booking_not_found")


def test_a_list_and_a_refusal_have_no_tag(api):
    booking = shown(api.create())

    for answer in (api.get(BOOKINGS), api.pay(booking, totalCost=1), read(api, {"id": 987654321})):
        assert "ETag" not in answer.headers
