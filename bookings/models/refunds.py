from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.conf import CLOCK_TOLERANCE, LAST_LOOK_PAUSE, LONGEST_REFUND_REFERENCE
from bookings.lifecycle import RefundCause
from bookings.models.bookings.booking import CAPITALS
from bookings.models.outbound_call import OutboundCall, OutboundCallQuerySet
from bookings.models.payments import Payment
from bookings.text.money import Money


class RefundState(models.TextChoices):
    # To be asked for, or asked for without an answer.
    DUE = "due"
    # The gateway has it, and has not made it yet.
    SENT = "sent"
    DONE = "done"
    # The gateway says that no money went back: for staff, until there is a decision.
    FAILED = "failed"
    # Staff have given the money back on another way.
    ELSEWHERE = "elsewhere"
    # Its outcome stayed unknown until its key was too old to ask again: for staff.
    DEAD = "dead"


class RefundSource(models.TextChoices):
    OURS = "ours"
    # It was made on the gateway's own pages.
    GATEWAY = "gateway"


class RefundDecision(models.TextChoices):
    """What became of a refund that failed."""

    # Another refund takes its place.
    AGAIN = "again"
    # The booking has ended since, and one refund of all that is left takes its place.
    REPLACED = "replaced"
    # The money stays here.
    LEFT = "left"


MOVING = [RefundState.DUE, RefundState.SENT]
"""Refunds that the worker goes on with."""

UNFINISHED = [*MOVING, RefundState.DEAD]
"""Refunds by which money may go back, or may have gone back."""

BACK = [RefundState.DONE, RefundState.ELSEWHERE]
"""Refunds whose money went back."""

NEEDS_DECISION = Q(state=RefundState.DEAD) | Q(state=RefundState.FAILED, decision="")
"""Refunds that wait for staff."""

LONGEST_LOOK_WAIT = LAST_LOOK_PAUSE + CLOCK_TOLERANCE
"""A pause that ends later was written by a clock that was ahead."""


class RefundQuerySet(OutboundCallQuerySet["Refund"]):
    def to_look_at(self, now: datetime) -> Self:
        """Refunds that the gateway has, and whose pause or lease is over."""
        sent = self.filter(state=RefundState.SENT)
        return sent.filter(next_at__lte=now) | sent.filter(next_at__gt=now + LONGEST_LOOK_WAIT)


class Refund(OutboundCall):
    """
    Money of one payment that goes back: all of it or a part, asked for once under its own `key`.

    One that fails is never sent again: a new row, with a new key, takes its place. `Payment.refunded` is the sum of the
    rows that have not failed.
    """

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    # Minor units of `currency`, which is the payment's.
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    key = models.UUIDField()
    # The gateway's own; null while it is not known.
    gateway_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  # null is never equal to null
    state = models.CharField(max_length=9, choices=RefundState.choices, default=RefundState.DUE)
    cause = models.CharField(max_length=16, choices=RefundCause.choices)
    source = models.CharField(max_length=7, choices=RefundSource.choices, default=RefundSource.OURS)
    # Who asked for it, and what they said; empty where this service did.
    asked_by = models.CharField(max_length=150, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    # Of one that failed.
    decision = models.CharField(max_length=8, choices=RefundDecision.choices, blank=True, default="")
    # Where the money went back that went on another way: the number of a bank transfer, or the like.
    reference = models.CharField(max_length=LONGEST_REFUND_REFERENCE, blank=True, default="")
    created_at = models.DateTimeField()
    # Since when the gateway has it and has not made it.
    sent_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        db_table = "refund"
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        default_permissions = ("view",)
        permissions = [("refund_payment", "Can refund payments, and decide about refunds that failed")]
        constraints = [
            models.UniqueConstraint(name="refund_key_unique", fields=["key"]),
            models.UniqueConstraint(name="refund_gateway_id_unique", fields=["gateway_id"]),
            models.CheckConstraint(name="refund_state_known", condition=Q(state__in=RefundState.values)),
            models.CheckConstraint(name="refund_cause_known", condition=Q(cause__in=RefundCause.values)),
            models.CheckConstraint(name="refund_source_known", condition=Q(source__in=RefundSource.values)),
            models.CheckConstraint(name="refund_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="refund_currency_is_three_capitals", condition=Q(currency__regex=CAPITALS)),
            models.CheckConstraint(
                name="refund_moving_has_a_time",
                condition=Q(state__in=MOVING, next_at__isnull=False) | (~Q(state__in=MOVING) & Q(next_at=None)),
            ),
            models.CheckConstraint(
                name="refund_decided_only_if_failed",
                condition=Q(decision="") | Q(state=RefundState.FAILED, decision__in=RefundDecision.values),
            ),
            models.CheckConstraint(
                name="refund_elsewhere_says_where",
                condition=(Q(state=RefundState.ELSEWHERE) & ~Q(reference=""))
                | (~Q(state=RefundState.ELSEWHERE) & Q(reference="")),
            ),
            models.CheckConstraint(
                name="refund_done_says_when",
                condition=Q(state__in=BACK, done_at__isnull=False) | ~Q(state__in=BACK),
            ),
        ]
        indexes = [
            # The worker's to-do list, and what waits for staff: failed refunds have no time.
            models.Index(name="refund_to_do", fields=["state", "next_at", "decision"]),
            # The back office's list of refunds that were made on the gateway's own pages.
            models.Index(name="refund_of_source", fields=["source"]),
            # And of money that came in too late.
            models.Index(name="refund_of_cause", fields=["cause"]),
            # The back office's search by request id.
            models.Index(name="refund_request", fields=["request_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.money} of payment {self.payment_id}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def standing(self) -> str:
        """How it stands: its state, or what was decided once it had failed."""
        return self.decision or self.state

    @property
    def needs_decision(self) -> bool:
        """Whether it waits for staff."""
        return self.state == RefundState.DEAD or (self.state == RefundState.FAILED and not self.decision)

    def is_due(self, now: datetime) -> bool:
        """Tell whether its lease or its pause is over: pauses between looks are longer than any other."""
        if self.state != RefundState.SENT:
            return super().is_due(now)
        return self.next_at is not None and not now < self.next_at <= now + LONGEST_LOOK_WAIT
