"""Bookings in the back office: the page of one, and what can be done there."""

import functools
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.errors import BookingChanged, CaseChanged, NotYourCase
from bookings.lifecycle import BookingStatus, CancelReason
from bookings.office import labels, unsent
from bookings.office.ask_refund import REFUND
from bookings.office.base import ReadOnlyAdmin, new_action_key, page_named, require, staff_of
from bookings.office.bookings.archived import address_in_archive, archived_view
from bookings.office.bookings.bulk_note import NOTE, BulkNote
from bookings.office.bookings.case import WORK, CaseForm, case_context, case_form, move_by
from bookings.office.bookings.contact import RIGHT as ABOUT_CONTACTS
from bookings.office.bookings.contact import ContactPages
from bookings.office.bookings.extend import EXTEND, ExtendPage
from bookings.office.bookings.list import BookingList
from bookings.office.notes import NoteField
from bookings.office.payments import RIGHT as DECIDE_ABOUT_PAYMENTS
from bookings.office.seats.at_flight_service import RIGHT as DECIDE_ABOUT_SEATS
from bookings.office.seats.exchanges import urls_of_exchanges
from bookings.office.seats.reseat import RESEAT, ReseatPages, why_no_other_seats
from bookings.office.seats.reservations import urls_of_reservations
from bookings.queries.bookings.page import BookingPage
from bookings.services.bookings.cancel_for_staff import cancel_for_staff
from bookings.services.bookings.note import note_booking

CANCEL = "bookings.cancel_booking"


class NoteForm(forms.Form):
    note = NoteField(
        label=gettext_lazy("New note"),
        rows=2,
        help_text=gettext_lazy("For colleagues: it cannot be changed, and no customer sees it."),
    )
    action_key = forms.UUIDField(widget=forms.HiddenInput)


class CancelForm(forms.Form):
    """What staff say about a cancellation, and which booking they saw when they said it."""

    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        choices=labels.STAFF_REASON_CHOICES,
        # The page is for this form alone, and says before it what will happen.
        widget=forms.Select(attrs={"autofocus": True}),
    )
    note = NoteField(
        label=gettext_lazy("Note"),
        required=False,
        help_text=gettext_lazy("Stands in the timeline. Needed where the reason is “other”."),
    )
    seen_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    seen_at = forms.DateTimeField(widget=forms.HiddenInput)
    action_key = forms.UUIDField(widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("reason") == CancelReason.OTHER and not said.get("note"):
            self.add_error("note", _("Say in a few words what the reason is."))
        return said


class BookingAdmin(BookingList, BulkNote, ContactPages, ExtendPage, ReseatPages, ReadOnlyAdmin):
    """Bookings, to find and to read; to cancel, to note, to extend and to give other seats on pages of their own."""

    def get_urls(self) -> list[URLPattern]:
        named = [("cancel", self.cancel_view), ("note", self.note_view), ("case", self.case_view)]
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"bookings_booking_{name}")
            for name, view in named
        ]
        view = functools.partial(archived_view, self.admin_site, self.opts)
        archived = path("archived/<int:number>/", self.admin_site.admin_view(view), name="bookings_booking_archived")
        decisions = [*urls_of_reservations(self.admin_site), *urls_of_exchanges(self.admin_site)]
        return [archived, *own, *decisions, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one booking, here or in the archive. The name of the address is Django's; nothing is changed here."""
        require(request, "bookings.view_booking")
        try:
            page = page_named(object_id)
        except Http404:
            return HttpResponseRedirect(address_in_archive(object_id))
        return self._show(request, page, _note_form(request))

    def note_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require(request, NOTE)
        page = page_named(object_id)
        if request.method != "POST":  # where a log-in in between leads: the form stands on the booking's page
            there = _to(page)
            unsent.hand_on(request, there.url)
            return there
        form = NoteForm(request.POST)
        if not form.is_valid():
            return self._show(request, page, form, status=HTTPStatus.BAD_REQUEST)
        note_booking(
            booking_id=page.booking.pk,
            actor=staff_of(request),
            note=form.cleaned_data["note"],
            action_key=form.cleaned_data["action_key"].hex,
        )
        messages.success(request, _("The note is kept."))
        return _to(page)

    def case_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Move the case that a booking is, or make it one."""
        require(request, WORK)
        page = page_named(object_id)
        if request.method != "POST":  # as for a note
            there = _to(page)
            unsent.hand_on(request, there.url)
            return there
        form = CaseForm(request.POST, me=request.user.get_username())
        if not form.is_valid():
            return self._show(request, page, _note_form(request), HTTPStatus.BAD_REQUEST, case_form=form)
        try:
            move_by(request, page, form)
        except (CaseChanged, NotYourCase) as error:
            page = page_named(object_id)
            now = {"case_form": case_form(request, page, **form.typed), "case_refused": error.explanation}
            return self._show(request, page, _note_form(request), HTTPStatus.CONFLICT, **now)
        return _to(page)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what a cancellation will do; carry it out if the booking still is what was shown."""
        require(request, CANCEL)
        page = page_named(object_id)
        if request.method != "POST":
            form = _cancel_form(page)
            form.initial.update(unsent.typed(request, form))
            # Where there is nothing left to cancel, what was typed may still be worth a note.
            may_note = form.initial.get("note") and request.user.has_perm(NOTE)
            return self._ask(request, page, form, note_form=_note_form(request) if may_note else None)
        form = CancelForm(request.POST)
        if not form.is_valid():
            return self._ask(request, page, form, status=HTTPStatus.BAD_REQUEST)
        said = form.cleaned_data
        try:
            booking = cancel_for_staff(
                booking_id=page.booking.pk,
                actor=staff_of(request),
                reason=CancelReason(said["reason"]),
                note=said["note"],
                seen_version=said["seen_version"],
                action_key=said["action_key"].hex,
            )
        except BookingChanged:
            return self._stale(request, page.booking.pk, said)
        if booking.status == BookingStatus.CANCELLED:
            messages.success(request, _("%(reference)s is cancelled.") % {"reference": booking.reference})
        else:
            words_for_it = _("%(reference)s will be cancelled as soon as its payment has ended.")
            messages.warning(request, words_for_it % {"reference": booking.reference})
        return _to(page)

    def _stale(self, request: HttpRequest, booking_id: int, said: dict[str, Any]) -> HttpResponse:
        """Nothing was changed: show what happened meanwhile, and what cancelling would do now."""
        page = page_named(str(booking_id))
        form = _cancel_form(page, reason=said["reason"], note=said["note"])
        # Where there is nothing left to cancel, what was typed may still be worth a note.
        note_form = _note_form(request, said["note"]) if request.user.has_perm(NOTE) else None
        changes = page.since(said["seen_at"])
        return self._ask(request, page, form, HTTPStatus.CONFLICT, changes=changes, note_form=note_form)

    def _ask(
        self, request: HttpRequest, page: BookingPage, form: forms.Form, status: int = HTTPStatus.OK, **shown: Any
    ) -> HttpResponse:
        title = _("Cancel %(reference)s") % {"reference": page.booking.reference}
        return self._page(request, "cancel", page, status, form=form, title=title, **shown)

    def _show(
        self,
        request: HttpRequest,
        page: BookingPage,
        note_form: forms.Form,
        status: int = HTTPStatus.OK,
        **shown: Any,
    ) -> HttpResponse:
        title = _("Booking %(reference)s") % {"reference": page.booking.reference}
        return self._page(
            *(request, "page", page, status),
            title=title,
            note_form=note_form,
            may_cancel=request.user.has_perm(CANCEL),
            may_note=request.user.has_perm(NOTE),
            may_extend=request.user.has_perm(EXTEND),
            may_change_seats=request.user.has_perm(RESEAT),
            has_other_seats=not why_no_other_seats(page.booking, page.now),
            may_resolve=request.user.has_perm(DECIDE_ABOUT_SEATS),
            may_resolve_payment=request.user.has_perm(DECIDE_ABOUT_PAYMENTS),
            may_manage_contacts=request.user.has_perm(ABOUT_CONTACTS),
            may_refund=request.user.has_perm(REFUND),
            **case_context(request, page, **shown),
        )

    def _page(self, request: HttpRequest, template: str, page: BookingPage, status: int, **shown: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "page": page}
        context.update(booking=page.booking, **shown)
        return TemplateResponse(request, f"admin/bookings/booking/{template}.html", context, status=status)


def _to(page: BookingPage) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:bookings_booking_change", args=[page.booking.pk]))


def _note_form(request: HttpRequest, typed: str = "") -> NoteForm:
    form = NoteForm(initial={"note": typed, "action_key": new_action_key()})
    form.initial.update(unsent.typed(request, form))
    return form


def _cancel_form(page: BookingPage, **typed: str) -> CancelForm:
    """An empty form, or what was typed, for the booking as the page shows it."""
    seen = {"seen_version": page.booking.version, "seen_at": page.now.isoformat(), "action_key": new_action_key()}
    return CancelForm(initial={**seen, **typed})
