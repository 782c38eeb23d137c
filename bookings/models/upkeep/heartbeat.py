from django.db import models


class Heartbeat(models.Model):
    """When a background pass last finished, on database time. One row a name, overwritten."""

    name = models.CharField(max_length=32, primary_key=True)
    finished_at = models.DateTimeField()

    class Meta:
        db_table = "heartbeat"

    def __str__(self) -> str:
        return self.name
