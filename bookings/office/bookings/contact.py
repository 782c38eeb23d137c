"""What staff do about the traveler of a booking: erase the contact, and have a message sent once more."""

from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings import wiring
from bookings.answers.rendering import STATUS
from bookings.errors import MessageNotFound, NotSentOnceMore
from bookings.models import Booking, Message
from bookings.models.messages import MessageState
from bookings.office import unsent
from bookings.office.base import AnyModelAdmin, new_action_key, require, staff_of
from bookings.office.notes import NoteField
from bookings.services.messages.again import send_once_more
from bookings.services.messages.contacts import erase_contact
from bookings.text.ids import id_in

RIGHT = "bookings.manage_contacts"


class EraseForm(forms.Form):
    note = NoteField(
        label=gettext_lazy("Why"), rows=2, help_text=gettext_lazy("Stands in the timeline. Name no address in it.")
    )


class AgainForm(EraseForm):
    action_key = forms.UUIDField(widget=forms.HiddenInput)


class ContactPages(AnyModelAdmin):
    """The two pages, for the admin of bookings."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        erase = path("<path:object_id>/contact/", view(self.erase_view), name="bookings_booking_contact")
        again = path("<path:object_id>/message/<int:message_id>/", view(self.again_view), name="bookings_booking_again")
        return [erase, again, *super().get_urls()]

    def erase_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what erasing means, and do so when the form is sent."""
        require(request, RIGHT)
        booking = _found(object_id)
        form = EraseForm(request.POST if request.method == "POST" else None)
        form.initial.update(unsent.typed(request, form))
        if form.is_valid():
            if erase_contact(booking_id=booking.pk, actor=staff_of(request), why=form.cleaned_data["note"]):
                messages.success(request, _("The contact is erased."))
            else:
                messages.warning(request, _("There was no contact any more. Nothing was changed."))
            return _to(booking)
        title = _("Erase the contact of %(reference)s") % {"reference": booking.reference}
        return self._traveler_page(request, "erase_contact", booking, title=title, form=form)

    def again_view(self, request: HttpRequest, object_id: str, message_id: int) -> HttpResponse:
        """Say what it means to send a message once more, and do so when the form is sent."""
        require(request, RIGHT)
        booking = _found(object_id)
        rows = Message.objects.select_related("announcement")
        message = rows.filter(pk=message_id, announcement__booking=booking.pk).first()
        if message is None:
            raise Http404
        form = AgainForm(request.POST if request.method == "POST" else None, initial={"action_key": new_action_key()})
        form.initial.update(unsent.typed(request, form))
        refused, status = "", HTTPStatus.OK
        if form.is_valid():
            try:
                send_once_more(
                    booking_id=booking.pk,
                    message_id=message.pk,
                    actor=staff_of(request),
                    why=form.cleaned_data["note"],
                    action_key=form.cleaned_data["action_key"].hex,
                    seal=wiring.seal(),
                )
            except (NotSentOnceMore, MessageNotFound) as error:
                refused, status = error.explanation, STATUS[type(error)]
            else:
                messages.success(request, _("It is sent within seconds, if it is still so then."))
                return _to(booking)
        return self._traveler_page(
            *(request, "send_again", booking, status),
            title=_("Send a message about %(reference)s once more") % {"reference": booking.reference},
            message=message,
            is_pending=message.state == MessageState.PENDING,
            form=form,
            refused=refused,
        )

    def _traveler_page(
        self, request: HttpRequest, template: str, booking: Booking, status: int = HTTPStatus.OK, **shown: object
    ) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "booking": booking, **shown}
        return TemplateResponse(request, f"admin/bookings/booking/{template}.html", context, status=status)


def _found(object_id: str) -> Booking:
    """
    Read a booking, and whether a contact is kept of it.

    :raises Http404: if there is none
    """
    number = id_in(unquote(object_id))
    rows = Booking.objects.select_related("contact")
    booking = None if number is None else rows.filter(pk=number).first()
    if booking is None:
        raise Http404
    return booking


def _to(booking: Booking) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:bookings_booking_change", args=[booking.pk]))
