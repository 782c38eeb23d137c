"""What an address is called in a log line: by its form, without what a client typed and without Django's own signs."""

import re

import pytest
from django.urls import URLPattern, get_resolver, resolve

from bookingsite.web.routes import _form_of, booking_in, route_of


def patterns(among, before=""):
    """The pattern of each address of the site, as a match has it."""
    for each in among:
        whole = before + str(each.pattern)
        if isinstance(each, URLPattern):
            yield whole
        else:
            yield from patterns(each.url_patterns, whole)


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("/api/v1/bookings", "/api/v1/bookings"),
        ("/api/v1/bookings/7", "/api/v1/bookings/{id}"),
        ("/api/v1/bookings/7/cancel", "/api/v1/bookings/{id}/cancel"),
        ("/api/v2/anything", "/api/{path}"),
        ("/", "/"),
        ("/admin/bookings/booking/7/change/", "/admin/bookings/booking/{object_id}/change/"),
        ("/admin/bookings/seatcall/7/retry/", "/admin/bookings/seatcall/{call_id}/{word}/"),
    ],
)
def test_an_address_is_called_by_its_form(address, form):
    assert route_of(resolve(address)) == form


def test_no_form_has_signs_of_a_pattern():
    forms = [_form_of(pattern) for pattern in patterns(get_resolver().url_patterns)]

    assert len(forms) > 100
    assert [form for form in forms if not re.fullmatch(r"/([a-z0-9._/-]|\{[a-z0-9_]+\})*", form)] == []


def test_what_fits_no_pattern_is_unknown():
    assert route_of(None) == "unknown"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("/api/v1/bookings/7/cancel", "7"),
        ("/api/v1/bookings/9007199254740991", "9007199254740991"),
        ("/api/v1/bookings/99999999999999999", ""),
        ("/api/v1/bookings/secret", ""),
        ("/api/v1/bookings/٣", ""),
        ("/api/v1/bookings", ""),
        ("/admin/bookings/booking/7/change/", ""),
    ],
)
def test_a_booking_is_named_where_the_api_is_asked_for_one_by_its_id(address, found):
    assert booking_in(resolve(address)) == found


def test_no_booking_is_named_where_no_pattern_fits():
    assert booking_in(None) == ""
