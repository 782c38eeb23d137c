"""The page of a booking of the archive: to read, and nothing to do there."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from bookings.models import ArchivedBooking
from bookings.office.base import require
from bookings.queries.bookings.archived_page import archived_page
from bookings.text.ids import id_in


def archived_view(site: AdminSite, opts: Any, request: HttpRequest, number: int) -> HttpResponse:
    """Show a booking as it ended, with all that belonged to it."""
    require(request, "bookings.view_booking")
    found = archived_page(number)
    if found is None:
        raise Http404
    booking = found.history.booking
    title = _("Booking %(reference)s") % {"reference": booking.reference}
    context = {**site.each_context(request), "opts": opts, "title": title, "page": found.page, "booking": booking}
    context.update(archived=found.archived, history=found.history)
    return TemplateResponse(request, "admin/bookings/booking/archived.html", context)


def address_in_archive(object_id: str) -> str:
    """
    The address of a booking in the archive, by its id as an address spells it.

    :raises Http404: if there is no such booking
    """
    number = id_in(unquote(object_id))
    if number is None or not ArchivedBooking.objects.filter(pk=number).exists():
        raise Http404
    return reverse("admin:bookings_booking_archived", args=[number])
