"""The search box that stands on every page of the back office."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from bookings.models import Booking
from bookings.office.base import require


def search(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Open the booking that was meant, or list what may have been."""
    require(request, "bookings.view_booking")
    text = request.GET.get("q", "").strip()[:300]
    booking = Booking.objects.filter(reference=text.upper()).first() if text else None
    if booking is not None:
        return HttpResponseRedirect(reverse("admin:bookings_booking_change", args=[booking.pk]))
    context = {**site.each_context(request), "title": _("Search"), "searched": text}
    return TemplateResponse(request, "admin/search.html", context)
