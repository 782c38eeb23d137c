"""The search box that stands on every page of the back office. What is typed into it is never logged."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from bookings import wiring
from bookings.cells import cell
from bookings.db.clock import database_time
from bookings.models import Booking
from bookings.office.addresses import only
from bookings.office.base import require
from bookings.office.bookings.list import Line, lines_of
from bookings.queries.bookings.search import Findings, find
from bookings.services.messages.contacts import with_contact

LONGEST_SEARCH = 300


@dataclass(frozen=True, slots=True)
class Group:
    """Bookings that were found for one reason; `address` leads to all of them where they may be more."""

    title: str
    lines: list[Line]
    address: str = ""


class AddressForm(forms.Form):
    """The address of a traveler, as it was given with a booking. See `bookings.office.unsent.SECRETS`."""

    traveler_email = forms.CharField(max_length=LONGEST_SEARCH, strip=True)


def search(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Open the booking that was meant, or list what may have been."""
    require(request, "bookings.view_booking")
    only(request, "q")
    text = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    found = find(text) if text else Findings()
    booking = found.only_one
    if booking is not None:
        if booking in found.by_reference and booking.reference != found.reference:
            opened = {"typed": text, "opened": booking.reference}
            messages.info(request, _("You typed %(typed)s; opened %(opened)s.") % opened)
        return HttpResponseRedirect(reverse("admin:bookings_booking_change", args=[booking.pk]))
    if found.only_archived is not None:
        return HttpResponseRedirect(reverse("admin:bookings_booking_archived", args=[found.only_archived.pk]))
    if found.seat is not None and not found.bookings and not found.archived:
        flight_id, seat = found.seat
        return HttpResponseRedirect(f"{reverse('admin:flight', args=[flight_id])}?{urlencode({'seat': seat})}")
    context = {
        **site.each_context(request),
        "title": _("Search"),
        "searched": text,
        "archived": found.archived,
        "groups": _groups(found, text),
        "can_be_reference": bool(found.reference),
        "can_be_id": found.number is not None,
        "other_cell": _other_cell(request, found.reference),
    }
    return TemplateResponse(request, "admin/search.html", context)


def search_by_email(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """
    List the bookings of the traveler with an address, or open the only one.

    It is sent as a form's content, and stands in no address, so in no log and no history. The page does not repeat it.
    """
    require(request, "bookings.view_booking")
    form = AddressForm(request.POST if request.method == "POST" else None)
    found = with_contact(form.cleaned_data["traveler_email"], seal=wiring.seal()) if form.is_valid() else []
    if len(found) == 1:
        return HttpResponseRedirect(reverse("admin:bookings_booking_change", args=[found[0].pk]))
    context = {
        **site.each_context(request),
        "title": _("Search"),
        "groups": [Group(_("Bookings of the traveler with this address"), lines_of(found, now=database_time()))]
        if found
        else [],
        "is_by_email": form.is_bound,
    }
    return TemplateResponse(request, "admin/search.html", context)


def _other_cell(request: HttpRequest, reference: str) -> dict[str, object] | None:
    """
    Tell which other cell the booking of a reference is in; None if it is in none.

    With its address, if this cell's is one by which the others can be told: cell1.bookings.example.org.
    """
    this, whose = cell(), cell().cell_of_reference(reference)
    if whose in (0, this.number):
        return None
    own, _, rest = request.get_host().partition(".")
    there = reverse("admin:search")
    address = f"{request.scheme}://cell{whose}.{rest}{there}?q={reference}" if own == f"cell{this.number}" else ""
    return {"number": whose, "address": address}


def _groups(found: Findings, typed: str) -> list[Group]:
    now, here = database_time(), reverse("admin:bookings_booking_changelist")
    lines = {line.booking.pk: line for line in lines_of(list(found.bookings.values()), now=now)}

    def group(title: str, bookings: list[Booking], address: str = "") -> Group:
        return Group(title, [lines[booking.pk] for booking in bookings], address)

    number = {"number": found.number}
    flight, seat = found.seat or ("", "")
    groups = [
        group(_("Bookings whose reference looks like this"), found.by_reference),
        group(_("Booking %(number)s") % number, found.by_id),
        group(_("User %(number)s") % number, found.by_user, f"{reverse('admin:customer')}?user={found.number}"),
        group(_("Flight %(number)s") % number, found.by_flight, f"{here}?flight={found.number}"),
        group(
            _("Flight %(number)s") % {"number": typed}, found.by_flight_number, f"{here}?{urlencode({'flight': typed})}"
        ),
        group(_("Seat %(seat)s of flight %(flight)s") % {"seat": seat, "flight": flight}, found.by_seat),
        group(_("Bookings that their client calls so"), found.by_client_reference),
        group(_("Bookings of this idempotency key"), found.by_key),
        group(_("Bookings of this request"), found.by_request),
    ]
    return [each for each in groups if each.lines]
