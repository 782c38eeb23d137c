import hashlib

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.models.outbound_call import OutboundCall, OutboundCallQuerySet


class GatewayNoticeState(models.TextChoices):
    NEW = "new"
    # What it is about was looked at.
    DONE = "done"
    # About something that was not made by this installation.
    FOREIGN = "foreign"
    # About a payment with our mark of which there is no row, or nothing could be learned for a day: for operators.
    DEAD = "dead"


class GatewayNoticeKind(models.TextChoices):
    PAYMENT = "payment"
    # `object_id` is the payment's: all refunds of it are looked at.
    REFUND = "refund"
    DISPUTE = "dispute"


class GatewayNoticeQuerySet(OutboundCallQuerySet["GatewayNotice"]):
    """Notices of payment gateways."""


class GatewayNotice(OutboundCall):
    """
    What a payment gateway has told by itself: that something about one of its objects has changed.

    A doorbell: it names the object and says nothing about it that counts, so its content is not kept. The worker looks
    at the object; that look is the call which the columns of `OutboundCall` are of. Payments are right without any
    notice, only slower.
    """

    gateway = models.CharField(max_length=16)
    event_id = models.CharField(max_length=255)
    # SHA-256 of it, hex: MariaDB's collations take `evt_a` and `evt_A` for one.
    event_hash = models.CharField(max_length=64)
    kind = models.CharField(max_length=7, choices=GatewayNoticeKind.choices)
    # The gateway's own name for what to look at.
    object_id = models.CharField(max_length=255)
    # The key of our payment, where the object carries it: it may come before we know the gateway's name.
    payment_key = models.UUIDField(null=True, blank=True)
    state = models.CharField(max_length=7, choices=GatewayNoticeState.choices, default=GatewayNoticeState.NEW)
    # By the gateway's clock.
    made_at = models.DateTimeField()
    received_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    objects = GatewayNoticeQuerySet.as_manager()

    class Meta:
        db_table = "gateway_notice"
        verbose_name = _("notice of a gateway")
        verbose_name_plural = _("notices of gateways")
        default_permissions = ("view",)
        constraints = [
            # A gateway sends each one several times.
            models.UniqueConstraint(name="gateway_notice_kept_once", fields=["gateway", "event_hash"]),
            models.CheckConstraint(name="gateway_notice_state_known", condition=Q(state__in=GatewayNoticeState.values)),
            models.CheckConstraint(name="gateway_notice_kind_known", condition=Q(kind__in=GatewayNoticeKind.values)),
            models.CheckConstraint(
                name="gateway_notice_new_has_a_time",
                condition=Q(state=GatewayNoticeState.NEW, next_at__isnull=False)
                | (~Q(state=GatewayNoticeState.NEW) & Q(next_at=None)),
            ),
        ]
        indexes = [
            # The worker's to-do list.
            models.Index(name="gateway_notice_to_do", fields=["state", "next_at"]),
            # The reaper's, and how long ago the last one came.
            models.Index(name="gateway_notice_age", fields=["received_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.event_id}"


def hash_of_event(event_id: str) -> str:
    """Give what tells two events apart, to the letter."""
    return hashlib.sha256(event_id.encode()).hexdigest()
