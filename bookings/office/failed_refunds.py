"""The page on which staff decide about a refund that failed: again, on another way, or not at all."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings import errors
from bookings.answers.rendering import STATUS
from bookings.conf import LONGEST_REFUND_REFERENCE
from bookings.lifecycle import AfterFailure
from bookings.models import Refund
from bookings.models.payments import PaymentState
from bookings.office import unsent
from bookings.office.ask_refund import REFUND
from bookings.office.base import AnyModelAdmin, new_action_key, require, staff_of
from bookings.office.notes import NoteField
from bookings.services.payments.decide_failed_refund import FailureResolution, decide_failed_refund
from bookings.text.ids import id_in
from bookings.text.legible import is_legible, is_orderly

CHOICES: Mapping[str, str | Promise] = MappingProxyType(
    {
        AfterFailure.AGAIN: gettext_lazy("Ask the gateway again, with a new refund"),
        AfterFailure.ELSEWHERE: gettext_lazy("It was given back on another way"),
        AfterFailure.LEAVE: gettext_lazy("Leave it: the money stays here"),
    }
)

DONE: Mapping[str, str | Promise] = MappingProxyType(
    {
        AfterFailure.AGAIN: gettext_lazy("The money is refunded within seconds, as a new refund."),
        AfterFailure.ELSEWHERE: gettext_lazy("The money counts as refunded on another way."),
        AfterFailure.LEAVE: gettext_lazy("The money stays here. Nothing waits for a decision any more."),
    }
)

REFUSED: Mapping[type[errors.BookingError], str | Promise] = MappingProxyType(
    {
        errors.NothingToDecide: gettext_lazy("This refund does not wait for a decision any more."),
        errors.RefundTooLarge: gettext_lazy("Less than this is left of the payment by now."),
        errors.MoneyIsOwed: gettext_lazy("The customer must have this money: the booking does not keep it."),
    }
)


class FailedForm(forms.Form):
    decision = forms.ChoiceField(label=gettext_lazy("What now"), widget=forms.RadioSelect)
    reference = forms.CharField(
        label=gettext_lazy("Reference of the other way"),
        max_length=LONGEST_REFUND_REFERENCE,
        required=False,
        help_text=gettext_lazy("By what it can be found: the number of a bank transfer, of a voucher, of a dispute."),
    )
    note = NoteField(
        label=gettext_lazy("Why"),
        help_text=gettext_lazy("What you know, and from whom. It stays on record with your name."),
    )
    action_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, may_be_left: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        decision: Any = self.fields["decision"]
        decision.choices = [(w, text) for w, text in CHOICES.items() if may_be_left or w != AfterFailure.LEAVE]

    def clean(self) -> None:
        said: dict[str, Any] = super().clean() or {}
        reference = said.get("reference", "")
        is_readable = is_legible(reference) and is_orderly(reference)
        if said.get("decision") == AfterFailure.ELSEWHERE and not is_readable:
            self.add_error("reference", _("Say by what it can be found."))


class FailedRefunds(AnyModelAdmin):
    """The page, for the admin of refunds."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.failed_view)
        return [path("<path:object_id>/failed/", view, name="bookings_refund_failed"), *super().get_urls()]

    def failed_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what each decision does, and carry one out when it is sent with its reason."""
        require(request, REFUND)
        refund = _found(unquote(object_id))
        may_be_left = refund.payment.state == PaymentState.SUCCEEDED
        if request.method != "POST":
            form = FailedForm(may_be_left=may_be_left, initial={"action_key": new_action_key()})
            form.initial.update(unsent.typed(request, form))
            return self._ask(request, refund, form)
        form = FailedForm(request.POST, may_be_left=may_be_left)
        if not form.is_valid():
            return self._ask(request, refund, form, HTTPStatus.BAD_REQUEST)
        said = form.cleaned_data
        decision = AfterFailure(said["decision"])
        resolution = FailureResolution(
            decision, staff_of(request), said["note"], said["action_key"].hex, reference=said["reference"]
        )
        try:
            decide_failed_refund(refund_id=refund.pk, resolution=resolution)
        except tuple(REFUSED) as error:
            refused = REFUSED[type(error)]
            return self._ask(request, _found(str(refund.pk)), form, STATUS[type(error)], refused=refused)
        messages.success(request, str(DONE[decision]))
        return HttpResponseRedirect(reverse("admin:bookings_refund_change", args=[refund.pk]))

    def _ask(
        self,
        request: HttpRequest,
        refund: Refund,
        form: forms.Form,
        status: int = HTTPStatus.OK,
        refused: str | Promise = "",
    ) -> HttpResponse:
        title = _("Failed refund of %(amount)s for %(reference)s")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title % {"amount": refund.money, "reference": refund.payment.booking.reference},
            "refund": refund,
            "booking": refund.payment.booking,
            "form": form,
            "refused": refused,
        }
        return TemplateResponse(request, "admin/bookings/refund/failed.html", context, status=status)


def _found(number: str) -> Refund:
    refund_id = id_in(number)
    rows = Refund.objects.select_related("payment__booking")
    refund = None if refund_id is None else rows.filter(pk=refund_id).first()
    if refund is None:
        raise Http404
    return refund
