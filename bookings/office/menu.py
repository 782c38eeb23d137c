"""The menu on top of every page of the back office: its entries, and how many decisions wait behind each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bookings.office.upkeep.open_work import KINDS, counts


class Entry(NamedTuple):
    """A page that staff open often: the name of its address, what it is called, and the right that it needs."""

    page: str
    name: str | Promise
    right: str = ""


START = "index"

MENU = (
    Entry(START, _("Start")),
    Entry("bookings_booking_changelist", _("Bookings"), "bookings.view_booking"),
    Entry("customer", _("Customers"), "bookings.view_booking"),
    Entry("bookings_bulkcancel_changelist", _("Bulk cancellations"), "bookings.view_bulkcancel"),
    Entry("bookings_seatcall_changelist", _("Calls"), "bookings.view_seatcall"),
    Entry("bookings_payment_changelist", _("Payments"), "bookings.view_payment"),
    Entry("bookings_refund_changelist", _("Refunds"), "bookings.view_refund"),
    Entry("bookings_bookingevent_changelist", _("Activity"), "bookings.view_bookingevent"),
)
"""In this order. What else a user may see stands behind *More*."""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as a page shows it: `here` says whether it is this page (page), or the one it belongs to (true)."""

    address: str
    name: str | Promise
    count: int
    here: str


def menu_of(request: HttpRequest, apps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give the entries that this user may open, and under `more` by group what else of Django's `apps` it may."""
    waiting = decisions_by_page(request)
    links = [
        Link(reverse(f"admin:{page}"), name, waiting[page], _place(request, page))
        for page, name, right in MENU
        if not right or request.user.has_perm(right)
    ]
    first = {link.address for link in links}
    more = [
        (app["name"], pages)
        for app in apps
        if (pages := [model for model in app["models"] if model["admin_url"] not in first])
    ]
    return {"links": links, "more": more}


def decisions_by_page(request: HttpRequest) -> Counter[str]:
    """How many decisions wait on each page that this user may see, and on the start page all of them."""
    kinds = {word: kind for word, kind in KINDS.items() if kind.needs_decision and request.user.has_perm(kind.right)}
    found: Counter[str] = Counter()
    if kinds:
        for word, waiting in counts.look().items():
            if word in kinds:
                found[kinds[word].listed] += waiting.count
        found[START] = found.total()
    return found


def _place(request: HttpRequest, page: str) -> str:
    """What `aria-current` says of an entry: whether it is this page, or the one that this page belongs to."""
    here = request.resolver_match.url_name or "" if request.resolver_match else ""
    if here == page:
        return "page"
    return "true" if here.rpartition("_")[0] == page.rpartition("_")[0] != "" else ""
