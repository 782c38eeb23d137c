from django.db import models
from django.db.models import F, Q


class WorkerHeartbeat(models.Model):
    """
    What one worker last said of itself, on database time: one row a worker, overwritten.

    `finished_at` is its own last pass since `started_at`, when it began its cluster; that pass began at `begun_at`.
    `heard_at` is the newest of all that it said. One that was asked to stop says so, and is missed no more.
    """

    # The machine, a slash, and what the worker is called there.
    name = models.CharField(max_length=128, primary_key=True)
    started_at = models.DateTimeField()
    begun_at = models.DateTimeField(blank=True, null=True)
    finished_at = models.DateTimeField(blank=True, null=True)
    heard_at = models.DateTimeField()
    has_stopped = models.BooleanField(default=False)

    class Meta:
        db_table = "worker_heartbeat"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                name="worker_heartbeat_a_pass_begins_before_it_ends",
                condition=Q(begun_at=None, finished_at=None) | Q(begun_at__lte=F("finished_at")),
            )
        ]
        # What is too old.
        indexes = [models.Index(name="worker_heartbeat_age", fields=["heard_at"])]

    def __str__(self) -> str:
        return self.name

    @property
    def machine(self) -> str:
        return self.name.rpartition("/")[0]

    @property
    def worker(self) -> str:
        return self.name.rpartition("/")[2]
