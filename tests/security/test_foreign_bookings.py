"""
To a customer another's booking is no booking: hundreds of guesses, and no answer tells the two apart.

The long run makes a thousand; GUESSES=5000 makes five thousand.
"""

import os
import random

import pytest

from bookings.actor import SYSTEM
from bookings.conf import HIGHEST_ID
from bookings.lifecycle import BookingStatus, CancelReason, Hold
from bookings.models import Booking, BookingEvent, IdempotencyRecord, Payment
from bookings.models.payments import PaymentState
from bookings.queries.bookings import visible
from bookings.services.bookings import cancel
from bookings.services.payments import pay
from bookings.services.shared.transitions import lock_booking
from tests.support.api import BOOKINGS, PAYMENTS, refused, shown
from tests.support.bookings import a_call_row, a_payment_row, a_saved_row, many_rows
from tests.support.callers import CallerApi, a_token, same_but_for_the_request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("token_auth", "flights", "payments")]

SEED = 20_250_114
OWNER, READER = 1002, 1001

# Nobody's: the highest that there can be, far from what the table has come to.
UNKNOWN_ID = HIGHEST_ID

# How many guesses in all, and their share at each endpoint: fewer where one takes longer.
IN_ALL = [int(os.environ.get("GUESSES", "300")), pytest.param(1000, marks=pytest.mark.long)]
SHARES = {"retrieve": 0.32, "events": 0.32, "cancel": 0.2, "pay": 0.16}


@pytest.fixture
def reader():
    return CallerApi(a_token(READER))


@pytest.fixture
def owner():
    return CallerApi(a_token(OWNER))


@pytest.fixture
def foreign_ids(db):
    """Another user's bookings in every state that an answer could give away, and some of the reader's around."""
    for status in BookingStatus:
        many_rows(20, status, user_id=OWNER)
        many_rows(2, status, user_id=READER)
    for reason in CancelReason:
        a_saved_row("cancelled", user_id=OWNER, cancel_reason=reason)
    a_saved_row("cancelled", user_id=OWNER, hold=Hold.GIVING_BACK)
    a_saved_row("cancelled", user_id=OWNER, hold=Hold.GIVING_BACK, give_back=a_call_row())
    for state in PaymentState:
        booking = a_saved_row(user_id=OWNER)
        payment = a_payment_row(booking, state)
        if payment.active_booking_id is not None:
            Booking.objects.filter(pk=booking.pk).update(active_payment_id=payment.pk)
    return list(Booking.objects.filter(user_id=OWNER).order_by("pk").values_list("pk", flat=True))


def guesses(foreign, count):
    """Ids that are somebody else's or nobody's; the same in each run."""
    dice = random.Random(SEED)
    last = max(foreign)
    edges = [last + 1, last + 2, 2**31 - 1, 2**31, 2**32, 2**52, 2**52 + 1, HIGHEST_ID - 1, HIGHEST_ID]
    makers = (
        lambda: dice.choice(foreign),
        lambda: dice.choice(foreign),
        lambda: dice.randint(last + 1, last + 1000),
        lambda: dice.randint(1, HIGHEST_ID) | 2**40,
        lambda: dice.choice(edges),
    )
    return [dice.choice(makers)() for _ in range(count)]


def ask(caller, endpoint, booking_id, *, number=0):
    """Ask about a booking; each second request to change one has a key, as a payment always has."""
    if endpoint == "pay":
        return caller.post(PAYMENTS, {"bookingId": booking_id, "totalCost": 4000}, key=f"guess-{number}")
    if endpoint == "cancel":
        key = f"guess-{number}" if number % 2 else None
        return caller.post(f"{BOOKINGS}/{booking_id}/cancel", {}, key=key)
    return caller.get(f"{BOOKINGS}/{booking_id}" + ("/events" if endpoint == "events" else ""))


def differences(caller, endpoint, ids):
    """The ids that are answered in another way than one that nobody has."""
    expected = same_but_for_the_request(ask(caller, endpoint, UNKNOWN_ID))
    assert (expected[0], expected[1]["error"]["code"]) == (404, "booking_not_found")
    answers = ((one, ask(caller, endpoint, one, number=number)) for number, one in enumerate(ids))
    return [one for one, answer in answers if answer.status_code < 400 or same_but_for_the_request(answer) != expected]


def everything_stored():
    models = (Booking, Payment, BookingEvent, IdempotencyRecord)
    return {model.__name__: list(model.objects.order_by("pk").values_list()) for model in models}


@pytest.mark.slow
@pytest.mark.server  # the many; the few below are for any database
@pytest.mark.parametrize("in_all", IN_ALL)
@pytest.mark.parametrize("endpoint", SHARES)
def test_no_answer_tells_a_foreign_booking_from_none(settings, reader, foreign_ids, endpoint, in_all):
    # What stands around the API knows no bookings, and would take a quarter of the time.
    settings.MIDDLEWARE = []
    ids = guesses(foreign_ids, round(in_all * SHARES[endpoint]))
    before = everything_stored()

    found = differences(reader, endpoint, ids)

    assert found == []
    assert everything_stored() == before
    statuses = Booking.objects.filter(pk__in=ids).values_list("status", flat=True)
    assert set(statuses) == set(BookingStatus.values)
    assert {max(foreign_ids) + 1, HIGHEST_ID - 1} <= set(ids)


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", SHARES)
def test_nor_does_the_whole_site(reader, foreign_ids, endpoint):
    before = everything_stored()

    found = differences(reader, endpoint, guesses(foreign_ids, 50))

    assert found == []
    assert everything_stored() == before


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["retrieve", "events"])
def test_twin_without_the_filter_the_comparison_finds_every_booking(reader, foreign_ids, monkeypatch, endpoint):
    monkeypatch.setattr(visible, "visible_to", lambda actor: {})
    ids = guesses(foreign_ids, 50)

    found = differences(reader, endpoint, ids)

    assert found == [one for one in ids if one in foreign_ids]
    assert len(found) > 10


@pytest.mark.slow
@pytest.mark.parametrize(("endpoint", "module"), [("pay", pay), ("cancel", cancel)])
def test_twin_without_the_look_at_whose_it_is_the_comparison_finds_every_booking(
    reader, foreign_ids, monkeypatch, endpoint, module
):
    monkeypatch.setattr(module, "lock_booking", lambda booking_id, actor: lock_booking(booking_id, actor=SYSTEM))
    ids = guesses(foreign_ids, 50)

    found = differences(reader, endpoint, ids)

    assert found == [one for one in ids if one in foreign_ids]
    assert len(found) > 10


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["retrieve", "events", "cancel"])
def test_what_is_no_id_is_no_booking_either(reader, foreign_ids, endpoint):
    texts = ["0", "00", "-1", "1e3", "9223372036854775808", "1" * 40, "\uff11", "x", "%00", "1%20"]

    assert differences(reader, endpoint, texts) == []


@pytest.mark.parametrize("endpoint", ["pay", "cancel"])
def test_to_name_the_owner_is_refused_before_any_booking_is_looked_at(reader, foreign_ids, endpoint):
    before = everything_stored()

    def answer(booking_id):
        path = PAYMENTS if endpoint == "pay" else f"{BOOKINGS}/{booking_id}/cancel"
        body = {"bookingId": booking_id, "totalCost": 4000} if endpoint == "pay" else {}
        return reader.post(path, {**body, "userId": OWNER}, key="k")

    answers = [answer(one) for one in (foreign_ids[0], UNKNOWN_ID)]

    assert [refused(one) for one in answers] == [(400, "user_mismatch")] * 2
    assert same_but_for_the_request(answers[0]) == same_but_for_the_request(answers[1])
    assert everything_stored() == before


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["pay", "cancel"])
def test_a_key_that_was_used_on_a_foreign_booking_is_still_fresh(reader, foreign_ids, endpoint):
    own = a_saved_row(user_id=READER)
    guess = ask(reader, endpoint, foreign_ids[0], number=1)
    kept = IdempotencyRecord.objects.count()

    answer = ask(reader, endpoint, own.pk, number=1)

    assert (refused(guess), kept) == ((404, "booking_not_found"), 0)
    assert (answer.status_code, shown(answer)["id"]) == ({"pay": 201, "cancel": 200}[endpoint], own.pk)
    assert "Idempotent-Replayed" not in answer.headers


@pytest.mark.parametrize("endpoint", ["pay", "cancel"])
def test_the_owners_key_gives_nobody_else_its_answer(reader, owner, endpoint):
    booking = a_saved_row(user_id=OWNER)
    first = ask(owner, endpoint, booking.pk, number=1)
    before = everything_stored()

    answer = ask(reader, endpoint, booking.pk, number=1)

    assert first.status_code in (200, 201)
    assert refused(answer) == (404, "booking_not_found")
    assert everything_stored() == before


@pytest.mark.slow
def test_no_filter_of_a_list_shows_what_is_foreign(reader, foreign_ids):
    queries = [
        {},
        {"userId": OWNER},
        {"flightId": 1},
        *({"status": status} for status in BookingStatus.values),
        {"userId": OWNER, "status": "booked"},
        {"createdAfter": "2000-01-01T00:00:00Z", "limit": 100},
    ]

    for query in queries:
        listed = shown(reader.get(BOOKINGS, query))
        seen = {row["userId"] for row in listed["results"]}
        assert seen == (set() if "userId" in query else {READER}), query
        if "userId" in query:
            assert (listed["next"], listed["previous"]) == (None, None), query


@pytest.mark.slow
def test_a_cursor_of_another_shows_only_what_is_ones_own(reader, owner, foreign_ids):
    address = f"{BOOKINGS}?limit=5"
    pages = []

    while address and len(pages) < 20:
        theirs = shown(owner.get(address))
        pages.append(shown(reader.get(address))["results"])
        address = theirs["next"]

    assert len(pages) == 20
    assert {row["userId"] for page in pages for row in page} == {READER}


def test_a_cursor_does_not_tell_whether_its_row_is_there(reader, owner):
    own = a_saved_row(user_id=READER)
    foreign = [a_saved_row(user_id=OWNER) for _ in range(3)]
    onwards = shown(owner.get(BOOKINGS, {"limit": 1}))["next"]

    with_it = shown(reader.get(onwards))["results"]
    Booking.objects.filter(pk=foreign[-1].pk).delete()
    without_it = shown(reader.get(onwards))["results"]

    assert [row["id"] for row in with_it] == [own.pk]
    assert without_it == with_it


def test_a_foreign_booking_is_no_more_replaced_than_one_that_is_not_there(reader, owner):
    foreign, own = shown(owner.create(userId=OWNER)), shown(reader.create(userId=READER))

    answers = [reader.create(userId=READER, replaces=number) for number in (foreign["id"], UNKNOWN_ID)]

    assert [refused(answer) for answer in answers] == [(404, "booking_not_found")] * 2
    first, second = map(same_but_for_the_request, answers)
    assert first == second
    assert shown(reader.create(userId=READER, replaces=own["id"]))["replaces"] == own["id"]
