"""One note on many bookings, in the back office."""

from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.conf import BULK_CANCEL_LIMIT
from bookings.errors import InvalidRequest, SelectionChanged
from bookings.office import unsent
from bookings.office.addresses import query_string_of, selection_of
from bookings.office.base import AnyModelAdmin, new_action_key, require, staff_of
from bookings.office.notes import NoteField
from bookings.queries.bookings.bulk_cancel import plan_bulk_cancel
from bookings.queries.bookings.selection import Selection
from bookings.services.bookings.note_many import note_bookings

NOTE = "bookings.note_booking"

# Enough to see that the filter is the right one.
MOST_SHOWN = 50


class BulkNoteForm(forms.Form):
    note = NoteField(
        label=gettext_lazy("Note"),
        help_text=gettext_lazy("For colleagues: it cannot be changed, and no customer sees it."),
    )
    seen = forms.CharField(max_length=100, widget=forms.HiddenInput)
    action_key = forms.UUIDField(widget=forms.HiddenInput)


class BulkNote(AnyModelAdmin):
    """The page that notes something on all bookings of a list, for the admin of bookings."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.note_many_view)
        return [path("note/", view, name="bookings_booking_note_many"), *super().get_urls()]

    def note_many_view(self, request: HttpRequest) -> HttpResponse:
        """Show which bookings a note would be about, and keep it with each when it is sent."""
        require(request, NOTE)
        selection = selection_of(request, back=reverse("admin:bookings_booking_changelist"))
        if request.method != "POST":
            return self._ask_for_note(request, selection)
        form = BulkNoteForm(request.POST)
        if not form.is_valid():
            return self._ask_for_note(request, selection, form, HTTPStatus.BAD_REQUEST)
        said = form.cleaned_data
        try:
            noted = note_bookings(
                selection=selection,
                seen=said["seen"],
                actor=staff_of(request),
                note=said["note"],
                action_key=said["action_key"].hex,
            )
        except (SelectionChanged, InvalidRequest):
            return self._ask_for_note(request, selection, form, HTTPStatus.CONFLICT)
        if noted:
            words = ngettext(
                "The note is kept with %(count)d booking.", "The note is kept with %(count)d bookings.", noted
            )
            messages.success(request, words % {"count": noted})
        else:
            messages.success(request, _("The note was kept before: this page has been sent already."))
        return HttpResponseRedirect(f"{reverse('admin:bookings_booking_changelist')}?{query_string_of(selection)}")

    def _ask_for_note(
        self, request: HttpRequest, selection: Selection, sent: BulkNoteForm | None = None, status: int = HTTPStatus.OK
    ) -> HttpResponse:
        """The page shows the selection as it is now, whatever was shown before."""
        plan = plan_bulk_cancel(selection)
        form = BulkNoteForm(initial={"seen": plan.seen, "action_key": new_action_key()})
        form.initial.update(unsent.typed(request, form))
        if sent is not None:
            form.initial["note"] = sent["note"].value()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Note on many bookings"),
            "filters": query_string_of(selection),
            "count": len(plan.lines),
            "shown": [booking for booking, _outcome in plan.lines[-MOST_SHOWN:]][::-1],
            "is_too_large": plan.is_too_large,
            "limit": BULK_CANCEL_LIMIT,
            "has_changed": status == HTTPStatus.CONFLICT,
            "errors": sent.errors if sent else {},
            "form": form,
        }
        return TemplateResponse(request, "admin/bookings/booking/note_many.html", context, status=status)
