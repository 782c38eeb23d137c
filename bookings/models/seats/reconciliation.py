from django.db import models
from django.utils.translation import gettext_lazy as _


class Reconciliation(models.Model):
    """
    One comparison of our seats with the Flight Service's, flight by flight.

    Only flights with nothing under way are compared: while calls are under way a difference means nothing.
    """

    finished_at = models.DateTimeField()
    flights_compared = models.PositiveIntegerField()
    # Looked at in vain: something was under way, or the Flight Service gave no answer.
    flights_skipped = models.PositiveIntegerField()
    # Of the flights that were compared.
    seats_held = models.PositiveIntegerField()
    seats_taken = models.PositiveIntegerField()
    # The flights on which the two differ: [{"flight": 7, "held": 4, "taken": 6}, ...]; the worst hundred. By number:
    # "leaked" are taken there, and no booking here has them, "missing" are held here and not taken there.
    drift = models.JSONField(default=list)
    # Of the flights that are looked at by turns, the one whose turn came last.
    walked_to = models.BigIntegerField(default=0)

    class Meta:
        db_table = "reconciliation"
        verbose_name = _("seat comparison")
        verbose_name_plural = _("seat comparisons")
        default_permissions = ("view",)
        # The newest, and what is too old.
        indexes = [models.Index(name="reconciliation_age", fields=["finished_at"])]

    def __str__(self) -> str:
        return f"{self.finished_at:%Y-%m-%d %H:%M}"
