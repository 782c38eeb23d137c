from django.db import models


class ClockProof(models.Model):
    """
    When some process last believed the database's clock, and what its own monotonic clock showed. One row.

    All processes of one start of a machine share that clock, so they know exactly what the database's must show.
    """

    read_at = models.DateTimeField()
    boot = models.CharField(max_length=36, blank=True, default="")
    monotonic_seconds = models.FloatField()

    class Meta:
        db_table = "clock_proof"

    def __str__(self) -> str:
        return f"{self.read_at:%Y-%m-%d %H:%M:%S}"
