from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bookings.models.bookings.booking import CAPITALS, Booking
from bookings.models.outbound_call import OutboundCall, OutboundCallQuerySet
from bookings.text.money import Money


class PaymentState(models.TextChoices):
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    # All of its money is owed back: it is not kept for the booking.
    REFUND_DUE = "refund_due"
    # And all of it went back.
    REFUNDED = "refunded"
    # A charge whose outcome stayed unknown until its key was too old to ask again: for staff.
    DEAD = "dead"


class PaymentStep(models.TextChoices):
    """How far a payment without an outcome is. The gateway may know it from the first one on."""

    STARTING = "starting"
    # The gateway has opened it, and is asked to charge it.
    ASKED = "asked"
    # The payer has to do something.
    PAYER = "payer"
    # The payer's bank has to decide.
    BANK = "bank"
    # It is charged no more: the gateway is asked to close it.
    CLOSING = "closing"


WAITING_FOR = [PaymentStep.PAYER, PaymentStep.BANK, PaymentStep.CLOSING]
"""Steps that say whom a payment waits for."""

DECLINED = "declined"
"""How a payment stands that failed because a bank, or the gateway, said no. Others fail because they were not paid."""

SETTLED_HERE = "instant"
"""The gateway that is this database. It also has the payments of nothing, which no other gateway charges."""

UNANSWERED = [PaymentState.PROCESSING, PaymentState.DEAD]
"""Charges that may have been made or not."""

CHARGED = [PaymentState.SUCCEEDED, PaymentState.REFUND_DUE, PaymentState.REFUNDED]
"""Payments whose money was taken."""

ACTIVE = [*UNANSWERED, PaymentState.SUCCEEDED]


class PaymentQuerySet(OutboundCallQuerySet["Payment"]):
    """Charges."""


class Payment(OutboundCall):
    """
    One attempt to pay a booking, and the call that charges.

    `gateway_key` is made here, per attempt; a client's key never leaves this service. What goes back of its money are
    rows of their own: `bookings.models.refunds`.
    """

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="payments")
    # Minor units of `currency`, which is the booking's.
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    gateway_key = models.UUIDField()
    # Where it is charged, and refunded: the name of a gateway, and what that one calls this payment, once it is known.
    # Null and not empty: it is unique, and many may not be known.
    gateway = models.CharField(max_length=16)
    gateway_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    charge_id = models.CharField(max_length=255, blank=True, default="")
    # The payer's own client confirms it, with a secret of the gateway.
    by_payer = models.BooleanField(default=False)
    step = models.CharField(max_length=8, choices=PaymentStep.choices, blank=True, default="")
    # From then on it is not charged any more.
    act_until = models.DateTimeField(null=True, blank=True)
    # Since when it was to be closed, sooner than that or later; kept once it has ended.
    closing_since = models.DateTimeField(null=True, blank=True)
    decline_code = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=10, choices=PaymentState.choices, default=PaymentState.PROCESSING)
    # The booking again while this payment may keep or has its money: unique, so there is one at most.
    # A nullable column, as a conditional unique constraint is silently not enforced on MariaDB.
    active_booking_id = models.BigIntegerField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    # Minor units that went back, or are to: the sum of its refunds that have not failed. Written under its lock.
    refunded = models.BigIntegerField(default=0)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        db_table = "payment"
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        default_permissions = ("view",)
        permissions = [("resolve_payment", "Can decide about dead charges and refunds")]
        constraints = [
            models.UniqueConstraint(name="payment_gateway_key_unique", fields=["gateway_key"]),
            models.UniqueConstraint(name="payment_gateway_id_unique", fields=["gateway", "gateway_id"]),
            models.CheckConstraint(name="payment_gateway_has_a_name", condition=~Q(gateway="")),
            models.CheckConstraint(
                name="payment_step_only_while_processing",
                condition=Q(step="") | Q(step__in=PaymentStep.values, state=PaymentState.PROCESSING),
            ),
            models.CheckConstraint(
                name="payment_closing_says_since",
                condition=Q(step=PaymentStep.CLOSING, closing_since__isnull=False) | ~Q(step=PaymentStep.CLOSING),
            ),
            models.UniqueConstraint(name="payment_one_active_per_booking", fields=["active_booking_id"]),
            models.CheckConstraint(
                name="payment_active_while_it_may_have_money",
                # Null equals nothing and refuses nothing: a CHECK lets pass what it cannot decide.
                condition=Q(state__in=ACTIVE, active_booking_id__isnull=False, active_booking_id=F("booking_id"))
                | (~Q(state__in=ACTIVE) & Q(active_booking_id=None)),
            ),
            models.CheckConstraint(name="payment_state_known", condition=Q(state__in=PaymentState.values)),
            models.CheckConstraint(name="payment_amount_not_negative", condition=Q(amount__gte=0)),
            models.CheckConstraint(
                name="payment_refunds_no_more_than_it_took", condition=Q(refunded__gte=0, refunded__lte=F("amount"))
            ),
            models.CheckConstraint(name="payment_currency_is_three_capitals", condition=Q(currency__regex=CAPITALS)),
            models.CheckConstraint(
                name="payment_due_has_a_time",
                condition=Q(state=PaymentState.PROCESSING, next_at__isnull=False)
                | (~Q(state=PaymentState.PROCESSING) & Q(next_at=None)),
            ),
        ]
        indexes = [
            # The worker's to-do list: charges without an answer.
            models.Index(name="payment_to_do", fields=["state", "next_at"]),
            # The back office's search by request id.
            models.Index(name="payment_request", fields=["request_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.money} for booking {self.booking_id}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def standing(self) -> str:
        """How it stands: its state; whom it waits for, while it has none; or that it was declined."""
        if self.step in WAITING_FOR:
            return self.step
        return DECLINED if self.state == PaymentState.FAILED and self.decline_code else self.state

    @property
    def left(self) -> Money:
        """What can still be given back of it."""
        return Money(self.amount - self.refunded, self.currency)
