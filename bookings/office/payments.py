"""Payments: their records, charges that wait for a decision, and the pages on which staff decide."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Manager, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, re_path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings import wiring
from bookings.db.clock import database_time
from bookings.lifecycle import BookingStatus, Decision
from bookings.models import BookingEvent, Payment, Refund
from bookings.models.payments import PaymentState
from bookings.office import labels
from bookings.office.ask_refund import REFUND, RefundPage, can_be_refunded
from bookings.office.base import Column, RecordAdmin, column
from bookings.office.decisions import (
    DECISIONS,
    IN_ADDRESS,
    Consequences,
    ManualCase,
    Verbs,
    decide,
    no_answer,
    waits_again,
)
from bookings.office.tags import badge, moment
from bookings.office.upkeep.open_work import waits_for
from bookings.office.upkeep.records import booking_link
from bookings.ports import HasAccount
from bookings.queries.bookings.search import payments_found
from bookings.services.payments.resolve_payment import resolve_payment
from bookings.services.shared.manual_resolution import Resolution
from bookings.services.shared.retry_policy import staff_may_repeat
from bookings.text.ids import id_in
from bookings.text.money import Money

RIGHT = "bookings.resolve_payment"

CHARGE_VERBS: Verbs = MappingProxyType(
    {
        Decision.RETRY: gettext_lazy("Try again"),
        Decision.APPLIED: gettext_lazy("It was charged"),
        Decision.NOT_APPLIED: gettext_lazy("It was not charged"),
    }
)

CHARGED_FOR_NOTHING = gettext_lazy(
    "If it was charged after all, the customer has paid %(amount)s and gets nothing for it."
)
NEVER_CHARGED = gettext_lazy("If it was not charged, %(amount)s that were never taken are paid out to the customer.")
CHARGES_NOTHING = gettext_lazy("To ask charges nothing, however often it is done.")

# What will happen, and what it costs if the decision is wrong: of a charge whose booking can still be booked,
WANTED: Consequences = MappingProxyType(
    {
        Decision.RETRY: (
            gettext_lazy(
                "The gateway is asked to close the payment, and says what became of it. If %(amount)s were taken, the "
                "booking is booked. Otherwise the payment has failed, and the customer can pay once more until the "
                "payment window closes."
            ),
            CHARGES_NOTHING,
        ),
        Decision.APPLIED: (
            gettext_lazy("The booking is booked, as paid with %(amount)s. Nothing is sent to the gateway."),
            gettext_lazy("If it was not charged, the customer travels without having paid %(amount)s."),
        ),
        Decision.NOT_APPLIED: (
            gettext_lazy(
                "The payment counts as declined. Until the payment window closes the customer can pay once more; then "
                "the seats are released. Nothing is sent to the gateway."
            ),
            CHARGED_FOR_NOTHING,
        ),
    }
)
# and of one whose booking is cancelled, or is to be.
UNWANTED: Consequences = MappingProxyType(
    {
        Decision.RETRY: (
            gettext_lazy(
                "The gateway is asked to close the payment, and says what became of it. If %(amount)s were taken, they "
                "are refunded, as no booking wants them."
            ),
            CHARGES_NOTHING,
        ),
        Decision.APPLIED: (
            gettext_lazy("%(amount)s are refunded within seconds, as no booking wants the money."),
            NEVER_CHARGED,
        ),
        Decision.NOT_APPLIED: (
            gettext_lazy("The payment counts as declined, and nothing is refunded. Nothing is sent to the gateway."),
            CHARGED_FOR_NOTHING,
        ),
    }
)


class DeadPayment(ManualCase):
    """A charge, as the page about a decision shows it."""

    template = "admin/bookings/payment/decide.html"
    peer = gettext_lazy("the payment gateway")
    # What the port of a payment gateway promises.
    knows_keys = True
    verbs = CHARGE_VERBS

    def __init__(self, payment: Payment) -> None:
        self.row = self.payment = payment

    @property
    def amount(self) -> str:
        return str(self.payment.money)

    @property
    def name(self) -> str:
        named = {"amount": self.amount, "reference": self.payment.booking.reference}
        return _("Charge of %(amount)s for booking %(reference)s") % named

    @property
    def address(self) -> str:
        return reverse("admin:bookings_payment_change", args=[self.payment.pk])

    @property
    def trail(self) -> Sequence[tuple[str, str]]:
        number = _("Payment %(number)s") % {"number": self.payment.pk}
        return [(_("Payments"), reverse("admin:bookings_payment_changelist")), (number, self.address)]

    @property
    def state(self) -> str:
        return self.payment.state

    def last_event(self) -> BookingEvent | None:
        return BookingEvent.objects.filter(booking=self.payment.booking_id).order_by("pk").last()

    def carry_out(self, resolution: Resolution) -> tuple[int, str]:
        payment = resolve_payment(payment_id=self.payment.pk, resolution=resolution, payments=wiring.payment_gateways())
        match payment.state:
            case PaymentState.PROCESSING if payment.lease is not None:
                return messages.WARNING, _("The payment gateway is being asked. Look again in half a minute.")
            case PaymentState.PROCESSING:
                return no_answer(payment.first_sent_at)
            case PaymentState.DEAD:
                return waits_again()
            case PaymentState.SUCCEEDED:
                return messages.SUCCESS, _("The booking is paid and booked.")
            case PaymentState.FAILED:
                return messages.SUCCESS, _("The payment counts as declined: nothing was charged.")
            case PaymentState.REFUND_DUE:
                return messages.SUCCESS, _("The money is refunded within seconds.")
        return messages.SUCCESS, _("The money is refunded.")

    def consequence(self, decision: Decision) -> tuple[str, str]:
        booking = self.payment.booking
        is_wanted = booking.status == BookingStatus.INITIATED and not booking.cancel_requested
        happens, risk = (WANTED if is_wanted else UNWANTED)[decision]
        return str(happens) % {"amount": self.amount}, str(risk) % {"amount": self.amount}


class State(admin.SimpleListFilter):
    """Payments that nothing is sent for any more, by their state; the others are filters of what is open."""

    title = gettext_lazy("state")
    # Not the name of the column: by those nothing can be asked for.
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(labels.PAYMENT[state].text)) for state in PaymentState if state != state.PROCESSING]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        # These have no next try: said as well, the to-do index has them in the order of the list.
        return queryset.filter(state=self.value(), next_at=None) if self.value() else queryset


@admin.display(description=gettext_lazy("State"), ordering="state")
def state(payment: Payment) -> SafeString:
    return badge("payment", payment.standing)


@admin.display(description=gettext_lazy("Id at the gateway"))
def at_gateway(payment: Payment) -> str:
    """What the gateway calls it, which leads to its page there."""
    name = payment.gateway_id or ""
    gateway: object = wiring.payment_gateways().get(payment.gateway)
    page = gateway.page_of(name) if isinstance(gateway, HasAccount) else ""
    return format_html('<a href="{}" target="_blank" rel="noopener noreferrer">{} ↗</a>', page, name) if page else name


def refunds_in_lines(refunds: Manager[Refund]) -> SafeString:
    """Each refund of a payment in a line of its own, which leads to it."""
    lines = (
        (reverse("admin:bookings_refund_change", args=[refund.pk]), refund.money, badge("refund", refund.standing))
        for refund in refunds.order_by("pk")
    )
    return format_html_join("", '<div><a href="{}">{}</a> {}</div>', lines)


@admin.display(description=gettext_lazy("Amount"), ordering="amount")
def amount(payment: Payment) -> str:
    return str(payment.money)


@admin.display(description=gettext_lazy("Goes back"), ordering="refunded")
def refunded(payment: Payment) -> str:
    return str(Money(payment.refunded, payment.currency)) if payment.refunded else ""


class PaymentAdmin(RefundPage, RecordAdmin):
    list_display = [
        column("id", gettext_lazy("Payment")),
        column("booking", gettext_lazy("Booking"), booking_link),
        amount,
        state,
        column("created_at", gettext_lazy("Started"), moment),
        column("settled_at", gettext_lazy("Settled"), moment),
        refunded,
    ]
    more = [
        column("decline_code", gettext_lazy("Why declined")),
        column("refunds", gettext_lazy("Refunds"), refunds_in_lines),
        column("gateway", gettext_lazy("Gateway")),
        column("gateway_key", gettext_lazy("Key")),
        cast(Column, at_gateway),
        column("charge_id", gettext_lazy("Charge there")),
        column("act_until", gettext_lazy("Can be paid until"), moment),
        column("closing_since", gettext_lazy("To be closed since"), moment),
        column("claims", gettext_lazy("Tries")),
        column("first_sent_at", gettext_lazy("First sent"), moment),
        column("next_at", gettext_lazy("Next try"), moment),
        column("last_error", gettext_lazy("Last error")),
        column("request_id", gettext_lazy("Request")),
    ]
    list_filter = [waits_for(Payment), State]
    search_fields = ["booking__reference"]
    search_help_text = gettext_lazy("Number, booking, request, or a key of the gateway")
    found = staticmethod(payments_found)
    list_select_related = ["booking"]
    ordering = ["-pk"]
    record_template = "admin/bookings/payment/record.html"

    def title_of(self, record: Payment) -> str:
        return _("Payment %(number)s of booking %(reference)s") % {
            "number": record.pk,
            "reference": record.booking.reference,
        }

    def get_urls(self) -> list[URLPattern]:
        pattern = rf"^(?P<payment_id>[0-9]+)/(?P<word>{IN_ADDRESS})/$"
        view = self.admin_site.admin_view(self.decide_view)
        return [re_path(pattern, view, name="bookings_payment_decide"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        payment = _payment(unquote(object_id))
        case = None if payment is None else DeadPayment(payment)
        shown: dict[str, Any] = {"may_decide": request.user.has_perm(RIGHT)}
        shown["may_refund"] = payment is not None and can_be_refunded(payment) and request.user.has_perm(REFUND)
        if case is not None and case.waits:
            may_be_sent = staff_may_repeat(case.first_sent_at, database_time(), knows_keys=case.knows_keys)
            shown["choices"] = [
                (word, case.verbs[decision])
                for word, decision in DECISIONS.items()
                if may_be_sent or decision is not Decision.RETRY
            ]
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def decide_view(self, request: HttpRequest, payment_id: str, word: str) -> HttpResponse:
        def find() -> DeadPayment:
            payment = _payment(payment_id)
            if payment is None:
                raise Http404
            return DeadPayment(payment)

        return decide(request, self.admin_site, find, DECISIONS[word], right=RIGHT)


def _payment(number: str) -> Payment | None:
    payment_id = id_in(number)
    return None if payment_id is None else Payment.objects.select_related("booking").filter(pk=payment_id).first()
