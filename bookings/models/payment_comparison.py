from django.db import models
from django.utils.translation import gettext_lazy as _


class PaymentComparison(models.Model):
    """
    One comparison of our payments and refunds with those that the gateways list, both ways, of the last two days.

    What is under way on either side is left out: the worker settles it.
    """

    finished_at = models.DateTimeField()
    payments_compared = models.PositiveIntegerField()
    # Other systems use the same account.
    payments_foreign = models.PositiveIntegerField()
    # Where the two sides differ: [{"kind": "unknown", "gateway": "stripe", "payment": "pi_…"}, ...]; the first hundred.
    differences = models.JSONField(default=list)

    class Meta:
        db_table = "payment_comparison"
        verbose_name = _("comparison of payments")
        verbose_name_plural = _("comparisons of payments")
        default_permissions = ("view",)
        # The newest, and what is too old.
        indexes = [models.Index(name="payment_comparison_age", fields=["finished_at"])]

    def __str__(self) -> str:
        return f"{self.finished_at:%Y-%m-%d %H:%M}"
