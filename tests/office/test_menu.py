"""The menu on every page: who finds what in it, and how much it says to be decided."""

import re

import pytest
from django.contrib.auth.models import Permission

from bookings.office.menu import MENU
from bookings.office.upkeep.open_work import KINDS, REMEMBERED_SECONDS, counts
from tests.support.bookings import a_call_row, a_saved_row, an_owed_refund
from tests.support.calls import a_dead_payment, a_stuck_reservation
from tests.support.people import a_person

pytestmark = pytest.mark.django_db

LIST = "/admin/bookings/booking/"


def links_of(answer):
    return [(str(link.name), link.count) for link in answer.context["links"]]


@pytest.mark.slow
def test_it_has_the_pages_that_its_reader_may_open(at_desk):
    answer = at_desk("bookings.view_booking", "bookings.view_payment", "bookings.view_reconciliation").get(LIST)

    assert [name for name, _count in links_of(answer)] == ["Start", "Bookings", "Customers", "Payments"]
    assert [(str(group), [str(page["name"]) for page in pages]) for group, pages in answer.context["more"]] == [
        ("Bookings", ["Seat comparisons"])
    ]


@pytest.mark.slow
def test_it_counts_what_waits_for_a_decision_behind_each_entry(admin_client):
    a_stuck_reservation()
    for state in ("dead", "dead", "open"):
        a_call_row(state=state)
    for _ in range(4):
        a_dead_payment()
    for state in ("dead", "failed", "due"):
        an_owed_refund(state)

    answer = admin_client.get(LIST)

    assert links_of(answer) == [
        ("Start", 9),
        ("Bookings", 0),
        ("Customers", 0),
        ("Bulk cancellations", 0),
        ("Calls", 3),
        ("Payments", 4),
        ("Refunds", 2),
        ("Activity", 0),
    ]
    assert '<span class="count">9<span class="visually-hidden"> to decide</span></span>' in answer.content.decode()


@pytest.mark.slow
def test_what_its_reader_may_not_see_is_not_counted(desk):
    a_dead_payment()
    a_stuck_reservation()

    assert links_of(desk.get(LIST)) == [("Start", 1), ("Bookings", 0), ("Customers", 0), ("Calls", 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "here"),
    [
        (LIST, {"Bookings": "page"}),
        (f"{LIST}?view=unknown", {"Bookings": "page"}),
        (f"{LIST}{{booking}}/change/", {"Bookings": "true"}),
        (f"{LIST}{{booking}}/cancel/", {"Bookings": "true"}),
        ("/admin/bookings/bulkcancel/new/", {"Bulk cancellations": "true"}),
        ("/admin/bookings/seatcall/", {"Calls": "page"}),
        ("/admin/", {"Start": "page"}),
        ("/admin/search/", {}),
        ("/admin/customer/?user=1", {"Customers": "page"}),
        ("/admin/bookings/bookingevent/", {"Activity": "page"}),
        ("/admin/bookings/reconciliation/", {}),
    ],
)
def test_it_says_where_its_reader_is(admin_client, flights, address, here):
    answer = admin_client.get(address.format(booking=a_saved_row().pk))

    assert {str(link.name): link.here for link in answer.context["links"] if link.here} == here


@pytest.mark.slow
def test_it_stands_on_no_page_of_those_who_are_not_logged_in(client):
    assert '<nav class="menu"' not in client.get("/admin/login/").content.decode()


def test_there_is_no_sidebar(admin_client):
    assert "nav-sidebar" not in admin_client.get(LIST).content.decode()


def test_it_counts_once_in_a_few_seconds(desk, django_assert_num_queries, monkeypatch):
    with django_assert_num_queries(1):
        counts.look()
    with django_assert_num_queries(0):
        counts.look()
    monkeypatch.setattr(counts, "_until", counts._until - REMEMBERED_SECONDS)
    with django_assert_num_queries(1):
        counts.look()


@pytest.mark.slow
def test_after_a_decision_it_counts_again(admin_client):
    a_dead_payment()
    assert dict(links_of(admin_client.get(LIST)))["Payments"] == 1
    a_dead_payment()

    admin_client.post("/admin/bookings/bulkcancel/new/?flight=1", {})

    assert dict(links_of(admin_client.get(LIST)))["Payments"] == 2


def test_every_kind_of_work_is_listed_on_a_page_that_says_which_right_it_needs():
    rights = set(Permission.objects.values_list("content_type__app_label", "codename"))

    assert {tuple(kind.right.split(".")) for kind in KINDS.values()} <= rights
    assert {entry.right for entry in MENU if entry.right} <= {f"{app}.{name}" for app, name in rights}
    assert all(kind.called and kind.opens for kind in KINDS.values() if kind.needs_decision)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "way"),
    [
        ("/admin/auth/user/", "Home > Users"),
        ("/admin/auth/user/add/", "Home > Users > Add user"),
        ("/admin/auth/user/{user}/change/", "Home > Users > kim"),
        ("/admin/auth/user/{user}/history/", "Home > Users > kim > History"),
        ("/admin/auth/user/{user}/delete/", "Home > Users > kim > Delete"),
        ("/admin/auth/user/{user}/password/", "Home > Users > kim > Change password"),
        ("/admin/bookings/apikey/", "Home > API keys"),
        ("/admin/bookings/booking/", "Home > Bookings"),
        ("/admin/log-in/", "Home > Your log-in"),
    ],
)
def test_a_page_says_the_way_home_in_the_words_of_the_menu(admin_client, page, way):
    user = a_person("kim")

    content = admin_client.get(page.format(user=user.pk)).content.decode()

    (shown,) = re.findall('(?s)<div class="breadcrumbs">(.*?)</div>', content)
    assert " ".join(re.sub("<[^>]*>", "", shown).replace("&rsaquo;", ">").split()) == way


@pytest.mark.parametrize("page", ["/admin/auth/", "/admin/bookings/", "/admin/django_q/"])
def test_the_pages_of_an_app_are_those_of_the_menu(admin_client, page):
    answer = admin_client.get(page)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
