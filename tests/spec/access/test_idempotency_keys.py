"""How a client writes its key, and which keys are the same."""

import pytest

from bookings.models import Booking, IdempotencyRecord
from tests.support.api import refused, shown

pytestmark = pytest.mark.django_db

NEW, OLD = "Idempotency-Key", "x-idempotency-key"


def test_a_payment_needs_a_key(api):
    booking = shown(api.create())

    answer = api.pay(booking, key=None)

    assert refused(answer) == (400, "idempotency_key_required")
    assert Booking.objects.get().status == "initiated"


def test_creating_and_cancelling_need_none(api):
    booking = shown(api.create())

    assert api.cancel(booking).status_code == 200
    assert IdempotencyRecord.objects.count() == 0


@pytest.mark.parametrize("spelling", [NEW, OLD])
def test_both_spellings_of_the_header_will_do(api, spelling):
    booking = shown(api.create())

    answer = api.pay(booking, key=None, headers={spelling: "k"})

    assert answer.status_code == 201


@pytest.mark.parametrize(("first", "second"), [(NEW, OLD), (OLD, NEW)])
def test_one_key_under_both_spellings_is_one_key(api, first, second):
    made = api.create(headers={first: "k"})

    again = api.create(headers={second: "k"})

    assert (again.status_code, again.content) == (201, made.content)
    assert Booking.objects.count() == 1


def test_both_headers_with_the_same_value_are_one_key(api):
    answer = api.create(headers={NEW: "k", OLD: '"k"'})

    assert answer.status_code == 201


def test_both_headers_with_different_values_are_refused(api):
    answer = api.create(headers={NEW: "k", OLD: "l"})

    assert refused(answer) == (400, "invalid_request")
    assert Booking.objects.count() == 0


def test_double_quotes_are_no_part_of_the_key(api):
    made = api.create(key='"k"')

    again = api.create(key="k")

    assert again.content == made.content


@pytest.mark.parametrize("key", ["k", "!", "~", "a" * 255, '"' + "a" * 255 + '"', "0f8fad5b-d9cb-469f-a165", "+-."])
def test_one_to_255_visible_characters_are_a_key(api, key):
    assert api.create(key=key).status_code == 201


@pytest.mark.parametrize(
    "key",
    ['""', "a" * 256, '"' + "a" * 256 + '"', "a b", "ключ", "é", "a\tb", "\x7f", "a,b", ",", '"a,b"'],
    ids=[
        "empty",
        "256",
        "256 quoted",
        "space",
        "cyrillic",
        "accent",
        "tab",
        "delete",
        "comma",
        "commas",
        "quoted",
    ],
)
def test_anything_else_is_refused(api, key):
    answer = api.create(key=key)

    assert refused(answer) == (400, "invalid_request")
    assert Booking.objects.count() == 0


def test_keys_that_differ_in_case_are_two_keys(api):
    first = shown(api.create(key="Key"))
    second = shown(api.create(key="key"))

    assert first["id"] != second["id"]
    assert IdempotencyRecord.objects.count() == 2


def test_space_around_a_header_is_no_part_of_the_key(api):
    first = shown(api.create(key="key"))
    second = shown(api.create(key="key "))

    assert first["id"] == second["id"]


def test_quoted_keys_that_differ_in_a_trailing_space_are_never_taken_for_one(api):
    first = api.create(key='"key"')
    second = api.create(key='"key "')

    assert first.status_code == 201
    assert refused(second) == (400, "invalid_request")


def test_the_key_itself_is_not_kept(api):
    api.create(key="my-secret-key")

    record = IdempotencyRecord.objects.get()
    assert record.key_hash == "1311f8fc80a7ea28d78dd7723f09c44c1754cd35160ca8e7133ae3d7f636a19a"
    assert "my-secret-key" not in str(vars(record))
