"""Bulk cancellation in the back office: what it would do, the confirmation, and how far it has come."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.conf import BULK_CANCEL_LIMIT, customer_address
from bookings.errors import InvalidRequest, SelectionChanged
from bookings.lifecycle import (
    UNPAID,
    BookingStatus,
    CancelEffect,
    CancelOutcome,
    CancelReason,
    Hold,
    cancel_outcome_of,
)
from bookings.models import Booking, BulkCancel, BulkCancelRow
from bookings.models.bookings.bulk_cancel import Approval, BulkCancelState, BulkCancelWhy
from bookings.office import labels, unsent
from bookings.office.addresses import NotUnderstood, only, page_at, query_string_of, selection_by_id
from bookings.office.base import ReadOnlyAdmin, column, new_action_key, require, staff_of
from bookings.office.bookings.approve_bulk_cancel import BulkCancelApproval, DecideForm
from bookings.office.bookings.export import stream_csv
from bookings.office.notes import NoteField
from bookings.office.tags import flag, moment
from bookings.office.upkeep.open_work import waits_for
from bookings.queries.bookings.bulk_cancel import BulkPlan, plan_bulk_cancel, progress_of, results_of, state_now
from bookings.queries.bookings.selection import Selection
from bookings.services.bookings.bulk_cancel import BulkCancelOrder, start_bulk_cancel
from bookings.text.ids import id_in
from bookings.text.money import Money

LINES_PER_PAGE = 100

# Bookings that are taken out of a selection one by one: their ids stand in the address, and servers cut long ones.
MOST_LEFT_OUT = 200

# While rows are decided, and afterwards while seats, charges or refunds are still on their way.
REFRESH_SECONDS, PATIENT_REFRESH_SECONDS = 2, 10


class StartForm(forms.Form):
    """The confirmation: why, and the id of the flight as proof that it is the right one."""

    action_key = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=labels.STAFF_REASON_CHOICES)
    note = NoteField(
        label=gettext_lazy("Note"),
        required=False,
        help_text=gettext_lazy("For the timeline of every booking. Required for the reason “other”."),
    )
    confirm = forms.CharField(
        label=gettext_lazy("Flight id"),
        max_length=20,
        help_text=gettext_lazy("Type the id of the flight to confirm."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, flight: int | None, **kwargs: Any) -> None:
        self._flight = flight
        super().__init__(*args, **kwargs)

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed != str(self._flight):
            raise forms.ValidationError(_("This is not the id of the flight above. Nothing was changed."))
        return typed

    def clean(self) -> None:
        if self.cleaned_data.get("reason") == CancelReason.OTHER and not self.cleaned_data.get("note"):
            self.add_error("note", _("Say why: the reason “other” says nothing."))


class PlanLine(NamedTuple):
    """
    A booking of the preview, and what would become of it.

    `toggled` is what the address says of left out bookings after it is left out, or taken in again; None where there
    is nothing to choose.
    """

    booking: Booking
    outcome: CancelOutcome
    is_left_out: bool
    toggled: str | None


class ResultLine(NamedTuple):
    """A row of the progress page: how it stands now, what there is to say, and where its seats are."""

    booking: Booking
    state: str
    why: str
    seats: int
    refund: int
    done_at: Any
    # Kind and state of the badge that says where the seats are; None where there is nothing to say.
    whereabouts: tuple[str, str] | None


class BulkCancelAdmin(BulkCancelApproval, ReadOnlyAdmin):
    """Bulk cancellations: started by staff with the right, watched by all staff who may see them."""

    list_display = [
        *("__str__", "cancel_reason", "asked_by"),
        column("created_at", gettext_lazy("asked for (UTC)"), moment),
        "agreed",
        column("finished_at", gettext_lazy("ended (UTC)"), moment),
        "decided",
    ]
    list_display_links = ["__str__"]
    list_filter = [waits_for(BulkCancel)]
    list_per_page = 25
    ordering = ["-pk"]
    change_list_template = "admin/bookings/bulkcancel/change_list.html"

    @admin.display(description=gettext_lazy("reason"))
    def cancel_reason(self, bulk: BulkCancel) -> str:
        return str(labels.REASON[bulk.reason])

    @admin.display(description=gettext_lazy("approval"))
    def agreed(self, bulk: BulkCancel) -> SafeString | str:
        return flag(labels.APPROVAL[bulk.approval]) if bulk.approval else ""

    @admin.display(description=gettext_lazy("bookings decided"))
    def decided(self, bulk: Any) -> str:
        return _("%(decided)d of %(all)d") % {"decided": bulk.rows_decided, "all": bulk.rows_in_all}

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkCancel]:
        rows = BulkCancelRow.objects.filter(bulk=OuterRef("pk")).order_by().values("bulk")
        in_all = Subquery(rows.annotate(rows=Count("pk")).values("rows"))
        decided = Subquery(rows.annotate(rows=Count("done_at")).values("rows"))
        bulks: QuerySet[BulkCancel] = super().get_queryset(request)
        return bulks.annotate(rows_in_all=in_all, rows_decided=decided)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("new/", view(self.new_view), name="bookings_bulkcancel_new"),
            path("<path:object_id>/results.csv", view(self.results_view), name="bookings_bulkcancel_results"),
        ]
        return [*own, *super().get_urls()]

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """Show what would become of a selection, and start the cancellation when it is confirmed."""
        require(request, "bookings.bulk_cancel")
        selection, without = selection_by_id(request, "page", "without"), _left_out(request)
        if request.method != "POST":
            form = StartForm(flight=None, initial={"action_key": new_action_key()})
            # The number confirms what is shown now, not what was shown when it was typed.
            form.initial.update(unsent.typed(request, form, without=("confirm",)))
            return self._preview(request, selection, without, form)
        form = StartForm(request.POST, flight=selection.flight)
        if form.is_valid():
            try:
                order = BulkCancelOrder(
                    selection=selection,
                    shown_as=query_string_of(selection),
                    seen=request.POST.get("seen", ""),
                    reason=CancelReason(form.cleaned_data["reason"]),
                    note=form.cleaned_data["note"],
                    without=frozenset(without),
                )
                action_key = form.cleaned_data["action_key"]
                bulk = start_bulk_cancel(order=order, actor=staff_of(request), action_key=action_key)
                return HttpResponseRedirect(reverse("admin:bookings_bulkcancel_change", args=[bulk.pk]))
            except (SelectionChanged, InvalidRequest):
                # The flight was typed for what was shown before.
                form.data = request.POST.copy()
                form.data["confirm"] = ""
        return self._preview(request, selection, without, form)

    def _preview(
        self, request: HttpRequest, selection: Selection, without: Sequence[int], form: StartForm
    ) -> HttpResponse:
        """The page shows the selection as it is now, whatever was shown before."""
        is_clear = selection.flight is not None
        plan = plan_bulk_cancel(selection, without=without) if is_clear else BulkPlan((), is_too_large=False)
        lines = page_at(request, Paginator(plan.in_order(), LINES_PER_PAGE))
        lines.object_list = [_plan_line(booking, outcome, without) for booking, outcome in lines.object_list]
        has_changed = request.method == "POST" and request.POST.get("seen") != plan.seen
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Cancel bookings of flight %(flight)d") % {"flight": selection.flight}
            if is_clear
            else _("Cancel bookings of a flight"),
            "selection": selection,
            "filters": query_string_of(selection),
            "is_clear": is_clear,
            "plan": plan,
            "lines": lines,
            "most_left_out": MOST_LEFT_OUT if len(without) >= MOST_LEFT_OUT else 0,
            "limit": BULK_CANCEL_LIMIT,
            "statuses": [(status, labels.STATUS[status].text) for status in (BookingStatus.BOOKED, *UNPAID)],
            "has_changed": has_changed,
            "form": form,
        }
        status = HTTPStatus.CONFLICT if has_changed else HTTPStatus.OK
        return TemplateResponse(request, "admin/bookings/bulkcancel/preview.html", context, status=status)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show how far it has come. All of it stands in the tables, so the page may be opened again at any time."""
        bulk = self.bulk(request, object_id)
        only(request, "page")
        return self.show(request, bulk)

    def show(
        self, request: HttpRequest, bulk: BulkCancel, form: DecideForm | None = None, status: int = HTTPStatus.OK
    ) -> HttpResponse:
        progress = progress_of(bulk)
        page = page_at(request, Paginator(results_of(bulk), LINES_PER_PAGE))
        refresh = REFRESH_SECONDS if bulk.finished_at is None else 0
        if bulk.approval == Approval.WAITING:
            refresh = 0  # a form stands on the page
        elif not refresh and progress.is_moving:
            refresh = PATIENT_REFRESH_SECONDS
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Cancellation of bookings of flight %(flight)d") % {"flight": bulk.flight_id},
            "bulk": bulk,
            "progress": progress,
            "tally": [(state, progress.counts.get(state, 0)) for state in labels.BULK],
            "page": page,
            "lines": [_line_of(row, bulk=bulk) for row in page],
            "refresh": refresh,
            "has_changed": status == HTTPStatus.CONFLICT,
            **self.approval_context(request, bulk, form),
        }
        return TemplateResponse(request, "admin/bookings/bulkcancel/progress.html", context, status=status)

    def results_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The result of every row, as a file."""
        bulk = self.bulk(request, object_id)
        only(request, back=reverse("admin:bookings_bulkcancel_change", args=[bulk.pk]))
        header = [
            *(_("reference"), _("booking"), _("user"), _("result"), _("why")),
            *(_("seats"), _("refund"), _("currency"), _("decided at"), _("seats now"), _("customer")),
        ]
        return stream_csv(f"bulk-cancellation-{bulk.pk}-flight-{bulk.flight_id}", header, _cells_of(bulk))

    def bulk(self, request: HttpRequest, object_id: str) -> BulkCancel:
        require(request, "bookings.view_bulkcancel")
        bulk: BulkCancel | None = self.get_object(request, unquote(object_id))
        if bulk is None:
            raise Http404
        return bulk


def _left_out(request: HttpRequest) -> list[int]:
    """
    The bookings that an address takes out of its selection, in its order: ids with points between them.

    :raises NotUnderstood: if it says anything else, or too many
    """
    text = request.GET.get("without", "")
    ids = [id_in(part) for part in text.split(".")] if text else []
    found = [number for number in ids if number is not None]
    if len(found) < len(ids) or len(ids) > MOST_LEFT_OUT:
        raise NotUnderstood(["without"])
    return found


def _plan_line(booking: Booking, outcome: CancelOutcome, without: Sequence[int]) -> PlanLine:
    is_left_out = booking.pk in without
    rest = [number for number in without if number != booking.pk]
    changed = rest if is_left_out else [*without, booking.pk]
    may_change = is_left_out or (outcome.effect != CancelEffect.SKIPPED and len(changed) <= MOST_LEFT_OUT)
    return PlanLine(booking, outcome, is_left_out, ".".join(map(str, changed)) if may_change else None)


def _line_of(row: Any, *, bulk: BulkCancel) -> ResultLine:
    booking: Booking = row.booking
    if bulk.approval == Approval.WAITING and row.state == BulkCancelState.WAITING:
        # Nothing is done yet: what it would do now.
        outcome = cancel_outcome_of(booking)
        return ResultLine(booking, row.state, outcome.why, outcome.seats, outcome.refund, None, None)
    state = state_now(row.state, booking.status)
    is_late = state != row.state  # its payment has ended meanwhile, and cancelled it
    seats = booking.no_of_seats if is_late and booking.hold == Hold.GIVING_BACK else row.seats
    refund = (row.refunds or 0) if is_late else row.refund
    why = str(BulkCancelWhy.PAYMENT_ENDED) if is_late else row.why
    return ResultLine(booking, state, why, seats, refund, row.done_at, _whereabouts(booking, state))


def _whereabouts(booking: Booking, state: str) -> tuple[str, str] | None:
    if state != BulkCancelState.CANCELLED:
        return None
    if booking.give_back is not None:
        return "seat_call", booking.give_back.state
    return "hold", booking.hold


def _cells_of(bulk: BulkCancel) -> Iterator[list[object]]:
    for row in results_of(bulk).iterator(chunk_size=500):
        line = _line_of(row, bulk=bulk)
        where = {"seat_call": labels.SEAT_CALL, "hold": labels.HOLD}
        kind, state = line.whereabouts or ("hold", "")
        now = where[kind][state].text if state else ""
        yield [
            *(line.booking.reference, line.booking.pk, line.booking.user_id),
            *(labels.BULK[line.state].text, labels.BULK_WHY.get(line.why, line.why)),
            *(line.seats, Money(line.refund, line.booking.currency), line.booking.currency, line.done_at, now),
            customer_address(line.booking.user_id),
        ]
