from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bookings.models.bookings.booking import CAPITALS
from bookings.models.payments import Payment
from bookings.text.money import Money


class Dispute(models.Model):
    """
    A payer who wants money back through their bank, as the gateway last showed it.

    Staff answer it at the gateway. It never changes its booking: whether the passenger may travel is decided by people.
    """

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    gateway = models.CharField(max_length=16)
    gateway_id = models.CharField(max_length=255)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # The gateway's words.
    reason = models.CharField(max_length=64, blank=True, default="")
    standing = models.CharField(max_length=32)
    outcome = models.CharField(max_length=32, blank=True, default="")
    # A question of the bank that a refund ends; else the money is gone already, and a refund would pay it twice.
    refundable = models.BooleanField(default=False)
    # Without an answer until then it is lost.
    answer_by = models.DateTimeField(null=True, blank=True)
    # By the gateway's clock.
    opened_at = models.DateTimeField()
    # When it was seen to be over.
    closed_at = models.DateTimeField(null=True, blank=True)
    # When the look began that these columns are from: an older one changes nothing.
    looked_at = models.DateTimeField()

    class Meta:
        db_table = "dispute"
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(name="dispute_gateway_id_unique", fields=["gateway", "gateway_id"]),
            models.CheckConstraint(name="dispute_amount_not_negative", condition=Q(amount__gte=0)),
            models.CheckConstraint(name="dispute_currency_is_three_capitals", condition=Q(currency__regex=CAPITALS)),
        ]
        indexes = [
            # Those that are open, by the day on which they must be answered.
            models.Index(name="dispute_to_answer", fields=["closed_at", "answer_by"]),
        ]

    def __str__(self) -> str:
        return f"{self.gateway_id}: {self.money}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)
