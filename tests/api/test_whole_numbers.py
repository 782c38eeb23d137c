"""Bodies of whole numbers, which are checked in a short way: it takes what the fields take, and refuses nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import empty

from bookings.api.serializers import (
    CancelBookingRequest,
    CreateBookingRequest,
    PayBookingRequest,
    RequestBody,
    StrictInteger,
    StrictSerializer,
)

BODIES = [CreateBookingRequest, PayBookingRequest, CancelBookingRequest]
NUMBERS = {name for body in BODIES for name, field in body().fields.items() if isinstance(field, StrictInteger)}

values = st.one_of(
    st.integers(-2, 3),
    st.integers(8, 12),
    st.integers(2**53 - 3, 2**53 + 3),
    st.sampled_from([None, True, False, 1.0, "1", [], {}, 10**30]),
)
bodies = st.one_of(
    st.dictionaries(st.sampled_from(sorted(NUMBERS)), values, max_size=5),
    st.dictionaries(
        st.sampled_from([*sorted(NUMBERS), "reason", "clientReference", "strange", ""]), values, max_size=5
    ),
    st.sampled_from([None, [], "text", 7, [{"flightId": 1}]]),
)


def checked(check, data):
    try:
        return list(check(data).items())
    except ValidationError as refusal:
        return refusal.get_full_details()


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("userless", [True, False])
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(data=bodies)
def test_a_body_is_taken_or_refused_as_by_its_fields(body, userless, data):
    serializer = body()
    serializer.fields["userId"].required = userless

    def by_its_fields(data):
        return StrictSerializer.run_validation(serializer, data)

    assert checked(serializer.run_validation, data) == checked(by_its_fields, data)


@pytest.mark.parametrize("body", BODIES)
def test_the_short_way_is_taken(body, monkeypatch):
    good = {name: 1 for name, field in body().fields.items() if isinstance(field, StrictInteger)}
    monkeypatch.setattr(StrictSerializer, "run_validation", lambda *_: pytest.fail("by the fields"))

    assert body().run_validation(good) == good


@pytest.mark.parametrize("body", BODIES)
def test_no_whole_number_of_a_body_has_more_rules_than_its_bounds(body):
    serializer = body()

    assert isinstance(serializer, RequestBody)
    assert body.validate is StrictSerializer.validate
    assert not serializer.validators
    for name, field in serializer.fields.items():
        if isinstance(field, StrictInteger):
            assert [type(rule).__name__ for rule in field.validators] == ["MaxValueValidator", "MinValueValidator"]
            assert (field.default, field.source, field.read_only, field.allow_null) == (empty, name, False, False)
            assert not hasattr(serializer, f"validate_{name}")
