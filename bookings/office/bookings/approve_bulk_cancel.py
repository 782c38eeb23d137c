"""Approval of a bulk cancellation in the back office: what a second person sees and says."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.errors import ApproverWasReset, OwnApproval, SelectionChanged
from bookings.models import BulkCancel
from bookings.models.bookings.bulk_cancel import Approval
from bookings.office import unsent
from bookings.office.base import AnyModelAdmin, new_action_key, require, staff_of
from bookings.office.notes import NoteField
from bookings.queries.bookings.bulk_cancel import BulkPlan, plan_of
from bookings.services.bookings.approve_bulk_cancel import ApprovalDecision, decide_bulk_cancel

APPROVE = "bookings.approve_bulk_cancel"

APPROVES, REFUSES = "approve", "refuse"


class DecideForm(forms.Form):
    """What the second person says; which of the two it is, the button says that is pressed."""

    note = NoteField(
        label=gettext_lazy("Note"),
        required=False,
        rows=2,
        help_text=gettext_lazy("Stands on this page. Needed where it is refused or taken back."),
    )
    action_key = forms.UUIDField(widget=forms.HiddenInput)
    seen = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)
    decision = forms.ChoiceField(choices=[(word, word) for word in (APPROVES, REFUSES)], widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("decision") == REFUSES and not said.get("note") and "note" not in self.errors:
            self.add_error("note", _("Say why."))
        return said


class BulkCancelApproval(AnyModelAdmin):
    """The part of the page of a bulk cancellation that is about its approval."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.decide_view)
        return [path("<path:object_id>/decide/", view, name="bookings_bulkcancel_decide"), *super().get_urls()]

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Approve or refuse; who has asked for it may only take it back."""
        bulk = self.bulk(request, object_id)
        if not _asked_for_it(request, bulk):
            require(request, APPROVE)
        there = HttpResponseRedirect(reverse("admin:bookings_bulkcancel_change", args=[bulk.pk]))
        if request.method != "POST":  # where a log-in in between leads: the form stands on the page of the whole
            unsent.hand_on(request, there.url)
            return there
        form = DecideForm(request.POST)
        if not form.is_valid():
            return self.show(request, bulk, form, HTTPStatus.BAD_REQUEST)
        said = form.cleaned_data
        decision = ApprovalDecision(said["decision"] == APPROVES, said["note"], said["seen"])
        try:
            action_key = said["action_key"].hex
            decided = decide_bulk_cancel(
                bulk_id=bulk.pk, decision=decision, actor=staff_of(request), action_key=action_key
            )
        except (OwnApproval, ApproverWasReset) as error:
            form.add_error(None, error.explanation)
            return self.show(request, bulk, form, HTTPStatus.FORBIDDEN)
        except SelectionChanged:
            return self.show(request, bulk, _form(plan_of(bulk), note=said["note"]), HTTPStatus.CONFLICT)
        _tell(request, decided)
        return there

    def approval_context(self, request: HttpRequest, bulk: BulkCancel, form: DecideForm | None) -> dict[str, Any]:
        """What the page shows of an approval: while it waits, with what the cancellation would do now."""
        if bulk.approval != Approval.WAITING:
            return {}
        plan = plan_of(bulk)
        if form is None:
            form = _form(plan)
            form.initial.update(unsent.typed(request, form))
        return {
            "plan": plan,
            "form": form,
            "is_own": _asked_for_it(request, bulk),
            "may_approve": request.user.has_perm(APPROVE),
        }

    def bulk(self, request: HttpRequest, object_id: str) -> BulkCancel:
        """:raises Http404: if there is no such bulk cancellation"""
        raise NotImplementedError

    def show(
        self, request: HttpRequest, bulk: BulkCancel, form: DecideForm | None = None, status: int = HTTPStatus.OK
    ) -> HttpResponse:
        """Show the page of a bulk cancellation."""
        raise NotImplementedError


def _asked_for_it(request: HttpRequest, bulk: BulkCancel) -> bool:
    return request.user.get_username() == bulk.asked_by


def _form(plan: BulkPlan, **typed: str) -> DecideForm:
    return DecideForm(initial={"action_key": new_action_key(), "seen": plan.refunds_mark, **typed})


def _tell(request: HttpRequest, bulk: BulkCancel) -> None:
    words = {
        Approval.APPROVED: _("Approved by %(by)s: the worker cancels the bookings."),
        Approval.REFUSED: _("Refused or taken back by %(by)s: no booking was cancelled."),
    }
    messages.success(request, words[Approval(bulk.approval)] % {"by": bulk.decided_by})
