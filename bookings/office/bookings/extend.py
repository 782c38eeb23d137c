"""The page on which staff give a customer longer to pay."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.errors import BookingChanged, PaymentWindowClosed
from bookings.office import unsent
from bookings.office.base import AnyModelAdmin, new_action_key, page_named, require, staff_of
from bookings.office.notes import NoteField
from bookings.office.tags import clock
from bookings.queries.bookings.page import BookingPage
from bookings.services.bookings.extend import extend_window

EXTEND = "bookings.extend_booking"


class ExtendForm(forms.Form):
    """How much longer and why, and which booking staff saw when they said so."""

    minutes = forms.TypedChoiceField(label=gettext_lazy("How much longer"), coerce=int, widget=forms.RadioSelect)
    note = NoteField(
        label=gettext_lazy("Why"), rows=2, help_text=gettext_lazy("Stands in the timeline, for colleagues alone.")
    )
    seen_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    seen_at = forms.DateTimeField(widget=forms.HiddenInput)
    action_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, page: BookingPage, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        minutes: Any = self.fields["minutes"]
        minutes.choices = [
            (number, ngettext("%(number)d minute", "%(number)d minutes", number) % {"number": number})
            for number in page.extensions
        ]


class ExtendPage(AnyModelAdmin):
    """The page, for the admin of bookings."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.extend_view)
        return [path("<path:object_id>/extend/", view, name="bookings_booking_extend"), *super().get_urls()]

    def extend_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how much longer and why; do it if the booking still is what was shown."""
        require(request, EXTEND)
        page = page_named(object_id)
        if request.method != "POST":
            form = _form(page)
            form.initial.update(unsent.typed(request, form))
            return self._ask_how_long(request, page, form)
        form = ExtendForm(request.POST, page=page)
        if not form.is_valid():
            return self._ask_how_long(request, page, form, HTTPStatus.BAD_REQUEST)
        said = form.cleaned_data
        try:
            booking = extend_window(
                booking_id=page.booking.pk,
                minutes=said["minutes"],
                actor=staff_of(request),
                note=said["note"],
                seen_version=said["seen_version"],
                action_key=said["action_key"].hex,
            )
        except (BookingChanged, PaymentWindowClosed):
            page = page_named(object_id)
            form = _form(page, minutes=said["minutes"], note=said["note"])
            changes = page.since(said["seen_at"])
            return self._ask_how_long(request, page, form, HTTPStatus.CONFLICT, changes=changes)
        until = {"reference": booking.reference, "at": clock(booking.expires_at)}
        messages.success(request, format_html(_("{reference} can be paid until {at}."), **until))
        return HttpResponseRedirect(reverse("admin:bookings_booking_change", args=[booking.pk]))

    def _ask_how_long(
        self, request: HttpRequest, page: BookingPage, form: ExtendForm, status: int = HTTPStatus.OK, **shown: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Longer payment window for %(reference)s") % {"reference": page.booking.reference},
            "page": page,
            "booking": page.booking,
            "form": form,
            **shown,
        }
        return TemplateResponse(request, "admin/bookings/booking/extend.html", context, status=status)


def _form(page: BookingPage, **typed: Any) -> ExtendForm:
    """An empty form, or what was typed, for the booking as the page shows it."""
    seen = {"seen_version": page.booking.version, "seen_at": page.now.isoformat(), "action_key": new_action_key()}
    return ExtendForm(page=page, initial={"minutes": 15, **seen, **typed})
