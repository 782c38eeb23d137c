"""The page of a customer: all bookings of one user, with totals, what is open, and notes."""

from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from bookings.db.clock import database_time
from bookings.db.replica import read_list
from bookings.office import labels
from bookings.office.addresses import PLACES, numbers_of, only, place_in, query_string_of
from bookings.office.base import require
from bookings.office.bookings.list import SEE, lines_of, neighbors_of
from bookings.queries.bookings.customer import MOST_SUMMED, NEWEST, MoneyOfUser, customer_of
from bookings.queries.bookings.pages import page_of
from bookings.queries.bookings.selection import Selection
from bookings.text.money import Money


def customer(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Show the user that the address names; ask for one where it names none."""
    require(request, SEE)
    only(request, "user", *PLACES)
    place, user_id = place_in(request), numbers_of(request, "user").get("user")
    context = {**site.each_context(request), "title": _("Customer")}
    if user_id is not None:
        context.update(read_list(partial(_read, Selection(user=user_id), database_time(), place)))
        context["title"] = _("Customer %(number)d") % {"number": user_id}
    return TemplateResponse(request, "admin/bookings/booking/customer.html", context)


def _read(selection: Selection, now: datetime, place: dict[str, int]) -> dict[str, Any]:
    """Read all that the page shows of this user, from one database."""
    page, found = page_of(selection, now=now, **place), customer_of(selection.user or 0)
    return {
        "customer": found,
        "query": query_string_of(selection),
        "counts": [(value, badge.text, found.counts.get(value, 0)) for value, badge in labels.STATUS.items()],
        "sums": _sums(found.money),
        "most_summed": MOST_SUMMED,
        "newest": NEWEST,
        "lines": lines_of(page.bookings, now=now),
        **neighbors_of(page, selection),
    }


def _sums(money: MoneyOfUser) -> list[tuple[str, list[Money]]]:
    return [
        (_("Paid"), money.paid),
        (_("Of that refunded"), money.refunded),
        (_("Refund due"), money.refund_due),
        (_("Charge without an answer"), money.unanswered),
        (_("To be paid"), money.to_be_paid),
    ]
