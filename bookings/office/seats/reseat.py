"""The page on which staff give a booking other seats: the seats of the flight to tick, and one button."""

from collections.abc import Collection
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings import wiring
from bookings.answers.rendering import STATUS
from bookings.answers.results import AlreadyDone, Changed, Refused, SeatChangePending, SeatsChanged
from bookings.conf import seats_have_numbers
from bookings.errors import (
    BookingChanged,
    BookingError,
    IdempotencyKeyReused,
    RequestInProgress,
    SeatChangeInProgress,
)
from bookings.lifecycle import BookingStatus
from bookings.models import Booking
from bookings.office import unsent
from bookings.office.base import AnyModelAdmin, new_action_key, page_named, require, staff_of
from bookings.office.notes import NoteField
from bookings.office.seats.flight import FlightPage, flight_page
from bookings.office.seats.standings import ShownSeat, Standing
from bookings.queries.bookings.page import BookingPage
from bookings.services.seats.change_for_staff import change_seats_for_staff
from bookings.text.seat_numbers import in_order, numbers_in, seat_number_in, to_read

RESEAT = "bookings.change_seats"


class SeatsField(forms.Field):
    """As many different numbers of seats as a booking has, each from a box of its own."""

    widget = forms.SelectMultiple

    def __init__(self, *, seats: int, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self._seats = seats

    def clean(self, value: Any) -> tuple[str, ...]:
        numbers = {seat_number_in(text) for text in value or ()}
        found = {number for number in numbers if number is not None}
        if len(found) != self._seats or found != numbers:
            said = ngettext(
                "Tick the %(seats)d seat that the booking is to have.",
                "Tick the %(seats)d seats that the booking is to have, those that it keeps too.",
                self._seats,
            )
            raise ValidationError(said % {"seats": self._seats})
        return in_order(found)


class SeatsForm(forms.Form):
    """Which seats a booking is to have, and which booking staff saw when they chose them."""

    note = NoteField(
        label=gettext_lazy("Note"),
        rows=2,
        required=False,
        help_text=gettext_lazy("Why, for colleagues. It stands in the timeline, also if the seats are not to be had."),
    )
    seen_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    seen_at = forms.DateTimeField(widget=forms.HiddenInput)
    action_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, booking: Booking, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seats"] = SeatsField(seats=booking.no_of_seats, label=_("Seats"))


class ReseatPages(AnyModelAdmin):
    """The page, for the admin of bookings."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.seats_view)
        return [path("<path:object_id>/seats/", view, name="bookings_booking_seats"), *super().get_urls()]

    def seats_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show which seats are free; exchange those of the booking if it still is what was shown."""
        require(request, RESEAT)
        page = page_named(object_id)
        if request.method != "POST":
            form = _form(page)
            form.initial.update(unsent.typed(request, form))
            return self._seats_page(request, page, form)
        form = SeatsForm(request.POST, booking=page.booking)
        if not form.is_valid():
            return self._seats_page(request, page, form, HTTPStatus.BAD_REQUEST)
        said = form.cleaned_data
        try:
            result = change_seats_for_staff(
                booking_id=page.booking.pk,
                numbers=said["seats"],
                actor=staff_of(request),
                note=said["note"],
                seen_version=said["seen_version"],
                action_key=said["action_key"].hex,
                flights=wiring.flight_service(),
            )
        except RequestInProgress:
            return _told(request, page, None, said["seats"])
        except BookingError as error:
            return self._no_other_seats(request, page, said, error)
        if isinstance(result, Refused):
            # What was typed as a note stands in the timeline already, beside the exchange that was refused.
            return self._no_other_seats(request, page, {**said, "note": ""}, result.problem)
        return _told(request, page, result, said["seats"])

    def _no_other_seats(
        self, request: HttpRequest, page: BookingPage, said: dict[str, Any], why: BookingError
    ) -> HttpResponse:
        """Nothing was changed: say why, and show what can be had now. What was chosen and is free stays ticked."""
        page = page_named(str(page.booking.pk))
        is_stale = isinstance(why, BookingChanged | SeatChangeInProgress | IdempotencyKeyReused)
        changes = page.since(said["seen_at"]) if is_stale else None
        form = _form(page, seats=list(said["seats"]), note=said["note"])
        status = HTTPStatus.CONFLICT if is_stale else STATUS[type(why)]
        return self._seats_page(request, page, form, status, changes=changes, refused=why)

    def _seats_page(
        self, request: HttpRequest, page: BookingPage, form: SeatsForm, status: int = HTTPStatus.OK, **shown: Any
    ) -> HttpResponse:
        booking = page.booking
        flight = flight_page(booking.flight_id, mine=booking.pk)
        why_not = why_no_other_seats(booking, page.now) or _why_not_now(flight)
        ticked = {number for text in form["seats"].value() or () if (number := seat_number_in(text))}
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Change the seats of %(reference)s") % {"reference": booking.reference},
            "booking": booking,
            "page": flight,
            "form": form,
            "has": numbers_in(booking.seat_numbers),
            "why_not": why_not,
            "decks": [] if why_not else _decks(flight, ticked),
            **shown,
        }
        return TemplateResponse(request, "admin/bookings/booking/change_seats.html", context, status=status)


def why_no_other_seats(booking: Booking, now: datetime) -> str | Promise:
    """Why the seats of a booking cannot be changed, as far as that is known here; empty where they can."""
    if not seats_have_numbers():
        return _("Seats have no numbers in this installation.")
    if booking.status == BookingStatus.CANCELLED:
        return _("It is cancelled, and stays so.")
    if booking.status == BookingStatus.PENDING:
        return _("Its seats are not confirmed yet.")
    if booking.wanted_seats:
        return _("Its seats are being exchanged already.")
    if booking.status == BookingStatus.INITIATED and booking.expires_at <= now:
        return _("Its payment window has closed.")
    return ""


def _why_not_now(flight: FlightPage) -> str:
    """Why seats of this flight cannot be chosen, as the Flight Service shows it; empty where they can."""
    if flight.look.flight is None:
        return _("The Flight Service does not show the flight now, and only it knows which seats are free.")
    if flight.look.seat_map is None:
        return _("Seats have no numbers on this flight.")
    if any(seat.standing is Standing.MISSING for seat in flight.of_mine):
        return _("The Flight Service does not have the seats of this booking as taken, and would not take them back.")
    return ""


def _decks(flight: FlightPage, ticked: Collection[str]) -> list[tuple[Any, list[tuple[int, list[Any]]]]]:
    """The seats by cabin and row: each place with its seat, whether it can be chosen, and whether it is ticked."""
    seats = flight.both.seats
    return [
        (
            deck,
            [
                (row.number, [place and _cell(place, seats[place.number], ticked) for place in row.places])
                for row in deck.rows
            ],
        )
        for deck in flight.plan.decks
    ]


def _cell(place: Any, seat: ShownSeat, ticked: Collection[str]) -> dict[str, Any]:
    can_be_chosen = seat.standing is Standing.FREE or (seat.is_mine and seat.standing is Standing.HELD)
    where = [_("window")] if place.is_window else [_("aisle")] if place.is_aisle else []
    how = _("of this booking") if seat.is_mine else str(seat.words)
    return {
        "seat": seat,
        "label": ", ".join([seat.number, *where, how]),
        "can_be_chosen": can_be_chosen,
        "is_ticked": can_be_chosen and seat.number in ticked,
    }


def _told(
    request: HttpRequest, page: BookingPage, result: Changed | AlreadyDone | None, seats: Collection[str]
) -> HttpResponse:
    """Go to the booking, and say what came of it; None: the same page is still being carried out."""
    named = {"reference": page.booking.reference, "seats": to_read(",".join(seats))}
    match result:
        case SeatsChanged():
            messages.success(request, _("%(reference)s has %(seats)s now.") % named)
        case AlreadyDone():
            messages.info(request, _("This page was sent before. The booking shows what came of it."))
        case SeatChangePending() | None:
            said = _("It is not known yet whether %(reference)s has %(seats)s: the worker settles it.")
            messages.warning(request, said % named)
    return HttpResponseRedirect(reverse("admin:bookings_booking_change", args=[page.booking.pk]))


def _form(page: BookingPage, **typed: Any) -> SeatsForm:
    """A form without a tick, or with what was chosen, for the booking as the page shows it."""
    seen = {"seen_version": page.booking.version, "seen_at": page.now.isoformat(), "action_key": new_action_key()}
    return SeatsForm(booking=page.booking, initial={**seen, **typed})
