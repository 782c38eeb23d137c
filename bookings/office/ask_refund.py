"""The page on which staff give back a part of a payment, or all of it, of a booking that goes on."""

from http import HTTPStatus
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

from bookings.errors import BookingChanged, NothingToRefund, RefundTooLarge
from bookings.lifecycle import RefundCause
from bookings.models import Payment
from bookings.models.payments import PaymentState
from bookings.office import labels, unsent
from bookings.office.base import AnyModelAdmin, new_action_key, require, staff_of
from bookings.office.notes import NoteField
from bookings.queries.bookings.page import BookingPage, booking_page
from bookings.services.payments.ask_refund import RefundRequest, ask_refund
from bookings.text.ids import id_in
from bookings.text.money import Money, money_in

REFUND = "bookings.refund_payment"

WHOLE, PART = "whole", "part"


class RefundForm(forms.Form):
    """How much goes back and why, and which booking staff saw when they said so."""

    how_much = forms.ChoiceField(label=gettext_lazy("How much"), widget=forms.RadioSelect)
    amount = forms.CharField(
        label=gettext_lazy("Part"),
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    cause = forms.ChoiceField(label=gettext_lazy("Cause"), choices=labels.STAFF_CAUSE_CHOICES)
    note = NoteField(
        label=gettext_lazy("Note"), help_text=gettext_lazy("Why, for colleagues. It stays on record with your name.")
    )
    seen_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    seen_at = forms.DateTimeField(widget=forms.HiddenInput)
    action_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, payment: Payment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._payment = payment
        left = {"amount": str(payment.left)}
        how_much: Any = self.fields["how_much"]
        how_much.choices = [(PART, _("A part")), (WHOLE, _("All that is left: %(amount)s") % left)]
        self.fields["amount"].help_text = _("In %(currency)s, at most %(amount)s.") % {
            "currency": payment.currency,
            **left,
        }

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("how_much") == WHOLE:
            said["money"] = self._payment.left
        elif said.get("how_much") == PART:
            said["money"] = self._part(said.get("amount", ""))
        return said

    def _part(self, typed: str) -> Money | None:
        money, left = money_in(typed, self._payment.currency), self._payment.left
        if money is None or money.amount < 1:
            self.add_error(
                "amount", _("Type an amount, such as %(example)s.") % {"example": left.number or left.amount}
            )
        elif money.amount > left.amount:
            self.add_error("amount", _("No more than %(amount)s is left of this payment.") % {"amount": left})
        return money


class RefundPage(AnyModelAdmin):
    """The page, for the admin of payments."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.refund_view)
        return [path("<path:object_id>/refund/", view, name="bookings_payment_refund"), *super().get_urls()]

    def refund_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how much and why; say what that does; do it when it is confirmed and nothing has changed meanwhile."""
        require(request, REFUND)
        payment, page = _found(unquote(object_id))
        if request.method != "POST":
            form = _form(payment, page)
            form.initial.update(unsent.typed(request, form))
            return self._ask(request, payment, page, form)
        form = RefundForm(request.POST, payment=payment)
        if not form.is_valid():
            return self._ask(request, payment, page, form, HTTPStatus.BAD_REQUEST)
        said = form.cleaned_data
        money: Money = said["money"]
        if request.POST.get("confirmed") != str(money.amount):
            # The first step, or another amount than was confirmed.
            return self._ask(request, payment, page, form, preview=_preview(payment, money))
        try:
            ask_refund(
                RefundRequest(
                    payment_id=payment.pk,
                    amount=money.amount,
                    cause=RefundCause(said["cause"]),
                    note=said["note"],
                    actor=staff_of(request),
                    action_key=said["action_key"].hex,
                    seen_version=said["seen_version"],
                )
            )
        except (BookingChanged, NothingToRefund, RefundTooLarge):
            return self._stale(request, payment.pk, said, request.POST)
        messages.success(request, _("%(amount)s goes back to the customer within seconds.") % {"amount": money})
        return HttpResponseRedirect(reverse("admin:bookings_booking_change", args=[payment.booking_id]))

    def _stale(self, request: HttpRequest, payment_id: int, said: dict[str, Any], typed: Any) -> HttpResponse:
        """Nothing was changed: show what happened meanwhile, and what is left now."""
        payment, page = _found(str(payment_id))
        kept = {name: typed.get(name, "") for name in ("how_much", "amount", "cause", "note")}
        changes = page.since(said["seen_at"])
        return self._ask(request, payment, page, _form(payment, page, **kept), HTTPStatus.CONFLICT, changes=changes)

    def _ask(
        self,
        request: HttpRequest,
        payment: Payment,
        page: BookingPage,
        form: RefundForm,
        status: int = HTTPStatus.OK,
        **shown: Any,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Refund for %(reference)s") % {"reference": page.booking.reference},
            "payment": payment,
            "page": page,
            "booking": page.booking,
            "form": form,
            "refunds": page.refunds_of(payment),
            "can_be_refunded": can_be_refunded(payment),
            **shown,
        }
        return TemplateResponse(request, "admin/bookings/payment/refund.html", context, status=status)


def can_be_refunded(payment: Payment) -> bool:
    """Whether something of it can go back while its booking goes on."""
    return payment.state == PaymentState.SUCCEEDED and payment.left.amount > 0


def _preview(payment: Payment, money: Money) -> dict[str, str | Promise | int | Money]:
    """What a refund does: how much goes back now, has gone back in all, and stays."""
    return {
        "money": money,
        "in_all": Money(payment.refunded + money.amount, payment.currency),
        "stays": Money(payment.left.amount - money.amount, payment.currency),
        "confirmed": str(money.amount),
    }


def _found(number: str) -> tuple[Payment, BookingPage]:
    payment_id = id_in(number)
    payment = None if payment_id is None else Payment.objects.filter(pk=payment_id).first()
    page = None if payment is None else booking_page(payment.booking_id)
    if payment is None or page is None:
        raise Http404
    return payment, page


def _form(payment: Payment, page: BookingPage, **typed: str) -> RefundForm:
    """An empty form, or what was typed, for the booking as the page shows it."""
    seen = {"seen_version": page.booking.version, "seen_at": page.now.isoformat(), "action_key": new_action_key()}
    return RefundForm(payment=payment, initial={"how_much": PART, **seen, **typed})
