"""What holds for every page of the back office: no barriers, and no scrolling sideways, in all looks and sizes."""

import itertools

import pytest

from bookings.models import ApiKey
from tests.browser.axe import barriers
from tests.support.bookings import a_booked_booking, a_cancelled_booking, an_initiated_booking
from tests.support.callers import a_service_key

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

# Where it is, and who looks: a group, with rights besides, or nobody who has logged in. The names in braces are of
# what `rows` makes.
PAGES = {
    "log-in": ("/admin/login/", None),
    "start page": ("/admin/", "Supervisor"),
    "bookings": ("/admin/bookings/booking/", "Support"),
    "booking, held": ("/admin/bookings/booking/{held}/change/", "Support"),
    "booking, paid": ("/admin/bookings/booking/{paid}/change/", "Supervisor"),
    "booking, cancelled": ("/admin/bookings/booking/{cancelled}/change/", "Auditor"),
    "search without a hit": ("/admin/search/?q=nothing", "Support"),
    "API keys": ("/admin/bookings/apikey/", "Auditor"),
    "API key": ("/admin/bookings/apikey/{key}/change/", "Auditor"),
    "API key, new": ("/admin/bookings/apikey/add/", "Auditor", "manage_api_keys"),
    "API key, rotate": ("/admin/bookings/apikey/{key}/rotate/", "Auditor", "manage_api_keys"),
    "API key, revoke": ("/admin/bookings/apikey/{key}/revoke/", "Auditor", "manage_api_keys"),
}

IS_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def rows(office):
    """A booking of every kind, and an API key."""
    a_service_key(name="gate agent")
    return {
        "held": an_initiated_booking(office.flights).pk,
        "paid": a_booked_booking(office.flights, office.payments).pk,
        "cancelled": a_cancelled_booking(office.flights).pk,
        "key": ApiKey.objects.get().pk,
    }


def what_is_wrong(page):
    """Look at the page in both color schemes, as wide as on a desk and as narrow as on a phone."""
    found = []
    for scheme, width in itertools.product(("light", "dark"), (1280, 360)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        wrong = barriers(page) + (["it scrolls sideways"] if page.evaluate(IS_TOO_WIDE) else [])
        found += [f"{scheme}, {width} px: {what}" for what in wrong]
    return "\n".join(found)


@pytest.mark.parametrize(("address", "group", "rights"), [(a, g, r) for a, g, *r in PAGES.values()], ids=PAGES)
def test_a_page_has_no_barriers_and_fits(office, page, rows, address, group, rights):
    if group:
        office.sign_in(page, group, *rights)

    answer = page.goto(address.format(**rows))

    assert (answer.status, page.url) == (200, office.url + address.format(**rows))
    assert what_is_wrong(page) == ""


def test_a_refusal_has_no_barriers_and_fits(office, page):
    office.sign_in(page, "Support")

    answer = page.goto("/admin/bookings/apikey/add/")

    assert answer.status == 403
    assert what_is_wrong(page) == ""
