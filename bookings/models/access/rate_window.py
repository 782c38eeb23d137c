from django.db import models


class RateWindow(models.Model):
    """
    How many requests a caller has made since its window began.

    `name` is principal and route. Not part of the record of any booking: rows are deleted when they are old.
    """

    name = models.CharField(max_length=120, primary_key=True)
    started_at = models.DateTimeField()
    used = models.PositiveIntegerField()

    class Meta:
        db_table = "rate_window"
        # The reaper: windows that ended long ago.
        indexes = [models.Index(name="rate_window_age", fields=["started_at"])]

    def __str__(self) -> str:
        return self.name
