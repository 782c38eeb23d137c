"""
What waits for staff or for another system, kind by kind: what the menu counts and the start page lists.

A new kind is one entry in `KINDS`. Its number on the start page leads to the list that shows exactly its rows.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.contrib import admin
from django.db.models import F, Model, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bookings.diagnostics.open_work import FLIGHTS_NAMED
from bookings.lifecycle import Hold
from bookings.models import (
    Booking,
    BulkCancel,
    Dispute,
    GatewayNotice,
    Payment,
    PaymentComparison,
    Reconciliation,
    Refund,
    SeatCall,
    SeatExchange,
    WebhookEndpoint,
)
from bookings.models.bookings.bulk_cancel import Approval
from bookings.models.notices import GatewayNoticeState
from bookings.models.payments import PaymentState, PaymentStep
from bookings.models.refunds import NEEDS_DECISION, RefundState
from bookings.models.seats.seat_call import SeatCallState
from bookings.models.seats.seat_exchange import ExchangeState
from bookings.models.webhooks import SENT_TO
from bookings.queries.upkeep.open_work import WaitingWork, oldest_of, waiting_of

# The menu stands on every page; nothing that it counts is lost in so short a time.
REMEMBERED_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Kind:
    """
    Rows of one kind that wait: those of `of` that are `where`.

    `listed` and `query` are the address of the list that shows exactly them. Where staff have to decide, `opens` names
    the page of one row, by its column `opened_by`, and `called` says what the row is called there.
    """

    name: str | Promise
    of: type[Model]
    where: Q
    listed: str
    query: str
    opens: str = ""
    opened_by: str = "pk"
    called: Callable[[Any], str] | None = None
    since: Combinable = F("created_at")  # noqa: RUF009  # an expression, which is never changed
    also_read: tuple[str, ...] = ()
    # People elsewhere decide, in their own time: to wait is no fault.
    is_elsewhere: bool = False

    @property
    def needs_decision(self) -> bool:
        """Whether it waits for staff; else the worker goes on with it."""
        return self.called is not None

    @property
    def rows(self) -> QuerySet[Any]:
        """All that wait, each with the time `since` when."""
        rows: QuerySet[Any] = self.of._default_manager.filter(self.where).annotate(since=self.since)
        return rows

    @property
    def address(self) -> str:
        """Of the list that shows exactly these."""
        return f"{reverse(f'admin:{self.listed}')}?{self.query}"

    @property
    def right(self) -> str:
        """What a user needs to see the list."""
        app, model, _page = self.listed.split("_")
        return f"{app}.view_{model}"

    def oldest(self, most: int) -> list[Any]:
        """The rows that wait for longest."""
        return oldest_of(self.rows.select_related(*self.also_read), most)


def _reservation(booking: Booking) -> str:
    return _("Seats of booking %(reference)s: were they reserved?") % {"reference": booking.reference}


def _release(call: SeatCall) -> str:
    return _("Call %(number)d about flight %(flight)d: was it applied?") % {
        "number": call.pk,
        "flight": call.flight_id,
    }


def _exchange(exchange: SeatExchange) -> str:
    return _("Other seats for booking %(reference)s: were they exchanged?") % {"reference": exchange.booking.reference}


def _payment(payment: Payment) -> str:
    named = {"amount": payment.money, "reference": payment.booking.reference}
    return _("Charge of %(amount)s for booking %(reference)s: was it made?") % named


def _refund(refund: Refund) -> str:
    named = {"amount": refund.money, "reference": refund.payment.booking.reference}
    if refund.state == RefundState.FAILED:
        return _("Refund of %(amount)s for booking %(reference)s failed: what now?") % named
    return _("Refund of %(amount)s for booking %(reference)s: was it made?") % named


def _difference(found: Reconciliation) -> str:
    flights = ", ".join(str(row["flight"]) for row in found.drift[:FLIGHTS_NAMED])
    more = ", …" if len(found.drift) > FLIGHTS_NAMED else ""
    said = ngettext(
        "Seats differ from the Flight Service's on flight %(flights)s",
        "Seats differ from the Flight Service's on flights %(flights)s",
        len(found.drift),
    )
    return said % {"flights": flights + more}


def _bulk_cancel(bulk: BulkCancel) -> str:
    named = {"by": bulk.asked_by, "flight": bulk.flight_id}
    return _("%(by)s asks to cancel bookings of flight %(flight)d together: may they?") % named


def _dispute(dispute: Dispute) -> str:
    return _("Dispute of %(amount)s for booking %(reference)s: answer it at the gateway by %(day)s") % {
        "amount": dispute.money,
        "reference": dispute.payment.booking.reference,
        "day": f"{dispute.answer_by:%Y-%m-%d}",
    }


def _money(found: PaymentComparison) -> str:
    return ngettext(
        "%(number)d payment is not at the gateway as it is here",
        "%(number)d payments are not at the gateway as they are here",
        len(found.differences),
    ) % {"number": len(found.differences)}


# Of comparisons.
_NEWEST_OF_PAYMENTS = PaymentComparison.objects.order_by("-finished_at", "-pk").values("pk")[:1]
_NEWEST = Reconciliation.objects.order_by("-finished_at", "-pk").values("pk")[:1]

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "stuck": Kind(
            gettext_lazy("Stuck reservations"),
            Booking,
            Q(next_at=None, hold=Hold.STUCK),
            "bookings_seatcall_changelist",
            "show=stuck",
            opens="bookings_booking_change",
            called=_reservation,
        ),
        "dead": Kind(
            gettext_lazy("Dead releases"),
            SeatCall,
            Q(state=SeatCallState.DEAD),
            "bookings_seatcall_changelist",
            "show=dead",
            opens="bookings_seatcall_change",
            called=_release,
        ),
        "exchange": Kind(
            gettext_lazy("Stuck exchanges of seats"),
            SeatExchange,
            Q(state=ExchangeState.STUCK),
            "bookings_seatcall_changelist",
            "show=exchange",
            opens="bookings_booking_change",
            opened_by="booking_id",
            called=_exchange,
            also_read=("booking",),
        ),
        "decision": Kind(
            gettext_lazy("Dead charges"),
            Payment,
            Q(state=PaymentState.DEAD),
            "bookings_payment_changelist",
            "needs=decision",
            opens="bookings_payment_change",
            called=_payment,
            also_read=("booking",),
        ),
        "undecided": Kind(
            gettext_lazy("Refunds that failed or are dead"),
            Refund,
            NEEDS_DECISION,
            "bookings_refund_changelist",
            "needs=undecided",
            opens="bookings_refund_change",
            called=_refund,
            also_read=("payment__booking",),
        ),
        "difference": Kind(
            gettext_lazy("Seats that differ"),
            Reconciliation,
            Q(pk=Subquery(_NEWEST)) & ~Q(drift=[]),
            "bookings_reconciliation_changelist",
            "needs=difference",
            opens="bookings_reconciliation_change",
            called=_difference,
            since=F("finished_at"),
        ),
        "dispute": Kind(
            gettext_lazy("Disputes to answer"),
            Dispute,
            Q(closed_at=None, answer_by__isnull=False),
            "bookings_dispute_changelist",
            "needs=dispute",
            opens="bookings_dispute_change",
            called=_dispute,
            since=F("opened_at"),
            also_read=("payment__booking",),
        ),
        "money": Kind(
            gettext_lazy("Payments that differ"),
            PaymentComparison,
            Q(pk=Subquery(_NEWEST_OF_PAYMENTS)) & ~Q(differences=[]),
            "bookings_paymentcomparison_changelist",
            "needs=money",
            opens="bookings_paymentcomparison_change",
            called=_money,
            since=F("finished_at"),
        ),
        "approval": Kind(
            gettext_lazy("Bulk cancellations to approve"),
            BulkCancel,
            Q(finished_at=None, approval=Approval.WAITING),
            "bookings_bulkcancel_changelist",
            "needs=approval",
            opens="bookings_bulkcancel_change",
            called=_bulk_cancel,
        ),
        "asking": Kind(
            gettext_lazy("Reservations of unknown outcome"),
            Booking,
            Q(next_at__isnull=False, hold=Hold.ASKING),
            "bookings_seatcall_changelist",
            "show=asking",
        ),
        "unsent": Kind(
            gettext_lazy("Seats not sent back yet"),
            Booking,
            Q(next_at__isnull=False, hold=Hold.GIVING_BACK),
            "bookings_booking_changelist",
            "view=unsent",
            since=F("updated_at"),
        ),
        "open": Kind(
            gettext_lazy("Releases without an answer"),
            SeatCall,
            Q(state=SeatCallState.OPEN),
            "bookings_seatcall_changelist",
            "show=open",
        ),
        "exchanging": Kind(
            gettext_lazy("Exchanges of unknown outcome"),
            SeatExchange,
            Q(state=ExchangeState.ASKING),
            "bookings_seatcall_changelist",
            "show=exchanging",
        ),
        "answer": Kind(
            gettext_lazy("Payments without an answer"),
            Payment,
            Q(state=PaymentState.PROCESSING) & ~Q(step=PaymentStep.PAYER),
            "bookings_payment_changelist",
            "needs=answer",
        ),
        "payer": Kind(
            gettext_lazy("Payments that wait for the payer"),
            Payment,
            Q(state=PaymentState.PROCESSING, step=PaymentStep.PAYER),
            "bookings_payment_changelist",
            "needs=payer",
            is_elsewhere=True,
        ),
        "bank": Kind(
            gettext_lazy("Disputes that a bank decides"),
            Dispute,
            Q(closed_at=None, answer_by=None),
            "bookings_dispute_changelist",
            "needs=bank",
            since=F("opened_at"),
            is_elsewhere=True,
        ),
        "notice": Kind(
            gettext_lazy("Notices of payment gateways"),
            GatewayNotice,
            Q(state=GatewayNoticeState.NEW),
            "bookings_gatewaynotice_changelist",
            "needs=notice",
            since=F("received_at"),
        ),
        "failing": Kind(
            gettext_lazy("Webhook endpoints that fail"),
            WebhookEndpoint,
            Q(state__in=SENT_TO, failing_since__isnull=False),
            "bookings_webhookendpoint_changelist",
            "is=failing",
            since=F("failing_since"),
            is_elsewhere=True,
        ),
        "refund": Kind(
            gettext_lazy("Refunds due"),
            Refund,
            # One that the gateway has may take it days.
            Q(state=RefundState.DUE),
            "bookings_refund_changelist",
            "needs=refund",
        ),
        "worker": Kind(
            gettext_lazy("Bulk cancellations under way"),
            BulkCancel,
            Q(finished_at=None, approval__in=[Approval.NOT_NEEDED, Approval.APPROVED]),
            "bookings_bulkcancel_changelist",
            "needs=worker",
            since=Coalesce("decided_at", "created_at"),
        ),
    }
)
"""By a word that is the value of the list's filter: first what staff decide, then what the worker does."""


def waits_for(model: type[Model]) -> type[admin.SimpleListFilter]:
    """A filter for Django's list of these rows: each kind of them that waits."""
    kinds = {word: kind for word, kind in KINDS.items() if kind.of is model and kind.query == f"needs={word}"}

    class WaitsFor(admin.SimpleListFilter):
        title = gettext_lazy("what is open")
        parameter_name = "needs"

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
            return [(word, kind.name) for word, kind in kinds.items()]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            word = self.value()
            return queryset.filter(kinds[word].where) if word else queryset

    return WaitsFor


class Counts:
    """How much waits of each kind, as this process has counted it last."""

    def __init__(self) -> None:
        self._found: Mapping[str, WaitingWork] = {}
        self._until = 0.0

    def look(self) -> Mapping[str, WaitingWork]:
        """Give what was counted within the last seconds; else count."""
        return self._found if time.monotonic() < self._until else self.look_again()

    def look_again(self) -> Mapping[str, WaitingWork]:
        """Count now, with one statement."""
        found = dict(zip(KINDS, waiting_of([kind.rows for kind in KINDS.values()]), strict=True))
        self._found, self._until = found, time.monotonic() + REMEMBERED_SECONDS
        return found

    def forget(self) -> None:
        """Count again at the next look: something was done."""
        self._until = 0.0


# Of this process.
counts = Counts()
