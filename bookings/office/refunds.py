"""Refunds: their records, those that wait for a decision, and the pages on which staff decide."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, re_path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings import wiring
from bookings.db.clock import database_time
from bookings.lifecycle import Decision, RefundCause
from bookings.models import BookingEvent, Payment, Refund
from bookings.models.refunds import RefundDecision, RefundSource, RefundState
from bookings.office import labels
from bookings.office.ask_refund import REFUND
from bookings.office.base import RecordAdmin, column
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
from bookings.office.failed_refunds import FailedRefunds
from bookings.office.payments import RIGHT as RESOLVE
from bookings.office.tags import badge, moment
from bookings.office.upkeep.open_work import waits_for
from bookings.queries.bookings.search import refunds_found
from bookings.services.payments.resolve_refund import resolve_refund
from bookings.services.shared.manual_resolution import Resolution
from bookings.services.shared.retry_policy import staff_may_repeat
from bookings.text.ids import id_in

VERBS: Verbs = MappingProxyType(
    {
        Decision.RETRY: gettext_lazy("Try again"),
        Decision.APPLIED: gettext_lazy("It was refunded"),
        Decision.NOT_APPLIED: gettext_lazy("It was not refunded"),
    }
)

REFUNDED_TWICE = gettext_lazy("If it was refunded after all, the customer gets %(amount)s twice.")

# What will happen, and what it costs if the decision is wrong.
CONSEQUENCES: Consequences = MappingProxyType(
    {
        Decision.RETRY: (
            gettext_lazy(
                "The gateway is asked once more to refund %(amount)s, under the same key. If it knows the key, it says "
                "what became of the first request and refunds nothing; otherwise it refunds now."
            ),
            REFUNDED_TWICE,
        ),
        Decision.APPLIED: (
            gettext_lazy("The %(amount)s count as refunded. Nothing is sent to the gateway."),
            gettext_lazy("If it was not refunded, the customer never gets the money back."),
        ),
        Decision.NOT_APPLIED: (
            gettext_lazy("%(amount)s are refunded within seconds, as a new refund with a new key."),
            REFUNDED_TWICE,
        ),
    }
)


class DeadRefund(ManualCase):
    """A refund, as the page about a decision shows it."""

    template = "admin/bookings/refund/decide.html"
    peer = gettext_lazy("the payment gateway")
    # What the port of a payment gateway promises.
    knows_keys = True
    verbs = VERBS

    def __init__(self, refund: Refund) -> None:
        self.row = self.refund = refund

    @property
    def name(self) -> str:
        return _("Refund of %(amount)s for booking %(reference)s") % {
            "amount": self.refund.money,
            "reference": self.refund.payment.booking.reference,
        }

    @property
    def address(self) -> str:
        return reverse("admin:bookings_refund_change", args=[self.refund.pk])

    @property
    def trail(self) -> Sequence[tuple[str, str]]:
        number = _("Refund %(number)s") % {"number": self.refund.pk}
        return [(_("Refunds"), reverse("admin:bookings_refund_changelist")), (number, self.address)]

    @property
    def state(self) -> str:
        return self.refund.state

    def last_event(self) -> BookingEvent | None:
        return BookingEvent.objects.filter(booking=self.refund.payment.booking_id).order_by("pk").last()

    def carry_out(self, resolution: Resolution) -> tuple[int, str]:
        refund = resolve_refund(refund_id=self.refund.pk, resolution=resolution, payments=wiring.payment_gateways())
        match refund.state:
            case RefundState.DUE if refund.lease is not None:
                return messages.WARNING, _("The payment gateway is being asked. Look again in half a minute.")
            case RefundState.DUE:
                return no_answer(refund.first_sent_at)
            case RefundState.DEAD:
                return waits_again()
            case RefundState.SENT:
                return messages.WARNING, _(
                    "The gateway has the refund, and has not made it yet. The worker looks again."
                )
            case RefundState.FAILED if refund.decision:
                return messages.SUCCESS, _("The money is refunded within seconds, as a new refund.")
            case RefundState.FAILED:
                return messages.ERROR, _("The gateway says that this refund failed. It waits for a decision.")
        return messages.SUCCESS, _("The money is refunded.")

    def consequence(self, decision: Decision) -> tuple[str, str]:
        happens, risk = CONSEQUENCES[decision]
        amount = {"amount": str(self.refund.money)}
        return str(happens) % amount, str(risk) % amount


class State(admin.SimpleListFilter):
    """Refunds by how they stand; those that are due are a filter of what is open."""

    title = gettext_lazy("state")
    # Not the name of the column: by those nothing can be asked for.
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word, str(badge.text)) for word, badge in labels.REFUND.items() if word != RefundState.DUE]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refund]) -> QuerySet[Refund]:
        word = self.value()
        if word in (None, RefundState.SENT):
            return queryset.filter(state=word) if word else queryset
        is_decided = word in RefundDecision.values
        # All columns of the to-do index are said, so that it has them in the order of the list.
        return queryset.filter(
            state=RefundState.FAILED if is_decided else word, next_at=None, decision=word if is_decided else ""
        )


class Source(admin.SimpleListFilter):
    """Refunds that were made on the gateway's own pages."""

    title = gettext_lazy("where it was asked for")
    parameter_name = "from"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(RefundSource.GATEWAY.value, str(labels.SOURCE[RefundSource.GATEWAY]))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refund]) -> QuerySet[Refund]:
        return queryset.filter(source=self.value()) if self.value() else queryset


class PaidTooLate(admin.SimpleListFilter):
    """Money that came in for a booking that had ended."""

    title = gettext_lazy("cause")
    parameter_name = "why"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(RefundCause.PAID_TOO_LATE.value, str(labels.CAUSE[RefundCause.PAID_TOO_LATE]))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refund]) -> QuerySet[Refund]:
        return queryset.filter(cause=self.value()) if self.value() else queryset


@admin.display(description=gettext_lazy("Amount"), ordering="amount")
def amount(refund: Refund) -> str:
    return str(refund.money)


@admin.display(description=gettext_lazy("Booking"))
def booking(refund: Refund) -> SafeString:
    address = reverse("admin:bookings_booking_change", args=[refund.payment.booking_id])
    return format_html('<a href="{}">{}</a>', address, refund.payment.booking.reference)


def payment_link(payment: Payment) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("admin:bookings_payment_change", args=[payment.pk]), payment.pk)


@admin.display(description=gettext_lazy("State"), ordering="state")
def state(refund: Refund) -> SafeString:
    return badge("refund", refund.standing)


class RefundAdmin(FailedRefunds, RecordAdmin):
    list_display = [
        column("id", gettext_lazy("Refund")),
        *(booking, amount, state),
        column("cause", gettext_lazy("Cause"), labels.CAUSE.__getitem__),
        column("asked_by", gettext_lazy("Asked for by")),
        column("created_at", gettext_lazy("Due since"), moment),
        column("done_at", gettext_lazy("Made"), moment),
    ]
    more = [
        column("payment", gettext_lazy("Payment"), payment_link),
        column("source", gettext_lazy("Asked for on"), labels.SOURCE.__getitem__),
        column("note", gettext_lazy("Note")),
        column("reference", gettext_lazy("Reference of the other way")),
        column("key", gettext_lazy("Key")),
        column("gateway_id", gettext_lazy("Id at the gateway")),
        column("claims", gettext_lazy("Tries")),
        column("first_sent_at", gettext_lazy("First sent"), moment),
        column("sent_at", gettext_lazy("At the gateway since"), moment),
        column("next_at", gettext_lazy("Next try"), moment),
        column("last_error", gettext_lazy("Last error")),
        column("request_id", gettext_lazy("Request")),
    ]
    list_filter = [waits_for(Refund), State, Source, PaidTooLate]
    search_fields = ["payment__booking__reference"]
    search_help_text = gettext_lazy("Number, booking, request, a key, or the gateway's id")
    found = staticmethod(refunds_found)
    list_select_related = ["payment__booking"]
    ordering = ["-pk"]
    record_template = "admin/bookings/refund/record.html"

    def title_of(self, record: Refund) -> str:
        return _("Refund %(number)s of booking %(reference)s") % {
            "number": record.pk,
            "reference": record.payment.booking.reference,
        }

    def get_urls(self) -> list[URLPattern]:
        pattern = rf"^(?P<refund_id>[0-9]+)/(?P<word>{IN_ADDRESS})/$"
        view = self.admin_site.admin_view(self.decide_view)
        return [re_path(pattern, view, name="bookings_refund_decide"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        refund = _refund(unquote(object_id))
        shown: dict[str, Any] = {
            "may_decide": request.user.has_perm(RESOLVE),
            "has_failed": refund is not None and refund.state == RefundState.FAILED and refund.needs_decision,
            "may_refund": request.user.has_perm(REFUND),
        }
        if refund is not None and refund.state == RefundState.DEAD:
            may_be_sent = staff_may_repeat(refund.first_sent_at, database_time(), knows_keys=True)
            shown["choices"] = [
                (word, VERBS[decision])
                for word, decision in DECISIONS.items()
                if may_be_sent or decision is not Decision.RETRY
            ]
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def decide_view(self, request: HttpRequest, refund_id: str, word: str) -> HttpResponse:
        def find() -> DeadRefund:
            refund = _refund(refund_id)
            if refund is None:
                raise Http404
            return DeadRefund(refund)

        return decide(request, self.admin_site, find, DECISIONS[word], right=RESOLVE)


def _refund(number: str) -> Refund | None:
    refund_id = id_in(number)
    rows = Refund.objects.select_related("payment__booking")
    return None if refund_id is None else rows.filter(pk=refund_id).first()
