"""A list that does not understand its address shows, exports and changes nothing, and says so."""

import itertools
import re
from html import unescape

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from tests.support.bookings import a_call_row, a_saved_row
from tests.support.bulk import start
from tests.support.callers import a_service_key
from tests.support.people import a_person, desk_of, text_of

pytestmark = pytest.mark.django_db

BOOKINGS, EXPORT = "/admin/bookings/booking/", "/admin/bookings/booking/export/"
ACTIVITY = "/admin/bookings/bookingevent/"
OWN = [
    *(BOOKINGS, EXPORT, ACTIVITY, "/admin/bookings/bulkcancel/new/", "/admin/bookings/seatcall/"),
    *("/admin/search/", "/admin/customer/"),
]
STOCK = [
    *(f"/admin/bookings/{name}/" for name in ("apikey", "bulkcancel", "idempotencyrecord")),
    *(f"/admin/bookings/{name}/" for name in ("payment", "refund", "reconciliation")),
    *(f"/admin/bookings/{name}/" for name in ("dispute", "gatewaynotice", "paymentcomparison")),
    *(f"/admin/bookings/{name}/" for name in ("webhookdelivery", "webhookendpoint")),
    *(f"/admin/django_q/{name}/" for name in ("failure", "ormq", "schedule", "success")),
    *("/admin/auth/user/", "/admin/auth/group/"),
]

# Of no list at all: other spellings, other lookups, other tables, what Django and other programs know.
UNKNOWN = [
    *("statuss=booked", "Status=booked", "%20status=booked", "status[]=booked", "status__exact=booked"),
    *("id=1", "id__gt=1", "pk__in=1,2", "booking__user_id=1001", "_changelist_filters=status%3Dbooked"),
    *("e=1", "format=json", "limit=10", "%00=1", "=1", "x", "flight%5Fid=1"),
]
DAYS = ("yesterday", "2026-13-01", "2026-02-30", "01.02.2026", "2026-W10-1", "20260302", "2026-03-02T00:00Z")
NUMBERS = ("x", "0", "-1", "1.5", "1e3", "0x10", "９", "1;status=booked", "9223372036854775808", "1" * 40)  # noqa: RUF001
UNREADABLE = [
    # A flight is named by its number as well, and two of these are one by their form.
    *(("flight", text) for text in (*NUMBERS, "1 2", "UK", "UK 80888") if text not in ("1e3", "0x10")),
    *(("user", text) for text in NUMBERS),
    *(("from", text) for text in DAYS),
    *(("to", text) for text in DAYS),
    *(("status", text) for text in ("Booked", "lost", "booked,cancelled", "\x00", "booked\n1")),
    *(("reason", text) for text in ("none", "FRAUD")),
    *(("view", text) for text in ("all", "refund due")),
]
# Everyday, each of what is refused is tried on some of the lists: the same code refuses it on all.
SHARES = [3, pytest.param(1, marks=pytest.mark.long)]


def refused(answer, name):
    """Check that an answer is the page that refuses, and that it names this parameter."""
    assert answer.status_code == 400
    assert not answer.streaming
    assert "This page does not know a filter in its address:" in text_of(answer)
    assert f'<strong class="mono">{name}</strong>' in unescape(answer.content.decode())
    assert "nothing was changed" in text_of(answer)
    assert "bookings/office.css" in answer.content.decode()
    return answer


@pytest.fixture
def desk(admin_user):
    """The browser of someone who may see every list."""
    a_saved_row("booked")
    return desk_of(admin_user)


@pytest.mark.slow
@pytest.mark.parametrize("address", [*OWN, *STOCK])
def test_a_list_opens_without_parameters(desk, address):
    assert desk.get(address).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len([*OWN, *STOCK])))
def test_a_parameter_that_a_list_does_not_know_is_refused(desk, number):
    address = [*OWN, *STOCK][number]
    # Every parameter is tried on some of the lists; the same code refuses it on all.
    for query in UNKNOWN[number % 4 :: 4]:
        answer = desk.get(f"{address}?{query}")
        assert answer.status_code == 400, query
        assert "This page does not know a filter in its address:" in text_of(answer)


@pytest.mark.slow
@pytest.mark.parametrize("address", [BOOKINGS, EXPORT, "/admin/bookings/bulkcancel/new/"])
def test_a_filter_that_cannot_be_read_is_refused(desk, address):
    for name, text in UNREADABLE if address == BOOKINGS else UNREADABLE[::4]:
        refused(desk.get(address, {"flight": "1", name: text}), name)


@pytest.mark.long
@pytest.mark.parametrize("address", [*OWN, *STOCK])
def test_no_list_takes_any_parameter_that_it_does_not_know_or_cannot_read(desk, address):
    for query in UNKNOWN:
        assert desk.get(f"{address}?{query}").status_code == 400, query
    for name, text in UNREADABLE:
        assert desk.get(address, {name: text}).status_code == 400, (name, text)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flight", "user", "status", "view", "from"])
@pytest.mark.parametrize("address", [BOOKINGS, EXPORT])
def test_a_filter_that_is_there_twice_is_refused(desk, address, name):
    for values in (["1", "2"], ["1", "1"], ["", "1"]):
        refused(desk.get(address, {name: values}), name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["older", "newer"])
@pytest.mark.parametrize("place", ["", "x", "0", "-1", "1" * 20])
def test_a_place_in_the_list_that_cannot_be_read_is_refused(desk, name, place):
    refused(desk.get(BOOKINGS, {name: place}), name)


def test_a_page_of_the_list_begins_at_one_place(desk):
    refused(desk.get(BOOKINGS, {"older": "5", "newer": "5"}), "newer")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["older", "newer", "page", "p", "q", "o", "all"])
def test_an_export_has_no_pages_and_no_order(desk, name):
    refused(desk.get(EXPORT, {"flight": "1", name: "1"}), name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("day", (*DAYS, "1999-12-31", "9999-12-31", "0001-01-01")),
        ("who", ("Staff", "everyone", "staff,system", "\x00")),
        ("by", ("\x00", "a\u202eb", "x" * 151, "\u200b")),
        ("kind", ("created", "held", "nothing", "Cancelled")),
        ("q", ("three words here", "req/1", "x" * 65, "\x00")),
        ("older", ("", "5", "1.2.3", "x.0.1", "1.0", "1.0.1.1", "-1.0.1", "1" * 17 + ".0.1")),
    ],
)
def test_of_activity_a_filter_that_cannot_be_read_is_refused(desk, name, texts):
    for text in texts:
        refused(desk.get(ACTIVITY, {name: text}), name)
    assert desk.get(ACTIVITY, {name: ["1", "1"]}).status_code == 400


def test_from_an_export_it_goes_back_to_the_list(desk):
    assert f'href="{BOOKINGS}">Begin without it' in desk.get(EXPORT, {"x": "1"}).content.decode()
    assert f'href="{BOOKINGS}">Begin without it' in desk.get(BOOKINGS, {"x": "1"}).content.decode()


@pytest.mark.slow
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("number", range(len(STOCK)))
def test_a_page_number_that_means_no_page_is_refused(desk, number, share):
    for text in ("", "x", "0", "-1", "2", "1.0", "1" * 30)[number % share :: share]:
        refused(desk.get(STOCK[number], {"p": text}), "p")


@pytest.mark.slow
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("number", range(len(STOCK)))
def test_an_order_or_a_mode_that_a_list_does_not_have_is_refused(desk, number, share):
    orders = ("x", "1.", ".1", "99", "-99", "1.99", "--1", "x-1", "1,2", "secret_hash")
    fields = ("password", "secret_hash", "name", "")
    modes = (("all", "1"), ("_popup", "yes"), ("_facets", "1"))

    wrong = [*(("o", text) for text in orders), *(("_to_field", text) for text in fields), *modes]
    for name, text in wrong[number % share :: share]:
        refused(desk.get(STOCK[number], {name: text}), name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["payment", "refund", "idempotencyrecord", "bulkcancel", "reconciliation"])
def test_a_list_of_many_rows_counts_no_choices_of_its_filters(desk, name):
    address = f"/admin/bookings/{name}/"

    assert "Show counts" not in text_of(desk.get(address))
    refused(desk.get(f"{address}?_facets=True"), "_facets")


@pytest.mark.long
@pytest.mark.parametrize("address", STOCK)
@pytest.mark.parametrize("query", ["o=", "p=1", "all=", "_popup=1", "_to_field=id&_popup=1"])
def test_what_a_list_writes_into_its_own_addresses_is_understood(desk, address, query):
    assert desk.get(f"{address}?{query}").status_code == 200


@pytest.mark.long
@pytest.mark.parametrize("address", STOCK)
def test_each_link_that_sorts_a_list_is_understood(desk, address):
    a_service_key()
    start()
    page = desk.get(address).content.decode()
    links = [unescape(link) for link in re.findall(r'href="(\?[^"]*)"', page)]

    assert [link for link in links if desk.get(address + link).status_code != 200] == []
    # Those of the queue's work and of groups are empty here, and then have no headings.
    assert links or not re.search(r'class="sortable', page)


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        *("is_staff__exact=", "is_staff__exact=2", "is_staff__exact=True", "is_staff__exact=x", "is_staff=1"),
        *("is_staff__exact=1&is_staff__exact=0", "is_staff__in=1", "is_staff__gte=1", "is_staff__isnull=1"),
        *("is_superuser__exact=yes", "groups__id__exact=", "groups__id__exact=x", "groups__id__exact=999999"),
        *("groups__id__in=1", "groups__id__exact=1&groups__id__exact=2", "groups__name__startswith=S"),
        *("q=%00", "q=a&q=b", "_facets=1", "is_active__exact=1&is_staff__exact=3"),
    ],
)
def test_of_people_the_filters_beside_the_list_are_understood_and_no_others(desk, query):
    a_person("sam", group="Support")
    name = query.partition("=")[0] if "&is_staff__exact=3" not in query else "is_staff__exact"

    refused(desk.get(f"/admin/auth/user/?{query}"), name)


def test_a_filter_that_is_not_beside_the_list_for_lack_of_choices_is_refused(desk):
    Group.objects.all().delete()

    refused(desk.get("/admin/auth/user/?groups__id__exact=1"), "groups__id__exact")


@pytest.mark.long
def test_each_link_of_the_filters_of_people_is_understood(desk):
    a_person("sam", group="Support")
    first = desk.get("/admin/auth/user/")
    specs = first.context["cl"].filter_specs

    links = [choice["query_string"] for spec in specs for choice in spec.choices(first.context["cl"])]
    pairs = [f"{one}&{other[1:]}" for one, other in itertools.combinations(links, 2) if len(one) > 1 < len(other)]
    single = [pair for pair in pairs if len({part.partition("=")[0] for part in pair[1:].split("&")}) == 2]

    assert len(links) > 8
    assert {desk.get(f"/admin/auth/user/{link}").status_code for link in [*links, *single]} == {200}
    assert desk.get("/admin/auth/user/?q=sam&is_staff__exact=1&o=1&_facets=True").status_code == 200
    assert [user.username for user in desk.get("/admin/auth/user/?q=sam").context["cl"].result_list] == ["sam"]


def test_a_form_of_a_list_is_refused_by_the_same_rule_and_changes_nothing(desk):
    sam = a_person("sam")

    sent = {"action": "delete_selected", "_selected_action": sam.pk, "post": "yes"}
    refused(desk.post("/admin/auth/user/?is_stafff=1", sent), "is_stafff")

    assert User.objects.filter(username="sam").exists()


@pytest.mark.slow
def test_pages_of_one_row_that_have_pages_themselves_refuse_as_well(desk):
    call, bulk = a_call_row(state="dead"), start()
    addresses = [
        reverse("admin:bookings_seatcall_change", args=[call.pk]),
        reverse("admin:bookings_bulkcancel_change", args=[bulk.pk]),
    ]

    for address, query in itertools.product(addresses, ["page=", "page=0", "page=2", "page=x", "p=1", "status=done"]):
        refused(desk.get(f"{address}?{query}"), query.partition("=")[0])
    refused(desk.get(f"/admin/bookings/bulkcancel/{bulk.pk}/results.csv?status=done"), "status")
    assert [desk.get(f"{address}?page=1").status_code for address in addresses] == [200, 200]


@pytest.mark.slow
@pytest.mark.parametrize("query", ["p=", "p=0", "p=2", "p=x", "user__password__startswith=p"])
def test_the_history_of_a_row_refuses_as_well(desk, admin_user, query):
    history = reverse("admin:auth_user_history", args=[admin_user.pk])

    refused(desk.get(f"{history}?{query}"), query.partition("=")[0])
    assert desk.get(f"{history}?p=1").status_code == 200


def test_more_parameters_than_anyone_counts_are_refused(desk):
    answer = desk.get(BOOKINGS + "?" + "&".join("a" for _ in range(1_500)))

    assert answer.status_code == 400
    assert "This page does not understand its address." in text_of(answer)


def test_a_long_or_hostile_name_is_shown_short_and_as_text(desk):
    answer = desk.get(BOOKINGS, {"<script>alert(1)</script>" + "x" * 500: "1"})

    assert b"<script>alert" not in answer.content
    assert "x" * 100 not in answer.content.decode()


@pytest.mark.slow
def test_who_may_not_see_a_list_is_told_so_whatever_the_address_says():
    desk = desk_of(a_person("nobody"))

    assert {desk.get(f"{address}?x=1").status_code for address in [*OWN, *STOCK]} == {403}
