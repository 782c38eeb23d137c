"""Each address of the back office that the papers and the dashboard name opens, with the filters that they name."""

import re

import pytest

from tests.docs.pages import PAGES, REPOSITORY
from tests.support.people import desk_of

pytestmark = pytest.mark.django_db

DASHBOARD = "deploy/grafana-dashboard.json"


def addresses():
    """Where they send readers, but for forms and places that name a single row."""
    papers = (address for path in PAGES for address in re.findall(r"`(/admin/[^`\s]*)`", path.read_text()))
    links = re.findall(r"\$\{office:raw\}([^\"\s]*)", (REPOSITORY / DASHBOARD).read_text())
    return sorted({*papers, *(f"/admin/{link}" for link in links)})


@pytest.mark.slow
@pytest.mark.parametrize("address", addresses())
def test_an_address_that_operators_are_sent_to_opens(admin_user, address):
    assert desk_of(admin_user).get(address).status_code == 200


def test_the_run_book_names_filters():
    named = [address for address in addresses() if "?" in address]

    assert "/admin/bookings/payment/?needs=decision" in named
    assert len(named) > 5


def test_a_filter_that_does_not_exist_would_be_found(admin_user):
    assert desk_of(admin_user).get("/admin/bookings/payment/?needs=decisions").status_code == 400
